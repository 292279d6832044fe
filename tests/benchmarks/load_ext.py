"""How long ``%load_ext mlops_jupyter`` takes of its own, in CPU time against a bare start of IPython.

Run it alone: ``python tests/benchmarks/load_ext.py``. The last line is JSON. It exits with 1 above the limit.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

LIMIT_MS = 150
ROUNDS = 9
BARE = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
LOADED = f"{BARE}; shell.run_cell('%load_ext mlops_jupyter').raise_error()"
# a cell that does nothing, for what IPython itself does at its first cell
EMPTY = f"{BARE}; shell.run_cell('%load_ext autoreload').raise_error()"


def cpu_ms(code: str, environment: dict[str, str]) -> float:
    """Return the CPU milliseconds of a fresh Python that runs `code`."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used * 1000


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"IPYTHONDIR": home}
        for code in (BARE, LOADED, EMPTY):  # byte code is compiled once
            cpu_ms(code, environment)
        rounds = [[cpu_ms(code, environment) for code in (BARE, EMPTY, LOADED)] for _ in range(ROUNDS)]
    bare, empty, loaded = (statistics.median(column) for column in zip(*rounds, strict=True))
    own = statistics.median(r[2] - r[0] for r in rounds)
    print(f"CPU: bare IPython {bare:.0f} ms, with autoreload {empty:.0f} ms, with ours {loaded:.0f} ms")
    print(json.dumps({"load_ext_ms": round(own, 1), "limit_ms": LIMIT_MS, "bare_ipython_ms": round(bare, 1)}))
    return int(own > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
