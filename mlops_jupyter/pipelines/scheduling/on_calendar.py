"""A cron expression in the words of systemd: one calendar event, or several that together say the same."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from cronsim import CronSim

from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .times import Cron

NAMES: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
ANY: Final = "*"
ANY_DAY: Final = "-*"
DAYS_OF_A_WEEK: Final = 7

# weekdays, and days of the month with the sign before them: "-01" from its begin, "~01" from its end
Days: TypeAlias = tuple[str, str]


def on_calendar(cron: Cron) -> list[str]:
    """Return the events of systemd that are due when a cron expression is.

    Raises
    ------
    UsageError
        When no events say it: the last day of the month among days counted by twos.

    Examples
    --------
    >>> from mlops_jupyter.pipelines.scheduling.times import Cron
    >>> on_calendar(Cron("*/15 6 1 * 1", "Europe/Berlin"))
    ['*-*-01 06:00,15,30,45:00 Europe/Berlin', 'Mon *-*-* 06:00,15,30,45:00 Europe/Berlin']
    """
    read = CronSim(cron.expression, datetime(2000, 1, 1))  # noqa: DTZ001 - a wall has no zone
    months = listed(read.months, range(1, 13))
    time = f"{listed(read.hours, range(24))}:{listed(read.minutes, range(60))}:00 {cron.timezone}"
    return [
        " ".join(part for part in (weekdays, f"*-{months}{days}", time) if part)
        for weekdays, days in days_of(cron, read)
    ]


def days_of(cron: Cron, read: CronSim) -> list[Days]:
    """Return which days are meant: those of the month, of the week, of either or of both."""
    of_month, of_week = days_of_month(read.days), days_of_week(read.weekdays)
    if read.day_and:
        return [both(cron, month, week) for month, week in product(of_month, of_week)]
    return [*of_month, *of_week]


def both(cron: Cron, month: Days, week: Days) -> Days:
    """Return the days that are both."""
    if month == ("", ANY_DAY):
        return week
    if week == ("", ANY_DAY):
        return month
    if month[0] or week[1] != ANY_DAY:
        hint = "use --print cron, or let the agent run it"
        raise UsageError(f"systemd cannot say {cron.expression!r}", hint=hint)
    return week[0], month[1]


def days_of_month(days: Iterable[int | tuple[int, int]]) -> list[Days]:
    """Return days of the month, the last one and the last that is worked on included."""
    wanted = set(days)
    found: list[Days] = []
    if plain := {day for day in wanted if isinstance(day, int) and day > 0}:
        found.append(("", f"-{listed(plain, range(1, 32))}"))
    if CronSim.LAST in wanted:
        found.append(("", "~01"))
    if CronSim.LAST_WEEKDAY in wanted:
        # a Friday, where the month ends on the Saturday or the Sunday after it
        found += [("Mon..Fri", "~01"), ("Fri", "~02"), ("Fri", "~03")]
    return found


def days_of_week(weekdays: Iterable[int | tuple[int, int]]) -> list[Days]:
    """Return days of the week, the second Monday and the last Friday of a month included."""
    wanted = set(weekdays)
    found: list[Days] = []
    plain = sorted({day % DAYS_OF_A_WEEK for day in wanted if isinstance(day, int)})
    if len(plain) == DAYS_OF_A_WEEK:
        return [("", ANY_DAY)]
    if plain:
        found.append((",".join(NAMES[day] for day in plain), ANY_DAY))
    for day, which in sorted(each for each in wanted if isinstance(each, tuple)):
        last = which * DAYS_OF_A_WEEK
        within = "~07/1" if which == CronSim.LAST else f"-{last - 6:02}..{min(last, 31):02}"
        found.append((NAMES[day % DAYS_OF_A_WEEK], within))
    return found


def listed(wanted: Iterable[int | tuple[int, int]], every: range) -> str:
    """Return numbers as systemd lists them.

    Examples
    --------
    >>> listed({0, 30}, range(60)), listed(range(60), range(60))
    ('00,30', '*')
    """
    numbers = sorted(number for number in wanted if isinstance(number, int))
    return ANY if numbers == list(every) else ",".join(f"{number:02}" for number in numbers)
