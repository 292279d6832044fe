"""What is to run when, with no notebook open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_jupyter.verbs.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.results import Block


@dataclass(frozen=True)
class ScheduleReport(Result):
    """A schedule."""

    def blocks(self) -> Iterable[Block]:
        """Yield nothing yet."""
        return ()


@dataclass(frozen=True)
class ScheduleList(Result):
    """Every schedule."""

    def blocks(self) -> Iterable[Block]:
        """Yield nothing yet."""
        return ()


@dataclass(frozen=True)
class Unscheduled(Result):
    """A schedule that is gone."""

    def blocks(self) -> Iterable[Block]:
        """Yield nothing yet."""
        return ()


@dataclass(frozen=True)
class Upcoming(Result):
    """What runs next."""

    def blocks(self) -> Iterable[Block]:
        """Yield nothing yet."""
        return ()
