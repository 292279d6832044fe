"""Publish in forked processes, so that one import of MLflow serves all of them; see `forks` in conftest."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from mlops_jupyter import registry
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import Workspace


def start(job: dict[str, str]) -> int:
    """Fork, publish there, and return the process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.environ["MLOPS_KILL_AT"] = job.get("kill_at", "")
        workspace = Workspace(Path(job["root"]))
        os.environ["MLOPS_TRACKING_URI"] = f"sqlite:///{job['database']}"
        registry.publish(workspace, open_store(workspace), Path(job["package"]))
    except BaseException:  # noqa: BLE001 - nothing may leave a forked process
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


# what the first use costs is paid once, before any fork
with tempfile.TemporaryDirectory() as temporary:
    os.environ["MLOPS_TRACKING_URI"] = f"sqlite:///{sys.argv[1]}"
    registry.refresh(Workspace(Path(temporary)), open_store(Workspace(Path(temporary))))

for line in sys.stdin:
    processes = [start(job) for job in json.loads(line)]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in processes]), flush=True)
