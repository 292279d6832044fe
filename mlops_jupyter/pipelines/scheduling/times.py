"""When a cron expression is due by the clock of a place, right where that clock is put forward or back.

The rules are those of Debian's cron. An expression that names its hours and minutes means the clock on the
wall: a time that the clock leaps over comes at the end of the leap, a time that comes twice counts once, the
first time. One whose minutes or hours begin with a star means every such minute that really passes: it skips
what the clock leaps over, and comes again when an hour is repeated.

cronsim reads the expression and counts on a wall without zones; the zone is added here, for its own walk
through one misses times where clocks move by half an hour, and gives times of the past in a repeated hour.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from mlops_jupyter.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS: Final = 5
NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MOST_COUNTED: Final = 1000
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_EXAMPLE: Final = "write minute, hour, day, month and weekday, as in '0 6 * * 1': Mondays at 06:00"


@dataclass(frozen=True)
class Cron:
    """When, by the clock of a place.

    Parameters
    ----------
    expression : str
        Five fields: minute, hour, day of the month, month, day of the week.
    timezone : str
        The place, as the tz database names it: ``Europe/Berlin``.
    """

    expression: str
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """The clock of the place."""
        return ZoneInfo(self.timezone)

    @property
    def by_the_wall(self) -> bool:
        """Whether it names its hours and minutes, and so means the clock on the wall."""
        minute, hour, *_ = self.expression.split()
        return not minute.startswith("*") and not hour.startswith("*")


@dataclass(frozen=True)
class Passed:
    """What was due in a stretch of time.

    Parameters
    ----------
    last : datetime
        The last time, in UTC.
    count : int
        How many there were, counted up to `MOST_COUNTED`.
    """

    last: datetime
    count: int


def read_cron(expression: str, timezone: str = "") -> Cron:
    """Read what somebody wrote.

    Parameters
    ----------
    expression : str
        Five fields, or a name such as ``@daily``.
    timezone : str
        Empty for the machine's own.

    Raises
    ------
    UsageError
        When it is no cron expression, is never due, or the zone is not known.

    Examples
    --------
    >>> read_cron("@weekly", "Europe/Berlin")
    Cron(expression='0 0 * * 0', timezone='Europe/Berlin')
    """
    zone = known_zone(timezone or local_zone())
    written = NAMED.get(expression.strip().lower(), " ".join(expression.split()))
    if written.lower() == "@reboot":
        raise UsageError("--cron cannot be '@reboot'", hint="--missed run-once makes up for what was missed")
    if len(written.split()) != FIELDS:
        fields = f"it has {len(written.split())} of 5 fields"
        raise UsageError(f"--cron cannot be {expression!r}", fields, _EXAMPLE)
    try:
        next(CronSim(written, datetime(2000, 1, 1)))  # noqa: DTZ001 - a wall has no zone
    except (CronSimError, AssertionError) as failure:
        _refuse(expression, str(failure).lower() or "a step from L", failure)
    except StopIteration:
        raise UsageError(f"--cron {expression!r} is never due", hint=_EXAMPLE) from None
    return Cron(written, zone)


def local_zone() -> str:
    """Return the name of the machine's time zone; UTC where it has none."""
    import tzlocal

    named = os.environ.get("TZ", "").removeprefix(":")
    try:
        # what tzlocal found once it keeps, and variables of a process change
        return ZoneInfo(named).key if named else tzlocal.get_localzone_name() or "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def is_local(timezone: str, moment: datetime) -> bool:
    """Whether a zone's clock shows what the machine's own does, for two years from a moment on.

    Examples
    --------
    >>> is_local(local_zone(), datetime(2026, 1, 1, tzinfo=UTC))
    True
    """
    there, here = ZoneInfo(timezone), ZoneInfo(local_zone())
    days = (moment + _DAY * number for number in range(731))
    return all(_offset(there, day) == _offset(here, day) for day in days)


