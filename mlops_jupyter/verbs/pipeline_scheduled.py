"""What runs by itself: schedules, what they did, what comes next, and the agent that sees to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.inventory import counted
from mlops_jupyter.verbs.results import Code, Facts, Note, Quantity, Result, Status, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mlops_jupyter.pipelines.scheduling.schedules import Upcoming as UpcomingTime
    from mlops_jupyter.pipelines.scheduling.status import AgentStatus
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule
    from mlops_jupyter.verbs.results import Block, Mark

MARKS: Final[dict[str, Mark]] = {
    "DUE": "info",
    "RUNNING": "info",
    "SUCCEEDED": "ok",
    "FAILED": "bad",
    "STOPPED": "warn",
    "MISSED": "warn",
}
_POLICY: Final = {"run-once": "missed times are made up for by one run", "skip": "missed times are left out"}


@dataclass(frozen=True)
class ScheduleReport(Result):
    """A schedule that was made, or is only written down.

    Parameters
    ----------
    schedule : Schedule
        As it is kept.
    when : str
        In words: ``at 06:00 on Monday (Europe/Berlin)``.
    next : tuple of datetime
        The next times.
    text : str
        The same for a scheduler of the machine's own; nothing was changed here then.
    """

    schedule: Schedule
    when: str
    next: tuple[datetime, ...]
    text: str = ""

    @property
    def headline(self) -> str:
        """What runs when."""
        first = f"; first on {self.next[0]:%Y-%m-%d at %H:%M}" if self.next else ""
        if self.text:
            return f"{self.schedule.subject['pipeline']}, {self.when}: nothing was changed here"
        return f"{self.schedule.subject['pipeline']} runs {self.when}{first}"

    def blocks(self) -> Iterable[Block]:
        """Yield all that was agreed on, or the text."""
        if self.text:
            yield Code(self.text)
            return
        yield Facts(tuple(self._facts()))

    def _facts(self) -> Iterator[tuple[str, Any]]:
        yield "schedule", self.schedule.name
        yield "file", self.schedule.subject["file"]
        if self.schedule.subject["parameters"]:
            yield "parameters", dict(self.schedule.subject["parameters"])
        yield "cron", f"{self.schedule.cron} ({self.schedule.timezone})"
        yield "next", ", ".join(f"{each:%a %Y-%m-%d %H:%M}" for each in self.next)
        yield "missed", _POLICY[self.schedule.missed]
        yield "after a failure", self.schedule.hook or "%mlops shows it; --hook COMMAND calls you"


@dataclass(frozen=True)
class ScheduleList(Result):
    """Every schedule.

    Parameters
    ----------
    schedules : tuple of Schedule
        The next to come first.
    last : mapping of str to Firing
        What each did last.
    """

    schedules: tuple[Schedule, ...]
    last: dict[str, Firing]

    @property
    def headline(self) -> str:
        """How many there are, and whether they are well."""
        if not self.schedules:
            return "nothing is scheduled"
        bad = [name for name, firing in self.last.items() if MARKS[firing.state] in ("bad", "warn")]
        failed = f"; not well the last time: {', '.join(bad)}" if bad else ""
        return f"{counted(len(self.schedules), 'schedule')}{failed}"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a schedule."""
        columns = ("schedule", "cron", "zone", "parameters", "last", "began", "run", "next")
        rows = tuple(self._row(schedule) for schedule in self.schedules)
        yield Table(columns, rows, empty="%mlops pipeline schedule --cron '0 6 * * 1' makes the first")

    def _row(self, schedule: Schedule) -> tuple[Any, ...]:
        last = self.last.get(schedule.name)
        told = (_state(last), last.began or last.due, last.result) if last else ("never", None, None)
        when = (schedule.name, schedule.cron, schedule.timezone, dict(schedule.subject["parameters"]))
        return *when, *told, schedule.next_due


@dataclass(frozen=True)
class Unscheduled(Result):
    """A schedule that is gone."""

    schedule: Schedule

    @property
    def headline(self) -> str:
        """What does not run any more."""
        return f"{self.schedule.name} does not run by itself any more; its runs stay"


