"""Stretches of time: which requests are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST: Final = "24h"  # when nothing else is said
HOUR: Final = timedelta(hours=1)
_HOW: Final = "write 2026-11-20, 2026-11-20T18:30 or 2026-11-20T18:30+01:00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Moment: TypeAlias = str | date


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time; what happens at its very end is in the next one.

    Parameters
    ----------
    since, until : datetime
        From when, and up to when, in UTC.

    Examples
    --------
    >>> window = window_of(since="2026-11-20T10:30Z", until="2026-11-20T13:00Z")
    >>> [part.length.seconds // 60 for part in window.parts(HOUR)]
    [30, 60, 60]
    """

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    def overlaps(self, since: datetime, until: datetime) -> bool:
        """Return whether a stretch of time that includes its end has something in common with this."""
        return since < self.until and until >= self.since

    def parts(self, every: timedelta) -> Iterator[Window]:
        """Yield it in parts that end at multiples of a length, counted in UTC; an hour is the clock's.

        Raises
        ------
        UsageError
            When the length is not above zero.
        """
        if every <= timedelta(0):
            raise UsageError("a window cannot be cut into parts of no length", hint="write 1h or 1d")
        since = self.since
        while since < self.until:
            until = min(self.until, _EPOCH + every * ((since - _EPOCH) // every + 1))
            yield Window(since, until)
            since = until

    def __str__(self) -> str:
        since, until = self.since.astimezone(), self.until.astimezone()  # local, as all that is shown
        day = "" if since.date() == until.date() else "%Y-%m-%d "
        return f"{since:%Y-%m-%d %H:%M} to {until:{day}%H:%M %Z}"


def window_of(
    last: str | timedelta | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    now: datetime | None = None,
) -> Window:
    """Return the window that somebody asked for.

    Parameters
    ----------
    last : str or timedelta, optional
        How long: ``24h``, ``7d``. It ends at `until`, begins at `since`, or else ends now.
    since, until : str, date or datetime, optional
        When it begins and ends, as ISO 8601 writes it; local time where no zone is said. A date is the
        beginning of its day.
    now : datetime, optional
        What is now.

    Returns
    -------
    Window
        The last 24 hours when nothing was said.

    Raises
    ------
    UsageError
        When something is no time, all three are said, or the window ends before it begins.

    Examples
    --------
    >>> window_of("1h", now=datetime(2026, 11, 20, 12, tzinfo=UTC)).since.isoformat()
    '2026-11-20T11:00:00+00:00'
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    begin, end = _moment(since, "since"), _moment(until, "until")
    if last is not None and begin and end:
        raise UsageError("--last says nothing beside --since and --until", hint="leave one of them out")
    if last is not None or begin is None:
        length = _length(LAST if last is None else last)
        begin, end = (begin, begin + length) if begin else _before(end or now, length)
    return _checked(begin, end or now)


def _before(end: datetime, length: timedelta) -> tuple[datetime, datetime]:
    return (end - length if length < end - _EPOCH else _EPOCH), end


def _checked(since: datetime, until: datetime) -> Window:
    if since >= until:
        what = f"the window begins at {_told(since)} and ends at {_told(until)}"
        raise UsageError(what, hint="--since must be before --until, and before now")
    return Window(since, until)


def _length(last: str | timedelta) -> timedelta:
    try:
        length = last if isinstance(last, timedelta) else timedelta(seconds=seconds_of(last, "last"))
    except OverflowError:
        length = timedelta(0)
    if length <= timedelta(0) or length > timedelta(days=36500):
        raise UsageError(f"--last cannot be {str(last)!r}", hint="write 1h, 24h or 7d")
    return length


def _moment(given: Moment | None, option: str) -> datetime | None:
    """Return a moment in UTC; one without a zone is local."""
    if given is None:
        return None
    try:
        # by its text, for a naive Timestamp of pandas is a datetime that `astimezone` refuses
        text = given.isoformat() if isinstance(given, date) else given.strip()
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"--{option} cannot be {str(given)!r}", hint=_HOW) from None


def _told(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"
