"""What came due is written down before anything is done for it, once, whoever looks and however often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfoNotFoundError

from cronsim import CronSimError

from mlops_jupyter.pipelines.scheduling.schedules import cron_of
from mlops_jupyter.pipelines.scheduling.times import MOST_COUNTED, passed, times_after
from mlops_jupyter.store.firings import OPEN, Firing, attended, change, enter, firings
from mlops_jupyter.store.schedules import schedules_due

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.schedules import Schedule

#: How late something may begin and not be missed.
GRACE = timedelta(minutes=5)


def enter_due(store: Kept, now: datetime) -> list[str]:
    """Write a firing for each schedule that came due, unless its last one is still at work.

    Returns
    -------
    list of str
        What is wrong with schedules that could not be read, in one line each; they hold up no others.
    """
    at_work = {each.schedule: each for each in firings(store, closed=False) if each.state in OPEN}
    wrong = []
    for schedule in schedules_due(store, now):
        before = at_work.get(schedule.name)
        try:
            if before is None or stands_aside(store, before, now):
                enter(store, schedule, firing_for(schedule, now, before), _next(schedule, now))
        except (ZoneInfoNotFoundError, CronSimError) as failure:  # of another release, or other zones
            wrong.append(f"the schedule {schedule.name} cannot be read: {failure}; schedule it again")
    return wrong


def stands_aside(store: Kept, firing: Firing, now: datetime) -> bool:
    """Let one that has not begun make room for the next of its schedule; return whether it did."""
    if firing.state != "DUE" or attended(firing, now):
        return False
    why = f"it had not begun when the next came due{': ' if firing.reason else ''}{firing.reason}"
    gone = change(store, firing.id, firing.token, state="MISSED", reason=why, closed=True, hook="", ended=now)
    return gone is not None


def firing_for(schedule: Schedule, now: datetime, before: Firing | None = None) -> Firing:
    """Return the firing that stands for all that a schedule was due for, by its policy.

    Parameters
    ----------
    schedule : Schedule
        One that came due.
    now : datetime
        The present.
    before : Firing, optional
        One that stood aside, for which this one stands as well.
    """
    first = schedule.next_due or now
    found = passed(cron_of(schedule), first, now)
    over = found.count - 1 + (before.passed_over + 1 if before else 0)
    hook = "due" if schedule.hook else ""
    if schedule.missed == "skip" and now - found.last > GRACE:
        why = f"nobody began it within {GRACE // timedelta(minutes=1)} minutes, and --missed is skip"
        ended = Firing(0, schedule.name, found.last, "MISSED", why, passed_over=over, hook=hook)
        return replace(ended, closed=not hook, ended=now)
    return Firing(0, schedule.name, found.last, reason=_missed(over), passed_over=over, hook=hook)


def _missed(count: int) -> str:
    if not count:
        return ""
    return f"for {count}{' or more' if count >= MOST_COUNTED - 1 else ''} missed before it, too"


def _next(schedule: Schedule, now: datetime) -> datetime | None:
    return next(times_after(cron_of(schedule), now), None)