@dataclass(frozen=True)
class Upcoming(Result):
    """What runs next.

    Parameters
    ----------
    times : tuple of Upcoming
        The soonest first.
    agent : bool
        Whether an agent lives that sees to it.
    """

    times: tuple[UpcomingTime, ...]
    agent: bool = True

    @property
    def headline(self) -> str:
        """What is next, and when."""
        if not self.times:
            return "nothing is scheduled"
        first = self.times[0]
        return f"next: {first.schedule.name} on {_moment(first.due)}"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a time, and whether anybody sees to it."""
        rows = tuple((each.schedule.name, _moment(each.due)) for each in self.times)
        yield Table(("schedule", "when, by its own clock"), rows, empty="%mlops pipeline schedule makes one")
        if self.times and not self.agent:
            yield Note("no agent runs that would do it: mlops agent start", "bad")


def _moment(due: datetime) -> str:
    return f"{due:%a %Y-%m-%d %H:%M} ({due.tzinfo})"


@dataclass(frozen=True)
class AgentReport(Result):
    """What the agent did last and does next, and what went wrong.

    Parameters
    ----------
    status : AgentStatus
        As it is found now.
    printed : str
        What keeps it running, for systemd or cron, when that was asked for.
    """

    status: AgentStatus
    printed: str = ""

    @property
    def running(self) -> bool:
        """Whether it lives on this host."""
        return self.status.living

    @property
    def headline(self) -> str:
        """Whether it runs, and what it does next."""
        following = self.status.next[0] if self.status.next else None
        moment = f"next: {following.schedule.name} on {_moment(following.due)}" if following else ""
        then = f"; {moment or 'nothing is scheduled'}"
        if self.status.living:
            return f"the agent runs{then}"
        if self.status.is_needed:
            return f"NO agent runs here{then}"
        return "no agent runs here, and none is needed: nothing is scheduled"

    def blocks(self) -> Iterable[Block]:
        """Yield what went wrong, who it is, what it does, did and will do."""
        if self.printed:
            yield Code(self.printed)
            return
        yield from self._troubles()
        if self.status.now:
            yield _firings(self.status.now, "Now")
        if self.status.last:
            yield _firings(self.status.last, "Last")
        if self.status.next:
            rows = tuple((each.schedule.name, _moment(each.due)) for each in self.status.next)
            yield Table(("schedule", "when, by its own clock"), rows, "Next")
        if self.status.living:
            yield Facts(tuple(self._self()), "The agent", folded=True)

    def _troubles(self) -> Iterator[Note]:
        if self.status.lease is not None and self.status.lease.trouble:
            yield Note(self.status.lease.trouble, "bad")
        if self.status.is_needed:
            yield Note("start it: mlops agent start", "bad")
        for firing in self.status.failing:
            yield Note(failure_of(firing), MARKS[firing.state])
        for lease in self.status.elsewhere:
            yield Note(f"an agent on {lease.host} looks after this workspace as well")

    def _self(self) -> Iterator[tuple[str, Any]]:
        lease = self.status.lease
        if lease is not None:
            yield "process", f"{lease.pid} on {lease.host}"
            yield "since", lease.since
            yield "last heard of", lease.beat
            yield "release", lease.version
            yield "memory", _memory(lease.pid)


def _firings(firings: Iterable[Firing], title: str) -> Table:
    rows = tuple(
        (each.schedule, _state(each), each.due, _took(each), each.result, each.reason) for each in firings
    )
    return Table(("schedule", "state", "due", "time", "run", "why"), rows, title)


def _state(firing: Firing) -> Status:
    return Status(firing.state.lower(), MARKS[firing.state])


def _took(firing: Firing) -> Quantity | None:
    if firing.began is None or firing.ended is None:
        return None
    return Quantity((firing.ended - firing.began).total_seconds(), "s")


def failure_of(firing: Firing) -> str:
    """Return in words why the last run of a schedule did not succeed, and where more stands."""
    why = f": {firing.reason}" if firing.reason else ""
    more = f"; see: mlops pipeline show {firing.result}" if firing.result else ""
    return f"schedule {firing.schedule} {firing.state.lower()}{why}{more}"


def _memory(pid: int) -> Any:
    import psutil

    try:
        return Quantity(psutil.Process(pid).memory_info().rss, "B")
    except psutil.Error:
        return None
