"""The agent from the side of who needs it: started if none lives, found if one does, and ended."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from mlops_jupyter._version import __version__
from mlops_jupyter.errors import MlopsError, UnavailableError
from mlops_jupyter.serving.processes import end_processes, find_process
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.leases import leases, lives, living_agent, this_host
from mlops_jupyter.store.workspace import explained

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.leases import Lease
    from mlops_jupyter.store.workspace import Workspace

STARTED_WITHIN = 30.0
END_GRACE = 10.0
_POLL = 0.05


def ensure_agent(workspace: Workspace) -> Lease:
    """Return the agent that looks after the workspace from this host, started if none lives.

    One of another release is replaced, unless it runs in the foreground of somebody who keeps it running.

    Raises
    ------
    UnavailableError
        When it does not start, with its reason.
    """
    return found_agent(workspace) or start_agent(workspace)


def found_agent(workspace: Workspace) -> Lease | None:
    """Return the living agent of this host, if it is one to be content with."""
    found = living_agent(Ledger(workspace))
    return found if found and (found.stays or found.version == __version__) else None


def revive_agent(workspace: Workspace) -> None:
    """Start the agent again if it ended without a word: killed, or with the machine.

    One that was stopped, or had nothing to do, has given its lease back, and stays as it is; one in the
    foreground of somebody is left to who keeps it running.
    """
    left = next((each for each in leases(Ledger(workspace)) if each.host == this_host()), None)
    if left and not left.stays and not lives(left, datetime.now(UTC)):
        with suppress(MlopsError):  # what asks is about something else, and says itself that no agent runs
            start_agent(workspace)


def start_agent(workspace: Workspace) -> Lease:
    """Start an agent and wait for its lease; of several that want one at once, one starts it."""
    import filelock

    lock = log_file(workspace).with_name("start.lock")
    with explained(workspace.root):
        try:
            with filelock.FileLock(lock, timeout=STARTED_WITHIN):
                return found_agent(workspace) or spawned(workspace)
        except filelock.Timeout as failure:
            raise UnavailableError("the agent did not start", "another process is starting it") from failure


def spawned(workspace: Workspace) -> Lease:
    """Start an agent in place of one of another release, if there is any."""
    stop_agent(workspace)
    token = secrets.token_hex(16)
    with log_file(workspace).open("ab") as log:
        subprocess.run(
            agent_command(workspace, "--token", token, "--detach"),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=workspace.root,
            env=environment_for(workspace), check=False,
        )  # fmt: skip
    return wait_for_agent(workspace)


def wait_for_agent(workspace: Workspace) -> Lease:
    """Wait until an agent has the lease, whoever started it."""
    deadline = time.monotonic() + STARTED_WITHIN
    while (found := living_agent(Ledger(workspace))) is None:
        if time.monotonic() > deadline:
            log = log_file(workspace)
            lines = log.read_text(errors="replace").split("\n") if log.exists() else []
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            raise UnavailableError("the agent did not start", last, f"{log} says more")
        time.sleep(_POLL)
    return found


def stop_agent(workspace: Workspace) -> Lease | None:
    """End the agent of this host, and return it; None when none lives. Runs under way go on to their end."""
    found = living_agent(Ledger(workspace))
    process = find_process({"pid": found.pid, "token": found.token}) if found else None
    if process:
        end_processes([process], END_GRACE)
    return found


def become_agent(workspace: Workspace) -> NoReturn:
    """Turn this process into the agent, in the foreground: for systemd, or a container."""
    sys.stdout.flush()
    os.execve(sys.executable, agent_command(workspace, "--stays"), environment_for(workspace))


def agent_command(workspace: Workspace, *more: str) -> list[str]:
    """Return the command line of an agent."""
    return [sys.executable, "-P", "-m", "mlops_jupyter.agents", "--workspace", str(workspace.root), *more]


def environment_for(workspace: Workspace) -> dict[str, str]:
    """Return the environment of an agent, and so of what it runs."""
    from mlops_jupyter.deployments.supervision import inherited_environment

    return inherited_environment() | {"MLOPS_HOME": str(workspace.root)}


def log_file(workspace: Workspace) -> Path:
    """Return where the agent writes what it did, in a folder that is there.

    Raises
    ------
    WorkspaceError
        When the workspace cannot be written.
    """
    folder = workspace.root / "agent"
    with explained(workspace.root):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "agent.log"
