"""The verb that sends a deployment more than it is used to, and says how it bore it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import RefusedError, UsageError
from mlops_jupyter.verbs.load_report import LoadReport
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.watching import open_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.deployments.folder import Serving
    from mlops_jupyter.deployments.load_generator import LoadPlan
    from mlops_jupyter.deployments.processor_time import ProcessorTime
    from mlops_jupyter.verbs.progress import Report
    from mlops_jupyter.verbs.types import Data, DeploymentName, Live

MOST_SECONDS: Final = 600.0
MOST_REQUESTS: Final = 1_000_000
MOST_RATE: Final = 20_000
MOST_CONNECTIONS: Final = 5_000
_WORTH: Final = 1.5  # seconds of stall that the connections bear
_FEWEST_CONNECTIONS: Final = 100
_MANY_CONNECTIONS: Final = 1_000
_LOOKS_EACH: Final = 0.5  # seconds


@dataclass(frozen=True)
class _Target:
    """The deployment, as it is before the load."""

    name: str
    folder: Path
    url: str
    serving: Serving
    secret: str


@verb(stage="endpoints", audited=True)
def loadtest(
    deployment: DeploymentName,
    *,
    rate: int = 100,
    duration: str = "10s",
    data: Live[Data] | None = None,
    connections: int | None = None,
) -> LoadReport:
    """Send a deployment of this workspace requests at a constant rate, and say how it bore them.

    Each request is one row, and due at its own moment whether or not earlier ones were answered; its latency
    counts from that moment. So a stall shows in the percentiles with all the requests that it kept waiting.
    The requests are real traffic: they count in the metrics and are captured. Where the deployment asks for
    an API key, it is the one in the environment variable ``MLOPS_API_KEY``, whose rate then counts, else the
    workspace's own. The requests are sent by k6 from this machine, which it shares with the server: two cores
    make some 4,000 a second.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint, on this machine.
    rate : int
        Requests a second, at most 20,000.
    duration : str
        For how long: ``30s``, ``2m``; at most 10 minutes, and 1,000,000 requests.
    data : Live[Data], optional
        Rows to send, in turn; the first 10,000 are taken. The rows that the package was tested with when left
        out.
    connections : int, optional
        The most requests that may wait for an answer at once, each on a connection of its own; those of
        one and a half seconds when left out, at least 100 and at most 1,000.

    Returns
    -------
    LoadReport
        ``ok``, the percentiles (``p50`` to ``max``, seconds), the rate that was reached, failures by status,
        processor time a request, and ``figure()``.

    Raises
    ------
    DataError
        When the first row does not fit the model.
    RefusedError
        When the deployment does not serve, or refuses the key.
    UnavailableError
        When k6 is not installed, or fails.

    Examples
    --------
    >>> mlops.loadtest("churn", rate=500, duration="30s").p99  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.load_generator import LoadPlan, find_generator
    from mlops_jupyter.deployments.traffic import requests_from, requests_of_package

    seconds = _bounded(rate, seconds_of(duration), connections)
    program = find_generator()
    target = _target(deployment)
    package = Path(target.serving.stable.package)
    given = data is not None
    bodies = requests_from(data, _schema(package)) if given else requests_of_package(package)
    waiting = connections or min(max(int(_WORTH * rate), _FEWEST_CONNECTIONS), _MANY_CONNECTIONS)
    plan = LoadPlan(f"{target.url}/predict", bodies, rate, seconds, waiting)
    with progress(f"load {deployment}") as report:
        report("first answer")
        _check(target, bodies[0])
        return _loaded(
            target, plan, program, report, "of the data" if given else "those of the package's tests"
        )


def _bounded(rate: int, seconds: float, connections: int | None) -> float:
    """Return the seconds.

    Raises
    ------
    UsageError
        When that is more than may be sent, or nothing.
    """
    for word, value, most in (
        ("rate", rate, MOST_RATE),
        ("duration", seconds, MOST_SECONDS),
        ("connections", connections if connections is not None else 1, MOST_CONNECTIONS),
    ):
        if not 1 <= value <= most:
            unit = " seconds" if word == "duration" else ""
            raise UsageError(f"--{word} cannot be {value:g}", hint=f"1 to {most:,.0f}{unit}")
    if rate * seconds > MOST_REQUESTS:
        what = f"{rate:,} requests/s for {seconds:g} s are {rate * seconds:,.0f} requests"
        raise UsageError(what, hint=f"at most {MOST_REQUESTS:,}: lower --rate or --duration")
    return seconds


def _schema(package: Path) -> dict[str, Any]:
    from mlops_jupyter.deployments.traffic import read_schema

    return read_schema(package)


def _target(name: str) -> _Target:
    """Return a deployment that answers, and is the one of that name.

    Raises
    ------
    RefusedError
        When it does not serve: nothing is sent to whatever else may listen there.
    """
    from mlops_jupyter.deployments.folder import find_folder, require_serving
    from mlops_jupyter.deployments.keys import owners_secret
    from mlops_jupyter.deployments.load_generator import API_KEY
    from mlops_jupyter.deployments.observing import observe

    workspace, _ = open_state()
    folder = find_folder(workspace.deployments, name)
    serving = require_serving(folder)
    seen = observe(folder, stopped=False)
    if seen.condition not in {"serving", "unsupervised"} or seen.url is None:
        raise RefusedError(f"{name} does not serve", hint=f"mlops status {name} says more")
    return _Target(name, folder, seen.url, serving, os.environ.get(API_KEY) or owners_secret(folder))


def _check(target: _Target, body: bytes) -> None:
    """Send one request ahead, so that what is wrong with all of them is said and not measured."""
    from mlops_jupyter.deployments.calling import refusal
    from mlops_jupyter.deployments.load_generator import API_KEY, TIMEOUT
    from mlops_jupyter.deployments.requests import open_endpoint

    bearing = {"authorization": f"Bearer {target.secret}"} if target.secret else {}
    with open_endpoint(target.folder, TIMEOUT) as endpoint:
        status, answer = endpoint.ask("/predict", body, **bearing)
    if status in {401, 403}:
        hint = f"set the environment variable {API_KEY} to a key for predictions"
        raise RefusedError(f"{target.name} lets nobody in without a key for predictions", hint=hint)
    if status not in {200, 429, 503, 504}:  # those are what a load check is there to count
        raise refusal(status, answer, 0)


def _loaded(target: _Target, plan: LoadPlan, program: Path, report: Report, source: str) -> LoadReport:
    from mlops_jupyter.deployments.load_generator import run_load
    from mlops_jupyter.deployments.processor_time import ProcessorTime
    from mlops_jupyter.deployments.supervision import living_workers

    server = ProcessorTime(lambda: living_workers(target.folder))
    measured = run_load(program, plan, _watcher(server, plan, report), target.secret)
    server.look()
    return LoadReport(
        target.name,
        target.serving.stable.version,
        target.url,
        plan.rate,
        plan.seconds,
        plan.connections,
        len(plan.bodies),
        source,
        measured,
        server.seconds,
        server.processes,
        server.busy,
    )


def _watcher(server: ProcessorTime, plan: LoadPlan, report: Report) -> Callable[[float], None]:
    """Return what tells how far it is, and reads the clocks of workers while they live."""
    looked = 0.0

    def watch(elapsed: float) -> None:
        nonlocal looked
        if elapsed - looked >= _LOOKS_EACH:
            looked = elapsed
            server.look()
        done = min(elapsed, plan.seconds)
        report(f"{plan.rate:,} requests/s", f"{done:.0f} of {plan.seconds:g} s")

    return watch
