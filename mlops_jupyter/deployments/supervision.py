"""Starting and ending the supervisor of a deployment, and waiting for what it says."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter import serving
from mlops_jupyter.errors import IntegrityError, UnavailableError
from mlops_jupyter.serving.processes import end_processes, find_process, find_processes
from mlops_jupyter.serving.spec import LOGS
from mlops_jupyter.serving.wanted import recorded_processes

from .folder import read_state, read_supervisor
from .ports import PortTakenError, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psutil

SERVER = Path(serving.__file__).resolve().parent
READY_WITHIN = 180.0  # seconds for a generation to load and warm
_STARTED_WITHIN = 20.0
_POLL = 0.02
_END_GRACE = 15.0
# What belongs to the kernel, its hub and its run, and to nobody it starts: tokens among it.
_NOT_INHERITED = (
    *("JPY_", "JUPYTER_TOKEN", "JUPYTERHUB_", "MPLBACKEND", "PYDEVD_", "PYTHONSTARTUP"),
    *("MLFLOW_RUN_ID", "MLOPS_PIPELINE_STEP"),
)


def running_supervisor(folder: Path) -> psutil.Process | None:
    """Return the living supervisor of a deployment, or None."""
    return find_process(read_supervisor(folder))


def living_workers(folder: Path) -> list[psutil.Process]:
    """Return the workers of a deployment that live, with or without a supervisor."""
    return find_processes(recorded_processes(folder))


def ensure_supervisor(folder: Path) -> None:
    """Start the supervisor if none lives; it outlives this process.

    Raises
    ------
    PortTakenError
        When it cannot listen, for another process does.
    UnavailableError
        When it does not come up otherwise, with its reason.
    """
    if running_supervisor(folder) is not None:
        return
    token = secrets.token_hex(16)
    with (folder / LOGS / "supervisor.log").open("ab") as log:
        subprocess.run(
            [sys.executable, str(SERVER), "supervise", str(folder), "--token", token],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env=inherited_environment(), check=False,
        )  # fmt: skip
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline:
        said = read_supervisor(folder)
        if said.get("token") == token:
            if said.get("error"):
                raise _cannot_listen(folder, said)
            return
        time.sleep(_POLL)
    raise UnavailableError(f"the supervisor of {folder.name} did not start", last_line(folder, "supervisor"))


def _cannot_listen(folder: Path, said: Mapping[str, Any]) -> UnavailableError:
    what, why = f"{folder.name} cannot listen", str(said["error"])
    if os.strerror(errno.EADDRINUSE) in why:
        return PortTakenError(what, f"{why}, which {owner_of(said['port'])} has")
    return UnavailableError(what, why)


def wait_for(folder: Path, generation: int, phase: str, within: float = READY_WITHIN) -> None:
    """Wait until a generation is in a phase.

    Raises
    ------
    IntegrityError
        When it fails because a package is not what was recorded.
    UnavailableError
        When it fails otherwise, or takes too long.
    """
    deadline = time.monotonic() + within
    while (state := read_state(folder, generation)).get("phase") != phase:
        if state.get("phase") == "failed":
            raise _failure(folder, state)
        if running_supervisor(folder) is None:
            raise UnavailableError(
                f"the supervisor of {folder.name} ended",
                last_line(folder, "supervisor"),
                f"mlops start {folder.name}",
            )
        if time.monotonic() > deadline:
            why = str(state.get("error") or f"it is still {state.get('phase', 'not begun')}")
            hint = f"mlops logs {folder.name} says more"
            raise UnavailableError(f"{folder.name} was not {phase} within {within:.0f} s", why, hint)
        time.sleep(_POLL)


def end_all(folder: Path) -> list[int]:
    """End the supervisor and every worker of a deployment, orphans too; return the ids of what had to end."""
    supervisor = running_supervisor(folder)
    ended = [supervisor.pid] if supervisor else []
    workers = living_workers(folder)
    if supervisor:
        end_processes([supervisor], _END_GRACE)
    end_processes(living_workers(folder), _END_GRACE)
    sockets = read_supervisor(folder).get("sockets")
    if sockets:
        shutil.rmtree(sockets, ignore_errors=True)
    return [*ended, *(process.pid for process in workers)]


def last_line(folder: Path, log: str) -> str:
    """Return the last line of one of the logs."""
    try:
        lines = (folder / LOGS / f"{log}.log").read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _failure(folder: Path, state: dict[str, Any]) -> IntegrityError | UnavailableError:
    error = str(state.get("error"))
    if state.get("integrity"):
        return IntegrityError(
            f"{folder.name} refused the package: {error}", hint="mlops verify checks every file"
        )
    what = f"generation {state.get('generation')} of {folder.name} did not come up"
    return UnavailableError(what, error, f"mlops logs {folder.name} says more")


def inherited_environment() -> dict[str, str]:
    """Return the environment for what outlives this process: without what is this process's alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
