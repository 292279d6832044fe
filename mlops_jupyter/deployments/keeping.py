"""Bringing back what should run, and ending it: after a reboot, a crash, or for good."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_jupyter.errors import MlopsError, RefusedError
from mlops_jupyter.serving.wanted import Wanted, read_wanted, write_wanted
from mlops_jupyter.store import locks
from mlops_jupyter.store.deployments import (
    DeploymentEvent,
    DeploymentRecord,
    begin_event,
    find_deployment,
    finish_event,
    put_deployment,
)

from .folder import read_serving
from .live import confirm
from .ports import choose_port
from .reserve import take_in
from .supervision import end_all, ensure_supervisor, living_workers, running_supervisor, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_jupyter.store.database import Store


@dataclass(frozen=True)
class Started:
    """What `bring_back` found and did; `changed` is false when the deployment served already."""

    record: DeploymentRecord
    version: str
    changed: bool


def bring_back(store: Store, folder: Path) -> Started:
    """Serve again what was served last, on the same port, from the same packages.

    Raises
    ------
    RefusedError
        When nothing has ever been live there.
    UnavailableError, IntegrityError
        When it does not come up, or its port is in use by another.
    """
    with locks.hold(store, f"deploy {folder.name}"):
        take_in(store, folder)
        record = find_deployment(store, folder.name)
        wanted, running = read_wanted(folder), running_supervisor(folder) is not None
        number = (wanted.active if wanted else None) or (record.generation if record else None)
        if record is None or number is None:
            hint = f"mlops deploy {folder.name} brings a version live"
            raise RefusedError(f"{folder.name} has never served", hint=hint)
        put_deployment(store, replace(record, intent="serving"))
        with _journalled(store, DeploymentEvent(record.name, "start", record.version, generation=number)):
            changed = _serve(folder, record, number, running=running)
    serving = read_serving(folder)
    return Started(record, serving.stable.version if serving else str(record.version), changed)


def _serve(folder: Path, record: DeploymentRecord, number: int, *, running: bool) -> bool:
    if not running and not living_workers(folder):
        choose_port(record.host, record.port, set())
    write_wanted(folder, Wanted(record.host, record.port, number))
    ensure_supervisor(folder)
    wait_for(folder, number, "serving")
    confirm(folder, record, number)
    return not running


def end(store: Store, folder: Path) -> list[int]:
    """Stop a deployment, and return the processes that were ended: none when it was stopped already."""
    with locks.hold(store, f"deploy {folder.name}"):
        take_in(store, folder)
        record = find_deployment(store, folder.name)
        event = DeploymentEvent(folder.name, "stop", record.version if record else None)
        with _journalled(store, event):
            if record:
                put_deployment(store, replace(record, intent="stopped"))
            return end_all(folder)


@contextmanager
def _journalled(store: Store, event: DeploymentEvent) -> Iterator[None]:
    began, event = time.monotonic(), begin_event(store, event)
    try:
        yield
    except BaseException as problem:
        text = str(problem) if isinstance(problem, MlopsError) else type(problem).__name__
        finish_event(store, event, "failed", error=text, seconds=time.monotonic() - began)
        raise
    finish_event(store, event, "done", seconds=time.monotonic() - began)
