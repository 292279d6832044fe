"""How long a small comparison takes in a warm kernel: from the request for the cell to its table.

python drift_kernel.py FOLDER
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from drift_turns import say
from jupyter_client.manager import start_new_kernel

if TYPE_CHECKING:
    from jupyter_client.blocking import BlockingKernelClient

CELLS = 9
LIMIT = 60
SETUP = """
%load_ext mlops_jupyter
import pandas as pd
reference, current = (pd.read_parquet(f"{folder}/{{side}}.parquet") for side in ("reference", "current"))
"""
SHOWN = "%mlops drift --reference reference --current current"
RESULT = f"r = {SHOWN}\nassert len(r) == 50"


def main() -> None:
    """Measure, and print."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        run(client, SETUP.format(folder=sys.argv[1]))
        first, shown = run(client, SHOWN)
        assert "text/html" in shown, shown
        each = [(run(client, RESULT)[0], run(client, SHOWN)[0]) for _ in range(CELLS)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    result, displayed = (1000 * statistics.median(times) for times in zip(*each, strict=True))
    html = len(shown["text/html"]) / 1000
    say({"small_ms": result, "shown_ms": displayed, "first_shown_ms": first * 1000, "shown_kb": html})


def run(client: BlockingKernelClient, code: str) -> tuple[float, dict[str, str]]:
    """Return how long a cell took, and what it showed."""
    shown: dict[str, str] = {}
    begun = time.perf_counter()

    def look(message: dict) -> None:
        if message["msg_type"] in ("execute_result", "display_data"):
            shown.update(message["content"]["data"])

    reply = client.execute_interactive(code, output_hook=look, timeout=LIMIT)
    taken = time.perf_counter() - begun
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"]["traceback"]))
    return taken, shown


if __name__ == "__main__":
    main()
