"""What the verbs of endpoints return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.results import Code, Facts, Note, Quantity, Result, Status, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_jupyter.deployments.observing import Observed
    from mlops_jupyter.store.deployments import DeploymentEvent
    from mlops_jupyter.verbs.results import Block, Mark

_CONDITIONS: dict[str, tuple[Mark, str]] = {
    "serving": ("ok", ""),
    "starting": ("info", "it is loading"),
    "silent": ("bad", "its processes live, but none answers"),
    "unsupervised": ("warn", "it serves, but nobody would start it again: mlops start"),
    "dead": ("bad", "it should serve and does not run: mlops start"),
    "stopped": ("info", "stopped on purpose"),
}
_OUTCOMES: dict[str, Mark] = {"done": "ok", "failed": "bad", "refused": "warn", "intended": "info"}


@dataclass(frozen=True)
class Deployed(Result):
    """A version that is live.

    Parameters
    ----------
    name, model, version : str
        The endpoint, its model, and what is stable now.
    url : str
        Where it is reached.
    proxy_url : str or None
        Where a browser on a hub reaches it.
    generation : int
        The generation that serves.
    previous : str or None
        What was stable before, and stays loaded for `rollback`.
    seconds : float
        How long it took.
    changed : bool
        False when it served this version already.
    alias : str
        What became of the alias ``champion``, in words.
    example : str
        A request to copy.
    note : str
        Why the previous version is not loaded, when it is not.
    isolated : bool
        Whether it runs in an environment of its own pins.
    terms : tuple of pairs of str
        On which terms it serves, in words: who may call, what is kept, by which certificate.
    concerns : tuple of str
        What the reader should give a thought to.
    """

    name: str
    model: str
    version: str
    url: str
    proxy_url: str | None
    generation: int
    previous: str | None
    seconds: float
    changed: bool = True
    alias: str = ""
    example: str = ""
    note: str = ""
    isolated: bool = False
    terms: tuple[tuple[str, str], ...] = ()
    concerns: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What is live, and where."""
        if not self.changed:
            return f"{self.name} serves {self.version} already at {self.url}: nothing to do"
        return f"{self.name} {self.version} is live at {self.url}"

    def blocks(self) -> Iterable[Block]:
        """Yield addresses, what can be gone back to, and a request to copy."""
        pairs: list[tuple[str, Any]] = [("address", self.url), ("documentation", f"{self.url}/docs")]
        if self.proxy_url:
            pairs.append(("through Jupyter", self.proxy_url))
        if self.isolated:
            pairs.append(("environment", "of its own pins"))
        pairs += [*self.terms, ("generation", self.generation), ("took", Quantity(self.seconds, "s"))]
        yield Facts(tuple(pairs))
        yield from (Note(concern, "warn") for concern in self.concerns)
        if self.note:
            yield Note(self.note, "warn")
        elif self.previous and self.previous != self.version:
            yield Note(f"{self.previous} stays loaded: rollback goes back to it in one write", "ok")
        if self.alias:
            yield Note(self.alias)
        if self.example:
            yield Code(self.example, "bash", title="call it")


@dataclass(frozen=True)
class RolledBack(Result):
    """An endpoint that went back.

    Parameters
    ----------
    name, version, previous : str
        The endpoint, what is stable now, and what was.
    url : str
        Where it is reached.
    generation : int
        The generation that serves.
    milliseconds : float
        From the call of the verb to the first answer by the version that is stable now.
    resident : bool
        Whether that version was loaded already, so that one write was enough.
    prediction : object
        That first answer's prediction, for the package's own example.
    reason : str or None
        Why.
    alias : str
        What became of the alias ``champion``, in words.
    recorded : bool
        False when the store could not be written: the record waits in the deployment's folder.
    """

    name: str
    version: str
    previous: str
    url: str
    generation: int
    milliseconds: float
    resident: bool
    prediction: Any = None
    reason: str | None = None
    alias: str = ""
    recorded: bool = True

    @property
    def headline(self) -> str:
        """Which version answers again, and how long that took."""
        took = (
            f"{self.milliseconds:.0f} ms"
            if self.milliseconds < 10_000
            else f"{self.milliseconds / 1000:.0f} s"
        )
        return f"{self.name} is back on {self.version}, {took} after the call"

    def blocks(self) -> Iterable[Block]:
        """Yield what was left, and how to go forward again."""
        how = "it was loaded: one write of the weights" if self.resident else "it was loaded first"
        pairs: list[tuple[str, Any]] = [
            ("from", self.previous),
            ("to", self.version),
            ("how", how),
            ("address", self.url),
        ]
        if self.reason:
            pairs.append(("reason", self.reason))
        yield Facts(tuple(pairs))
        if self.alias:
            yield Note(self.alias)
        if not self.recorded:
            text = (
                "the store could not be written; the record is kept beside the deployment and entered later"
            )
            yield Note(text, "warn")


@dataclass(frozen=True)
class StatusReport(Result):
    """Deployments, as they were found by asking.

    Parameters
    ----------
    endpoints : tuple of Observed
        Every deployment that was looked at.
    """

    endpoints: tuple[Observed, ...]

    @property
    def headline(self) -> str:
        """How many serve, or how the one does."""
        if len(self.endpoints) == 1:
            return _in_words(self.endpoints[0])
        serving = sum(each.condition in {"serving", "unsupervised"} for each in self.endpoints)
        return (
            f"{serving} of {len(self.endpoints)} deployments serve"
            if self.endpoints
            else "no deployments yet"
        )

    @property
    def url(self) -> str:
        """The address, when one deployment was asked for."""
        return str(self._only.url)

    @property
    def version(self) -> str | None:
        """The version that answers, when one deployment was asked for."""
        return self._only.version

    @property
    def condition(self) -> str:
        """How it is, when one deployment was asked for."""
        return self._only.condition

    @property
    def _only(self) -> Observed:
        (only,) = self.endpoints
        return only

    def blocks(self) -> Iterable[Block]:
        """Yield one row a deployment; for a single one everything that is known."""
        if len(self.endpoints) == 1:
            yield from _details(self.endpoints[0])
            return
        columns = ("deployment", "state", "version", "address", "up", "memory")
        yield Table(columns, tuple(map(_row, self.endpoints)), empty="mlops deploy MODEL brings one live")


