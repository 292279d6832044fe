"""The mirror of runs in MLflow, from the side of those who want to be seen in it: none of them waits.

It is a process of its own (`mirroring`) that begins to import MLflow when the run begins, at a low
priority, shows each step when it has ended, and the whole when the run has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.records.history import run_record
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.settings import settings
from mlops_jupyter.store.workspace import open_workspace

from .folders import run_folder

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.definition.pipeline import Pipeline
    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.workspace import Workspace

CHILD: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from mlops_jupyter.pipelines.running.mirroring import main; main(*sys.argv[2:])"
)
NOTE: Final = "mirror.note"
FIRST_PROCESS: Final = 1  # with which a container ends, and which starts what systemd does
LOOK_SECONDS: Final = 0.1


class Mirror:
    """The mirror of a run under way, from the side of its runner.

    Parameters
    ----------
    workspace : Workspace
        Where the run is recorded.
    run : str
        The run's id.
    tracking : str or None
        The address of MLflow that was set; None for the workspace's own.
    wanted : bool
        Whether there is to be one at all.
    """

    def __init__(self, workspace: Workspace, run: str, tracking: str | None, *, wanted: bool = True) -> None:
        self._news = start(workspace, run, tracking).stdin if wanted else None

    def look(self) -> None:
        """Let it know that there is something new to show; one that does not read is not waited for."""
        if self._news:
            with suppress(OSError):
                os.write(self._news.fileno(), b"\n")

    def close(self) -> None:
        """Let it know that the run is over; what is left to do it does without us."""
        if self._news:
            with suppress(OSError):
                self._news.close()


def start(workspace: Workspace, run: str, tracking: str | None) -> subprocess.Popen[bytes]:
    """Start the process of a mirror."""
    address = {"MLOPS_TRACKING_URI": tracking} if tracking else {}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD, str(Path(__file__).parents[3]), str(workspace.root), run],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **address},
        start_new_session=True,
        cwd=workspace.root,
    )
    process.returncode = 0  # nobody waits for its end, and that is no mistake
    if process.stdin:
        os.set_blocking(process.stdin.fileno(), False)
    return process


def note_of(workspace: Workspace, record: RunRecord) -> str:
    """Return why a run is not in MLflow; nothing when it is, or will be, or is not to be."""
    try:
        return (run_folder(workspace, record.pipeline, record.id) / NOTE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def show_later(workspace: Workspace) -> None:
    """Show what is not shown yet, in a process that nobody waits for."""
    Mirror(workspace, "", settings().tracking_uri).close()


def let_mirror_end(pipeline: Pipeline, record: RunRecord) -> None:
    """Wait for the mirror of a run where nobody else would let it come to its end.

    A container, or a unit of systemd, ends with its first process, and with it all that this has left behind.
    """
    ran = any(step.state != "SKIPPED" for step in record.steps)
    if pipeline.mlflow and ran and FIRST_PROCESS in (os.getpid(), os.getppid()):
        wait_for_mirror(open_workspace(), record.id)


def wait_for_mirror(workspace: Workspace, run: str, seconds: float = 60.0) -> RunRecord:
    """Wait until a run is in MLflow, or it is known why it is not; return its record as it is then."""
    store, until = Ledger(workspace), time.monotonic() + seconds
    while True:
        record = run_record(store, run)
        if record.mlflow_run or note_of(workspace, record) or time.monotonic() > until:
            return record
        time.sleep(LOOK_SECONDS)
