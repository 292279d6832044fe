"""What the agent does: kinds of work, each looked at in its own time. A new kind is entered here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .schedules import Schedules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mlops_jupyter.store.direct import Kept


class Work(Protocol):
    """A kind of work.

    What there is to do, and what was done, is in rows of the store and nowhere else: the agent may be killed
    at any point, and the next one must find all it needs there.
    """

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def every(self) -> float:
        """After how many seconds it is looked at again."""

    def look(self, store: Kept, now: datetime) -> datetime | None:
        """Do what there is to do now, and quickly; return when there will be more, as far as is known."""


#: Makes each kind of work anew for an agent. What keeps an agent from ending itself when it has nothing to
#: do is asked in `store.leases.end_idle_lease`.
WORKS: tuple[Callable[[], Work], ...] = (Schedules,)
