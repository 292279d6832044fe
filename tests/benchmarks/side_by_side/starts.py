"""How long a server takes from its start to its first answer of 200, on files that are cached."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from .bare import uvicorn
from .contender import first_answer, free_port, started
from .ours import folder_of, requests_of

if TYPE_CHECKING:
    from pathlib import Path

    from .data import Task
    from .ours import Setting
    from .peers.peer import Stage

LOOK = 0.002


@dataclass(frozen=True)
class Start:
    """Seconds to the first 200: of the worker alone, and of its supervisor and it."""

    worker: float
    deployment: float


def deployment_start(setting: Setting, port: int, times: int) -> Start:
    """Stop and start a deployment so often, and return the medians."""
    starts = [_one_start(setting, port) for _ in range(times)]
    return Start(
        statistics.median(start.worker for start in starts),
        statistics.median(start.deployment for start in starts),
    )


def _one_start(setting: Setting, port: int) -> Start:
    import mlops_jupyter as mlops
    from mlops_jupyter.deployments.supervision import ensure_supervisor

    mlops.stop(setting.deployment)
    began = time.perf_counter()
    starter = threading.Thread(target=ensure_supervisor, args=(folder_of(setting),))
    starter.start()
    worker_began = _first_worker(folder_of(setting))
    first_answer(port, next(iter(requests_of(setting).values())))
    answered = time.perf_counter()
    starter.join()
    return Start(answered - worker_began, answered - began)


def _first_worker(folder: Path) -> float:
    """Return when the supervisor of a deployment was first seen to have started a worker."""
    from mlops_jupyter.deployments.supervision import running_supervisor

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = running_supervisor(folder)
            if supervisor and supervisor.children():
                return time.perf_counter()
        time.sleep(LOOK)
    raise TimeoutError(f"no worker in {folder}")


def package_start(package: Path, setting: Setting, scratch: Path, times: int) -> float:
    """Return the seconds of ``uvicorn src.inference:app`` in a package's folder, after a first one."""
    request = next(iter(requests_of(setting).values()))
    folder = scratch / package.name
    shutil.copytree(package, folder)
    seconds = []
    for _ in range(1 + times):
        port = free_port()
        command = [*uvicorn("src.inference:app", port), "--app-dir", str(folder)]
        began = time.perf_counter()
        with started(command, scratch) as process:
            first_answer(port, request, process)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


@dataclass(frozen=True)
class PeerStart:
    """Seconds to a peer's first 200, and the memory of its processes then."""

    seconds: float
    megabytes: float


def peer_start(stage: Stage, task: Task, times: int) -> PeerStart:
    """Start a peer so often, and return the medians; its very first start, which compiles, does not count."""
    with stage.running([task]):
        pass
    found = []
    for _ in range(times):
        began = time.perf_counter()
        with stage.running([task]) as peer:
            found.append(PeerStart(time.perf_counter() - began, peer.megabytes()))
    return PeerStart(
        statistics.median(each.seconds for each in found),
        statistics.median(each.megabytes for each in found),
    )