def known_zone(name: str) -> str:
    """Return the name of a zone, or say which ones sound like it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = {zone.rpartition("/")[2].lower(): zone for zone in available_timezones()}
        hint = near.get(name.lower().replace(" ", "_"))
        asked = f"did you mean {hint}?" if hint else did_you_mean(name, available_timezones())
        raise UsageError(f"there is no time zone {name!r}", hint=asked) from None
    return name


def times_after(cron: Cron, moment: datetime) -> Iterator[datetime]:
    """Yield when it is due after a moment, in UTC: times of one zone do not compare in a repeated hour.

    Examples
    --------
    >>> berlin = Cron("30 2 * * *", "Europe/Berlin")
    >>> night = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the clock goes from 2:00 to 3:00
    >>> next(times_after(berlin, night)).astimezone(berlin.zone).isoformat()
    '2026-03-29T03:00:00+02:00'
    """
    walk = _by_the_wall if cron.by_the_wall else _by_the_minute
    return walk(cron.expression, cron.zone, moment.astimezone(UTC))


def passed(cron: Cron, first: datetime, until: datetime) -> Passed:
    """Return what was due from `first`, which is one of its times, up to and with `until`."""
    times = takewhile(lambda at: at <= until, times_after(cron, first))
    several = list(islice(times, MOST_COUNTED))
    if len(several) < MOST_COUNTED:
        return Passed(several[-1] if several else first, 1 + len(several))
    return Passed(_last(cron, several[-1], until), MOST_COUNTED)


def in_words(cron: Cron) -> str:
    """Say it in words.

    Examples
    --------
    >>> in_words(Cron("0 6 * * 1", "Europe/Berlin"))
    'at 06:00 on Monday (Europe/Berlin)'
    """
    words = CronSim(cron.expression, datetime(2000, 1, 1)).explain()  # noqa: DTZ001
    return f"{words[:1].lower()}{words[1:]} ({cron.timezone})"


def _refuse(expression: str, why: str, failure: Exception) -> NoReturn:
    raise UsageError(f"--cron cannot be {expression!r}", why, _EXAMPLE) from failure


def _last(cron: Cron, known: datetime, until: datetime) -> datetime:
    """Return the last time up to `until`, looked for ever further back, so that years cost no more."""
    stretch = timedelta(hours=1)
    while (start := until - stretch) > known:
        found = deque(takewhile(lambda at: at <= until, times_after(cron, start)), maxlen=1)
        if found:
            return found[0]
        stretch *= 8
    return deque(takewhile(lambda at: at <= until, times_after(cron, known)), maxlen=1).pop()


def _by_the_wall(expression: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    wall = moment.astimezone(zone).replace(tzinfo=None)
    for named in CronSim(expression, wall):
        at = _first_moment(named, zone)
        if at > moment:
            yield at
            moment = at


def _first_moment(named: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock first shows a time, or leaps over it."""
    at = named.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == named:
        return at
    return _change_between(zone, named.replace(tzinfo=zone, fold=1).astimezone(UTC), at)


def _by_the_minute(expression: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    offset = _offset(zone, moment)
    wall = (moment + offset).replace(tzinfo=None)
    while True:
        for named in CronSim(expression, wall):
            at = named.replace(tzinfo=UTC) - offset
            change = _next_change(zone, moment, at)
            if change is not None:
                break
            yield at
            moment = at
        else:
            return
        moment, offset = change, _offset(zone, change)
        wall = (change + offset - _SECOND).replace(tzinfo=None)


def _next_change(zone: ZoneInfo, moment: datetime, until: datetime) -> datetime | None:
    """Return when the clock is next put forward or back, up to `until`; None if it is not."""
    offset = _offset(zone, moment)
    while moment < until:
        later = min(moment + _DAY, until)
        if _offset(zone, later) != offset:
            return _change_between(zone, moment, later)
        moment = later
    return None


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the second of UTC at which the zone's offset becomes what it is at `after`."""
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    old = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
