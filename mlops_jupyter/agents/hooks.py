"""The command that is called when scheduled work did not succeed: without a shell, all facts as variables."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlops_jupyter.store.masking import masked_text
from mlops_jupyter.store.rows import as_text

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule

HOOK_SECONDS = 60.0


def call_hook(store: Kept, schedule: Schedule, firing: Firing, within: float = HOOK_SECONDS) -> str:
    """Call a schedule's hook for a firing, and return how that ended, in one line.

    It works in the folder of what is scheduled. It is ended after a minute, with all that it started.
    """
    facts = os.environ | facts_for(store, schedule, firing)
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                shlex.split(schedule.hook),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=facts,
                cwd=folder_of(store, schedule), start_new_session=True,
            )  # fmt: skip
        except OSError as failure:
            return f"the hook could not be started: {failure.strerror or failure}"
        return ended(process, within, said)


def facts_for(store: Kept, schedule: Schedule, firing: Firing) -> dict[str, str]:
    """Return what the hook is told, as variables of its environment."""
    return {
        "MLOPS_SCHEDULE": schedule.name,
        "MLOPS_PIPELINE": str(schedule.subject.get("pipeline", "")),
        "MLOPS_FILE": str(schedule.subject.get("file", "")),
        "MLOPS_STATE": firing.state,
        "MLOPS_REASON": firing.reason,
        "MLOPS_RUN": firing.result,
        "MLOPS_DUE": as_text(firing.due),
        "MLOPS_FIRING": str(firing.id),
        "MLOPS_HOME": str(store.workspace.root),
    }


def folder_of(store: Kept, schedule: Schedule) -> Path:
    """Return the folder of what is scheduled; the workspace where that is gone."""
    folder = Path(schedule.subject.get("file", "")).parent
    return folder if folder.is_absolute() and folder.is_dir() else store.workspace.root


def ended(process: subprocess.Popen[bytes], within: float, said: BinaryIO) -> str:
    """Wait for the hook, and say how it ended."""
    try:
        code = process.wait(within)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"the hook took longer than {within:g} s and was ended"
    if code == 0:
        return "the hook was called"
    return f"the hook ended with code {code}{_last_line(said)}"


def _last_line(said: BinaryIO) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {masked_text(last)}" if last else ""
