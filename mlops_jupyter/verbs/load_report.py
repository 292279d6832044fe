"""What a deployment did under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.results import Facts, Figure, Note, Quantity, Result, Status, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matplotlib.figure import Figure as Drawing

    from mlops_jupyter.deployments.load_generator import Measured
    from mlops_jupyter.verbs.results import Block

_SHOWN: Final = (50.0, 90.0, 99.0, 99.9, 100.0)
_REALISED: Final = 0.99  # of the asked rate, for it to have been held
_BUSY: Final = 0.9  # of the machine: from here on everybody waits for everybody
_LATE: Final = 0.02  # seconds: a generator later than that measures itself
_MEANT: Final = {
    "401": "no key: set the environment variable MLOPS_API_KEY",
    "403": "the key is not for predictions",
    "422": "rows that do not fit the model",
    "429": "over the rate that was set",
    "500": "the model failed: mlops logs says more",
    "503": "the queue was full",
    "504": "not within the deadline",
    "no answer": "refused, broken off, or not within 10 s",
    "not sent": "due while every connection waited for an answer",
}


@dataclass(frozen=True)
class LoadReport(Result):
    """How a deployment answered requests at a constant rate.

    Parameters
    ----------
    deployment, version, url : str
        The endpoint, what was stable there, and where the requests went.
    rate, seconds, connections : int, float, int
        What was asked: requests a second, for how long, how many waiting at most.
    records : int
        How many different rows were sent, in turn.
    source : str
        Where the rows came from, in words.
    measured : Measured
        What the load generator counted.
    server_cpu : float
        Seconds of processor time of the server's processes.
    workers : int
        How many processes those were.
    busy : float
        Share of this machine's processor time that was taken meanwhile, by whomever; 0 to 1.
    """

    deployment: str
    version: str
    url: str
    rate: int
    seconds: float
    connections: int
    records: int
    source: str
    measured: Measured
    server_cpu: float
    workers: int
    busy: float

    @property
    def requests(self) -> int:
        """How many requests were due: sent or not."""
        return self.measured.sent + self.measured.not_sent

    @property
    def answers(self) -> dict[str, int]:
        """Number of answers by status, with ``no answer`` and ``not sent``."""
        not_sent = {"not sent": self.measured.not_sent} if self.measured.not_sent else {}
        return {**self.measured.answers, **not_sent}

    @property
    def failed(self) -> int:
        """How many requests were not answered with 200."""
        return self.requests - self.measured.answers.get("200", 0)

    @property
    def realised(self) -> float:
        """Requests a second that were really sent."""
        return self.measured.sent / self.seconds

    @property
    def cpu_per_request(self) -> float:
        """Seconds of the server's processor time for each request that was sent."""
        return self.server_cpu / self.measured.sent

    @property
    def held(self) -> bool:
        """Whether the asked rate was reached."""
        return not self.measured.not_sent and self.realised >= _REALISED * self.rate

    @property
    def ok(self) -> bool:
        """Whether the asked rate was reached and every request was answered with 200."""
        return self.held and not self.failed

    def percentile(self, percent: float) -> float:
        """Return the latency in seconds within which so many percent of the requests were answered.

        Parameters
        ----------
        percent : float
            One of those that were taken, else the next above it.
        """
        return next(seconds for known, seconds in self.measured.percentiles if known >= percent)

    @property
    def p50(self) -> float:
        """Latency in seconds: of half of the requests."""
        return self.percentile(50)

    @property
    def p90(self) -> float:
        """Latency in seconds: of 90 percent."""
        return self.percentile(90)

    @property
    def p99(self) -> float:
        """Latency in seconds: of 99 percent."""
        return self.percentile(99)

    @property
    def p999(self) -> float:
        """Latency in seconds: of 99.9 percent."""
        return self.percentile(99.9)

    @property
    def max(self) -> float:
        """The longest latency in seconds."""
        return self.percentile(100)

    @property
    def headline(self) -> str:
        """Whether it held, and how fast it was."""
        asked = f"{self.rate:,} requests/s for {_time(self.seconds)}"
        within = f"99 % answered within {_time(self.p99)}"
        if self.ok:
            return f"{self.deployment} held {asked}: {within}, none failed"
        if self.measured.not_sent:
            return f"{self.deployment} was asked {asked}: {self._unsent}"
        if not self.held:
            got = f"and got {self.realised:,.0f}/s"
            return f"{self.deployment} was asked {asked} {got}: {self._losses}, {within}"
        return f"{self.deployment} was sent {asked}: {self._losses}, {within}"

    @property
    def _unsent(self) -> str:
        why = f"for all {self.connections:,} connections waited for answers"
        lost = f", {self._lost:,} failed" if self._lost else ""
        return f"{self.measured.not_sent:,} of {self.requests:,} could not be sent, {why}{lost}"

    @property
    def _lost(self) -> int:
        """How many requests were sent and not answered with 200."""
        return self.failed - self.measured.not_sent

    @property
    def _losses(self) -> str:
        return f"{self.failed:,} of {self.requests:,} failed" if self.failed else "none failed"

    def figure(self) -> Drawing:
        """Return the figure, for a paper or a report of your own."""
        from mlops_jupyter.verbs.load_figure import draw

        return draw(self.measured.percentiles, self._message)

    @property
    def _message(self) -> str:
        if self.measured.not_sent:
            return f"What {self.measured.not_sent:,} requests that could not be sent leave of the latencies"
        if self.failed:
            return f"99 % of {self.deployment}'s answers took up to {_time(self.p99)}, failures among them"
        return f"{self.deployment} answered 99 % of requests within {_time(self.p99)} of when they were due"

    def blocks(self) -> Iterable[Block]:
        """Yield latencies, figure, answers, what it cost, and what to know of the measurement."""
        names = tuple(f"p{percent:g}" if percent < 100 else "max" for percent in _SHOWN)
        known = dict(self.measured.percentiles)  # of a hundred requests there is no p99.9
        yield Table(names, (tuple(Quantity(known[p], "s") if p in known else None for p in _SHOWN),))
        yield Figure(self._message, self._png)
        yield Facts(tuple(self._facts()))
        if self.failed:
            yield Table(
                ("answer", "requests", "share", "meaning"), tuple(map(self._row, self.answers.items()))
            )
        yield from self._notes()

    def _png(self) -> bytes:
        from mlops_jupyter.verbs.load_figure import as_png

        return as_png(self.measured.percentiles)

    def _facts(self) -> Iterator[tuple[str, Any]]:
        reached = Status(f"{self.realised:,.0f}/s of {self.rate:,}/s", "ok" if self.held else "bad")
        sent = f"{self.requests:,} sent, none failed"
        failures = Status(self._losses, "bad") if self.failed else Status(sent, "ok")
        yield "rate", reached
        yield "requests", failures
        yield "processor time", f"{_time(self.cpu_per_request)} a request, in {self._processes}"
        yield "stable", self.version
        yield "rows", f"{self.records:,} in turn, {self.source}"
        yield "sent by", self._generator

    @property
    def _processes(self) -> str:
        return f"{self.workers} server process{'es' if self.workers != 1 else ''}"

    @property
    def _generator(self) -> str:
        own = _time(self.measured.generator_cpu / self.measured.sent)
        return f"{self.measured.generator} on this machine, {own} of processor time a request of its own"

    def _row(self, answer: tuple[str, int]) -> tuple[Any, ...]:
        status, count = answer
        share = Quantity(100 * count / self.requests, "%")
        return Status(status, "ok" if status == "200" else "bad"), count, share, _MEANT.get(status, "")

    def _notes(self) -> Iterator[Note]:
        late, latest = self.measured.lag
        if self.measured.not_sent:
            text = "the latencies leave out what was not sent: they would be worse; raise --connections"
            yield Note(text, "warn")
        elif late > _LATE:
            text = (
                f"the generator itself was up to {_time(latest)} late (p99 {_time(late)}): this machine had "
                "too little left for it, and the latencies include that"
            )
            yield Note(text, "warn")
        if self.busy > _BUSY:
            share = f"this machine was {100 * self.busy:.0f} % busy"
            text = (
                f"{share}, with server, generator and all else: with more to itself the server may do better"
            )
            yield Note(text, "warn")
        yield Note("it was real traffic: it counts in the metrics and is captured like any caller's")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, latencies in seconds."""
        words = ("ok", "requests", "failed", "realised", "cpu_per_request", "answers")
        named = {name: getattr(self, name) for name in (*words, "p50", "p90", "p99", "p999", "max")}
        return {**super().to_dict(), **named}


def _time(seconds: float) -> str:
    from mlops_jupyter.verbs.values import shown

    return shown(Quantity(seconds, "s")).text
