"""Agents and attendants as real processes, killed at named points; and waiting for what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from mlops_jupyter.serving.processes import find_process, wait_for_end
from mlops_jupyter.store.firings import claim, firings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.firings import Firing

PATIENCE = 60.0  # seconds, on a busy machine


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition to come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)


def environment(store: Ledger, kill_at: str = "") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "MLOPS_KILL_AT"}
    return kept | {"MLOPS_HOME": str(store.workspace.root)} | ({"MLOPS_KILL_AT": kill_at} if kill_at else {})


@contextlib.contextmanager
def agent(store: Ledger, *more: str, kill_at: str = "") -> Iterator[subprocess.Popen[str]]:
    """An agent of our own, which is killed after the block, and all that it started with it."""
    words = ["--workspace", str(store.workspace.root), *more]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_jupyter.agents", *words],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(store, kill_at),
    )  # fmt: skip
    try:
        yield process
    finally:
        with process:
            process.kill()
        end_attendants(store)


def end_attendants(store: Ledger) -> None:
    for firing in firings(store):
        attendant = find_process({"pid": firing.pid or 0, "token": firing.token})
        if attendant:
            with contextlib.suppress(psutil.Error):
                attendant.kill()
            wait_for_end([attendant], PATIENCE)


def attend(store: Ledger, firing: Firing, token: str, kill_at: str = "") -> int:
    """Let a process attend to a firing as one that an agent started would; return how it ended."""
    assert claim(store, firing, token, firing.due)
    words = ["--workspace", str(store.workspace.root), "--firing", str(firing.id), "--token", token]
    return subprocess.run(
        [sys.executable, "-P", "-m", "mlops_jupyter.agents.attending", *words],
        stdin=subprocess.DEVNULL, env=environment(store, kill_at), check=False, timeout=PATIENCE,
    ).returncode  # fmt: skip


def was_killed(code: int | None) -> bool:
    return code == -signal.SIGKILL
