"""How the agent does: who it is, what it did last, what it does next, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_jupyter.store.firings import firings
from mlops_jupyter.store.leases import leases, lives, this_host

from .schedules import failing, last_firings, upcoming

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.leases import Lease

    from .schedules import Upcoming


@dataclass(frozen=True)
class AgentStatus:
    """How the agent of this host does.

    Parameters
    ----------
    lease : Lease or None
        The agent as it last spoke of itself; None when there never was one, or it ended as it should.
    living : bool
        Whether it lives.
    elsewhere : tuple of Lease
        Living agents of other hosts that look after the same workspace.
    now : tuple of Firing
        What is due or runs.
    last : tuple of Firing
        What ended last, the newest first.
    next : tuple of Upcoming
        What comes next.
    failing : tuple of Firing
        Of each schedule whose last time did not succeed, that time.
    """

    lease: Lease | None
    living: bool
    elsewhere: tuple[Lease, ...]
    now: tuple[Firing, ...]
    last: tuple[Firing, ...]
    next: tuple[Upcoming, ...]
    failing: tuple[Firing, ...]

    @property
    def is_needed(self) -> bool:
        """Whether there is something to do and nobody to do it."""
        return not self.living and bool(self.next or self.now)


def agent_status(store: Kept, count: int = 5, now: datetime | None = None) -> AgentStatus:
    """Return how the agent does, with so many of what was and what comes."""
    moment = now or datetime.now(UTC)
    known = leases(store)
    here = next((each for each in known if each.host == this_host()), None)
    return AgentStatus(
        lease=here,
        living=here is not None and lives(here, moment),
        elsewhere=tuple(each for each in known if each is not here and lives(each, moment)),
        now=tuple(each for each in firings(store, closed=False) if not each.ended),
        last=tuple(each for each in last_firings(store, count) if each.ended),
        next=tuple(upcoming(store, count, moment)),
        failing=tuple(failing(store)),
    )
