"""The runner as a process, from the side of who starts it: it is told what to do, and it is made to end."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.store.workspace import Workspace

from .folders import run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .order import Order

CHILD = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from mlops_jupyter.pipelines.running.runner import main; main()"
)
# what a notebook's kernel, or a step that runs a pipeline, was told of itself alone
CALLERS_OWN = ("JPY_SESSION_NAME", "JPY_PARENT_PID", "MPLBACKEND", "MLFLOW_RUN_ID", "MLOPS_PIPELINE_STEP")
END_SECONDS = 60
LOG = "runner.log"


@contextmanager
def started(order: Order) -> Iterator[subprocess.Popen[bytes]]:
    """Start the runner, tell it what to do, and leave no block without its end."""
    folder = run_folder(Workspace(order.workspace), order.record.pipeline, order.record.id)
    with (folder / LOG).open("ab") as log:
        runner = subprocess.Popen(
            [sys.executable, "-P", "-c", CHILD, str(Path(__file__).parents[3])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=order.pipeline.folder,
            env=environment_for(order.workspace),
            start_new_session=True,
        )
    with runner:
        try:
            tell(runner, order)
            yield runner
        finally:
            end(runner)


def tell(runner: subprocess.Popen[bytes], order: Order) -> None:
    """Tell it what to do; the pipe stays open, for its end means to stop."""
    if runner.stdin:
        with suppress(BrokenPipeError):
            pickle.dump(order, runner.stdin)
            runner.stdin.flush()


def end(runner: subprocess.Popen[bytes]) -> None:
    """Let the runner stop what it does, as it does when nobody waits any more; kill it if it does not."""
    for pipe in (runner.stdin, runner.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()
    try:
        runner.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        runner.kill()


def environment_for(workspace: Path) -> dict[str, str]:
    """Return the environment of a run: the caller's, without what the caller was told of itself."""
    kept = {name: value for name, value in os.environ.items() if name not in CALLERS_OWN}
    return kept | {"MLOPS_HOME": str(workspace)}


@contextmanager
def stopped_by_interrupt(runner: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let Ctrl-C stop the run, and a second one kill it: the block goes on to hear how it ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []

    def stop(number: int, _frame: object) -> None:
        runner.send_signal(signal.SIGKILL if pressed else signal.SIGTERM)
        pressed.append(number)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