def _in_words(seen: Observed) -> str:
    if seen.condition == "serving":
        return f"{seen.name} serves {seen.version} at {seen.url}"
    return f"{seen.name}: {seen.condition}, {_CONDITIONS[seen.condition][1]}"


def _row(seen: Observed) -> tuple[Any, ...]:
    mark, _ = _CONDITIONS[seen.condition]
    memory = Quantity(seen.memory, "B") if seen.memory else ""
    return seen.name, Status(seen.condition, mark), seen.version or "", seen.url or "", _up(seen), memory


def _up(seen: Observed) -> Any:
    return Quantity(seen.uptime, "s") if seen.uptime is not None else ""


def _details(seen: Observed) -> Iterator[Block]:
    mark, why = _CONDITIONS[seen.condition]
    pairs: list[tuple[str, Any]] = [("state", Status(seen.condition, mark)), ("address", seen.url or "")]
    if seen.proxy_url:
        pairs.append(("through Jupyter", seen.proxy_url))
    if seen.generation is not None:
        pairs.append(("generation", seen.generation))
    if seen.pids:
        pairs += [("processes", ", ".join(map(str, seen.pids))), ("memory", Quantity(seen.memory, "B"))]
    if seen.uptime is not None:
        pairs.append(("up", _up(seen)))
    if seen.server_code:
        pairs.append(("server code", seen.server_code))
    yield Facts(tuple(pairs))
    if seen.variants:
        rows = tuple(
            (each.version, each.role, Quantity(each.weight, "%"), each.mode) for each in seen.variants
        )
        yield Table(("version", "role", "traffic", "runs"), rows)
    if seen.error:
        yield Note(f"last error: {seen.error}", "warn")
    if why:
        yield Note(why, mark)


@dataclass(frozen=True)
class Logs(Result):
    """The last lines of a deployment's logs."""

    name: str
    lines: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many lines of what."""
        return (
            f"the last {len(self.lines)} lines of {self.name}"
            if self.lines
            else f"{self.name} has logged nothing"
        )

    def blocks(self) -> Iterable[Block]:
        """Yield the lines, and where all of them are."""
        if self.lines:
            yield Code("\n".join(self.lines))
        yield Note(f"in {', '.join(self.files)}")


@dataclass(frozen=True)
class History(Result):
    """What was done to a deployment, newest first."""

    name: str
    events: tuple[DeploymentEvent, ...]

    @property
    def headline(self) -> str:
        """How many changes."""
        count = len(self.events)
        return (
            f"{count} change{'s' if count != 1 else ''} of {self.name}"
            if count
            else f"{self.name} has no history"
        )

    def blocks(self) -> Iterable[Block]:
        """Yield one row a change."""
        columns = ("when", "who", "what", "from", "to", "outcome", "took", "reason")
        yield Table(columns, tuple(map(_event_row, self.events)))


def _event_row(event: DeploymentEvent) -> tuple[Any, ...]:
    took = Quantity(event.seconds, "s") if event.seconds is not None else ""
    outcome = Status(event.outcome, _OUTCOMES.get(event.outcome, "info"))
    when = datetime.fromisoformat(event.began)
    why = event.error or event.reason or ""
    return when, event.who, event.verb, event.previous or "", event.version or "", outcome, took, why


@dataclass(frozen=True)
class Started(Result):
    """Deployments that serve again.

    Parameters
    ----------
    endpoints : tuple of Observed
        As they were found afterwards.
    brought_back : tuple of str
        The names of those that had not run.
    failures : dict
        By name, why one did not come back.
    """

    endpoints: tuple[Observed, ...]
    brought_back: tuple[str, ...]
    failures: dict[str, str]

    @property
    def headline(self) -> str:
        """What was brought back."""
        if self.failures:
            return f"{len(self.failures)} of {len(self.endpoints)} deployments did not come back"
        if not self.endpoints:
            return "no deployment should run: nothing to do"
        if not self.brought_back:
            return f"{', '.join(each.name for each in self.endpoints)} served already: nothing to do"
        return f"serving again: {', '.join(self.brought_back)}"

    def blocks(self) -> Iterable[Block]:
        """Yield the deployments, and what went wrong."""
        columns = ("deployment", "state", "version", "address", "up", "memory")
        yield Table(columns, tuple(map(_row, self.endpoints)))
        yield from (Note(f"{name}: {why}", "bad") for name, why in self.failures.items())


@dataclass(frozen=True)
class Stopped(Result):
    """A deployment that was ended.

    Parameters
    ----------
    name : str
        The deployment.
    ended : tuple of int
        The processes that were ended.
    """

    name: str
    ended: tuple[int, ...]

    @property
    def headline(self) -> str:
        """What was ended."""
        if not self.ended:
            return f"{self.name} did not run: nothing to stop"
        return f"{self.name} is stopped: {len(self.ended)} processes ended, none left"

    def blocks(self) -> Iterable[Block]:
        """Yield how it comes back."""
        yield Note(f"mlops start {self.name} brings it back on the same port with the same version")
