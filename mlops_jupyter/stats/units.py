"""Numbers as the reader wants them: three significant digits, with the unit that the column has."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS = {
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "min": "min",
    "second": "s",
    "seconds": "s",
    "sec": "s",
    "ms": "ms",
    "day": "days",
    "days": "days",
}
"""Units that the last word of a column's name gives away."""

LONGEST = 48
"""Letters of a name that is told."""

MOST_LOST = 0.15
"""Most that rounding may take of a difference."""

SPANS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))


def number(value: float, digits: int = 3) -> str:
    """Return a number with three significant digits, or as many as are asked for, and thousands set apart.

    Examples
    --------
    >>> number(1.23456), number(1234567), number(0.00001234), number(1e15)
    ('1.23', '1,230,000', '1.23e-05', '1e+15')
    """
    if not math.isfinite(value) or not 1e-4 <= abs(value) < 1e12:
        return f"{value:.{digits}g}" if value else "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{float(f'{value:.{digits}g}'):,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def apart(low: float, high: float, kind: str = "numeric") -> str:
    """Return ``low to high`` with digits enough to tell how far apart they are.

    Examples
    --------
    >>> apart(1, 2), apart(1012.4, 1015.3), apart(1000000.25, 1000000.5)
    ('1 to 2', '1,012 to 1,015', '1,000,000.25 to 1,000,000.5')
    """
    if kind == "datetime":
        return f"{moment(low)} to {moment(high)}"
    room = abs(high - low) * MOST_LOST
    digits = next((d for d in range(3, 17) if max(_lost(low, d), _lost(high, d)) <= room), 17)
    if not 0 < room < math.inf:
        digits = 3
    return f"{number(low, digits)} to {number(high, digits)}"


def _lost(value: float, digits: int) -> float:
    """Return by how much a number changes when it is written in so many digits."""
    return abs(float(f"{value:.{digits}g}") - value)


def percent(share: float) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.02134), percent(0.5), percent(0.00001)
    ('2.1 %', '50 %', 'under 0.1 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    text = f"{100 * share:.1f}"
    return f"{text.removesuffix('.0')} %"


def span(seconds: float) -> str:
    """Return a length of time in the unit that suits it.

    Examples
    --------
    >>> span(4680), span(190000), span(0.02)
    ('1.3 h', '2.2 days', '20 ms')
    """
    size, unit = next((one for one in SPANS if abs(seconds) >= one[0]), SPANS[-1])
    return f"{seconds / size:.2g} {unit}" if abs(seconds / size) < 100 else f"{number(seconds / size)} {unit}"


def quantity(value: float, kind: str) -> str:
    """Return a value of a column: a date and time, or a number."""
    return moment(value) if kind == "datetime" else number(value)


def moment(seconds: float) -> str:
    """Return seconds since 1970 as a date and time (UTC).

    Examples
    --------
    >>> moment(1384041600)
    '2013-11-10 00:00'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # years that a calendar does not have
        return number(seconds)


def unit_of(name: str) -> str:
    """Return the unit that a column's name gives away.

    Examples
    --------
    >>> unit_of("dep_hour"), unit_of("distance")
    ('h', '')
    """
    return UNITS.get(name.lower().replace("-", "_").split("_")[-1], "")


def cited(name: object) -> str:
    r"""Return a name or a level between backquotes, on one line and short.

    Examples
    --------
    >>> cited("dep_hour"), cited("two\nlines"), cited("a`b"), cited("long " * 20)
    ('`dep_hour`', '`two\\nlines`', "`a'b`", '`long long long long long long long long long lo…`')
    """
    text = str(name).replace("`", "'")
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"`{text if text.isprintable() else repr(text)[1:-1]}`"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names in a row, the rest counted.

    Examples
    --------
    >>> listed(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
