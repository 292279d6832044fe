"""Every server is asked in short turns, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .load import ask_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .contender import Contender
    from .data import Task
    from .load import Answers

WARM_UP = 0.3


@dataclass(frozen=True)
class Turn:
    """What one server did in one turn."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failed: int = 0


@dataclass(frozen=True)
class Entry:
    """A server and what it is asked, under a name of the table."""

    name: str
    contender: Contender
    task: Task


class Rounds:
    """The turns of several servers, round by round."""

    def __init__(self, turns: dict[str, list[Turn]]) -> None:
        self._turns = turns

    @property
    def names(self) -> list[str]:
        """Who took part."""
        return list(self._turns)

    def median(self, name: str, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(getattr(turn, figure) for turn in self._turns[name])

    def ratio(self, name: str, other: str, figure: str) -> float:
        """Return the median over the rounds of one server's figure by another's."""
        pairs = zip(self._turns[name], self._turns[other], strict=True)
        return statistics.median(getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs)

    def half(self, name: str, other: str, figure: str) -> tuple[float, float]:
        """Return between which values half of the ratios of the rounds lie."""
        pairs = zip(self._turns[name], self._turns[other], strict=True)
        ratios = [getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    def failed(self, name: str) -> int:
        """Return how many requests one server refused in all rounds."""
        return sum(turn.failed for turn in self._turns[name])

    def best(self, names: Sequence[str], figure: str) -> str | None:
        """Return who of `names` has the best median: the highest rate, else the lowest."""
        choose: Callable[..., str] = max if figure == "per_second" else min
        return choose(
            (name for name in names if name in self._turns),
            key=lambda name: self.median(name, figure),
            default=None,
        )


def alternate(entries: Sequence[Entry], rounds: int, seconds: float) -> Rounds:
    """Ask each in turn, so often and for so long; who begins changes from round to round.

    What a server writes behind its answers is of their CPU time, so that is read after the turn of the next
    one: by then it is written.
    """
    turns: dict[str, list[Turn]] = {entry.name: [] for entry in entries}
    for entry in entries:
        _ask(entry, WARM_UP)
    last: _Asked | None = None
    for number in range(rounds):
        first = number % len(entries)
        for entry in [*entries[first:], *entries[:first]]:
            if last and last.entry.contender.root == entry.contender.root:
                time.sleep(last.entry.contender.settles)
                turns[last.entry.name].append(last.turn())
                last = None
            asked = _ask(entry, seconds)
            if last:
                turns[last.entry.name].append(last.turn())
            last = asked
    if last:
        time.sleep(last.entry.contender.settles)
        turns[last.entry.name].append(last.turn())
    return Rounds(turns)


@dataclass(frozen=True)
class _Asked:
    """A turn whose CPU time is not read yet."""

    entry: Entry
    before: float
    answers: Answers

    def turn(self) -> Turn:
        cpu = self.entry.contender.cpu() - self.before
        answers = self.answers
        cpu_us = cpu / answers.count * 1e6 if answers.count else float("inf")
        return Turn(answers.per_second, answers.p50_ms, answers.p99_ms, cpu_us, answers.failed)


def _ask(entry: Entry, seconds: float) -> _Asked:
    contender, task = entry.contender, entry.task
    contender.before()
    before = contender.cpu()
    request, may_fail = contender.requests[task.name], contender.may_fail
    answers = ask_for(seconds, contender.port, request, task.connections, may_fail=may_fail)
    return _Asked(entry, before, answers)
