"""Killed at any write, a build leaves nothing visible, and the next one succeeds."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import mlops_jupyter.packaging
from mlops_jupyter.serving.manifest import verify

# One process imports everything once, by building once, then forks a child for each kill: imports are slow.
# That build fills the cache too, so for the kill while it is written the pins are taken out of it again.
SCRIPT = """
import json, os, sys
import numpy as np
from sklearn.linear_model import LinearRegression
from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace

rows = np.arange(40.0).reshape(20, 2)
model = LinearRegression().fit(rows, rows.sum(axis=1))

def build_one(name, point):
    os.environ["MLOPS_KILL_AT"] = point
    workspace = open_workspace()
    request = PackageRequest(model, name, rows, rows.sum(axis=1), format="skops")
    built = build(workspace, open_store(workspace), request, lambda _: None)
    print(json.dumps({"path": str(built.path), "version": built.version}), flush=True)

def forked(name, point):
    child = os.fork()
    if child == 0:
        build_one(name, point)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(json.dumps({"point": point, "signal": os.WTERMSIG(status)}), flush=True)

build_one("first", "")
for number, point in enumerate(sys.argv[1:]):
    if point == "package.cache":
        for entry in (open_workspace().root / "cache" / "pins").glob("*.json"):
            if b"hashed" in entry.read_bytes():
                entry.unlink()
    forked(f"killed_{number}", point)
    forked(f"killed_{number}", "")
"""

SOURCES = Path(mlops_jupyter.packaging.__file__).parent.glob("*.py")
NAMED = {point for source in SOURCES for point in re.findall(r'"(package\.[a-z_.]+)"', source.read_text())}
COMPOSED = {f"package.{name}" for name in ("MLmodel", "conda.yaml", "python_env.yaml", "tests.conftest.py")}
WRITES = sorted(NAMED | COMPOSED)


def test_a_kill_at_every_write_leaves_no_half_package_and_a_rerun_succeeds(run_python, tmp_path):
    assert len(WRITES) > 15
    home = tmp_path / "home"
    done = run_python(SCRIPT, *WRITES, MLOPS_HOME=str(home))
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    killed = {entry["point"]: entry["signal"] for entry in said if entry.get("point")}
    assert killed == dict.fromkeys(WRITES, signal.SIGKILL)
    built = [entry for entry in said if "path" in entry]
    assert len(built) == 1 + len(WRITES)
    assert {entry["version"] for entry in built} == {"1.0.0"}
    for entry in built:
        assert verify(entry["path"]).version == "1.0.0"
    visible = (home / "packages").glob("*/*")
    assert sorted(map(str, visible)) == sorted(entry["path"] for entry in built)
    assert not list((home / "packages").glob(".building-*"))
