"""When a request was asked, as it says itself: traffic of last year, replayed, is captured in last year."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from .problems import InvalidRequest

_FORM: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1678, 1, 1, tzinfo=UTC)  # before it, nanoseconds do not fit
_AHEAD: Final = timedelta(days=1)
_SHOWN: Final = 40


def read_moment(text: str) -> int:
    """Return a moment in nanoseconds since 1970, exact to a microsecond.

    Parameters
    ----------
    text : str
        As RFC 3339 writes it.

    Raises
    ------
    InvalidRequest
        When it is none, or more than a day ahead: such a row would lie in no window for long.

    Examples
    --------
    >>> read_moment("1970-01-01T01:00:00.5+01:00")
    500000000
    """
    moment = _parsed(text)
    if moment is None:
        raise InvalidRequest(400, f"x-mlops-time is {text[:_SHOWN]!r}, expected 2026-11-20T18:30:00Z")
    if moment > datetime.fromtimestamp(time.time(), UTC) + _AHEAD:
        raise InvalidRequest(400, f"x-mlops-time is {text[:_SHOWN]!r}, more than a day ahead")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _parsed(text: str) -> datetime | None:
    if not _FORM.fullmatch(text.strip()):
        return None
    try:
        moment = datetime.fromisoformat(text.strip().upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _EARLIEST else None
