"""What really runs: found by asking, never from memory."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.errors import UnavailableError
from mlops_jupyter.serving.wanted import read_wanted

from .addresses import proxy_url_of, url_of
from .folder import read_certificate, read_model, read_serving, read_state
from .requests import Endpoint
from .supervision import living_workers, running_supervisor

if TYPE_CHECKING:
    from pathlib import Path

    import psutil

    from mlops_jupyter.serving.wanted import Wanted

Condition = Literal["serving", "starting", "silent", "unsupervised", "dead", "stopped"]
_ANSWERS_WITHIN = 2.0


@dataclass(frozen=True)
class ObservedVariant:
    """One resident version, as the server itself says: role, percent of the traffic, local or remote."""

    version: str
    role: str
    weight: float
    mode: str


@dataclass(frozen=True)
class Observed:
    """One deployment, as it was found.

    Parameters
    ----------
    name, model : str
        The endpoint and its model.
    condition : str
        ``serving``; ``starting``; ``silent`` (processes live, none answers); ``unsupervised`` (it serves,
        but would not be started again if it fell); ``dead`` (it should run and does not); ``stopped``.
    url, proxy_url : str or None
        Where it is reached.
    version, generation : str, int or None
        What answers.
    variants : tuple of ObservedVariant
        What is loaded.
    pids : tuple of int
        Supervisor first, then the workers.
    memory : int
        Resident bytes of all of them.
    since : float or None
        When the oldest worker of the generation was started, seconds since the epoch.
    server_code : str or None
        Hash of the server's code.
    error : str or None
        The last thing that went wrong in this generation.
    """

    name: str
    model: str
    condition: Condition
    url: str | None = None
    proxy_url: str | None = None
    version: str | None = None
    generation: int | None = None
    variants: tuple[ObservedVariant, ...] = ()
    pids: tuple[int, ...] = ()
    memory: int = 0
    since: float | None = None
    server_code: str | None = None
    error: str | None = None

    @property
    def uptime(self) -> float | None:
        """Seconds that the generation has been up."""
        return time.time() - self.since if self.since else None


def observe(folder: Path, *, stopped: bool) -> Observed:
    """Look at a deployment: its processes, and what its server answers.

    Parameters
    ----------
    folder : Path
        The deployment's folder.
    stopped : bool
        Whether it was stopped on purpose.
    """
    supervisor, workers, wanted = running_supervisor(folder), living_workers(folder), read_wanted(folder)
    certificate = read_certificate(folder)
    health = _health(wanted, certificate, folder.name) if wanted and workers else None
    generation = health["generation"] if health else wanted.active if wanted else None
    state = read_state(folder, generation) if generation is not None else {}
    processes = [supervisor, *workers] if supervisor else workers
    return Observed(
        name=folder.name,
        model=read_model(folder),
        condition=_condition(supervisor, workers, health, state, stopped=stopped),
        url=url_of(wanted.host, wanted.port, tls=bool(certificate)) if wanted else None,
        proxy_url=proxy_url_of(wanted.port, tls=bool(certificate)) if wanted else None,
        version=_version(folder, health),
        generation=generation,
        variants=_variants(health),
        pids=tuple(process.pid for process in processes),
        memory=sum(map(_memory, processes)),
        since=_since(state, workers),
        server_code=health.get("server_code") if health else None,
        error=state.get("error"),
    )


def _condition(
    supervisor: psutil.Process | None,
    workers: list[psutil.Process],
    health: dict[str, Any] | None,
    state: dict[str, Any],
    *,
    stopped: bool,
) -> Condition:
    if health:
        return "serving" if supervisor else "unsupervised"
    if supervisor and state.get("phase") in {None, "starting", "ready", "ended"}:
        return "starting"
    if supervisor or workers:
        return "silent"
    return "stopped" if stopped else "dead"


def _health(wanted: Wanted, certificate: str | None, name: str) -> dict[str, Any] | None:
    """Return what the endpoint says, if it is this deployment's."""
    try:
        with Endpoint(wanted.host, wanted.port, _ANSWERS_WITHIN, certificate=certificate) as endpoint:
            status, health = endpoint.ask("/health")
    except UnavailableError:
        return None
    return health if status == 200 and health.get("deployment") == name else None


def _version(folder: Path, health: dict[str, Any] | None) -> str | None:
    if health:
        return next((str(each["version"]) for each in health["variants"] if each["role"] == "stable"), None)
    serving = read_serving(folder)
    return serving.stable.version if serving else None


def _variants(health: dict[str, Any] | None) -> tuple[ObservedVariant, ...]:
    entries = health["variants"] if health else ()
    return tuple(ObservedVariant(e["version"], e["role"], e["weight"], e["mode"]) for e in entries)


def _memory(process: psutil.Process) -> int:
    import psutil

    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _since(state: dict[str, Any], workers: list[psutil.Process]) -> float | None:
    living = {process.pid for process in workers}
    started = [each["create_time"] for each in state.get("processes", []) if each["pid"] in living]
    return min((moment for moment in started if moment), default=None)
