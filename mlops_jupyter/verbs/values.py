"""How a value reads: three significant digits, units, local time, a word beside every mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from mlops_jupyter.verbs.results import (
    Bar,
    Branch,
    Mark,
    Quantity,
    Sayings,
    Shape,
    Sparkline,
    Status,
    Titled,
)

SYMBOLS: Final[dict[Mark, str]] = {"ok": "✓", "warn": "!", "bad": "✗", "info": "•"}
ABSENT: Final = "-"
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_LETTERS: Final = 12  # of a distribution
_MOST_DECIMALS: Final = 4
_GROUPED_FROM: Final = 100_000  # a port or a year is a name and not a quantity
_BYTES: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
_SECONDS: Final = (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


class Shown(NamedTuple):
    """A value as text, with what the renderer must know of it."""

    text: str
    number: bool = False
    mark: Mark | None = None
    more: str = ""
    fraction: bool = False
    drawn: Bar | Sparkline | Shape | Titled | Sayings | Branch | None = None


def shown(value: Any) -> Shown:
    """Return a value as it is to be read.

    Examples
    --------
    >>> shown(0.123456).text, shown(336776).text, shown(Quantity(1536, "B")).text, shown(None).text
    ('0.123', '336,776', '1.54 kB', '-')
    >>> status = shown(Status("ready", "ok"))
    >>> status.text, status.mark
    ('ready', 'ok')
    >>> shown(Sparkline((0.0, 0.5, None, 1.0))).text
    '▁▅ █'
    """
    if isinstance(value, Status):
        return Shown(value.word, mark=value.mark)
    if isinstance(value, Quantity):
        return Shown(_quantity(value), number=True)
    if isinstance(value, Bar | Sparkline | Shape | Titled | Sayings | Branch):
        return _drawn(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, bool):
        return Shown("yes" if value else "no")
    if isinstance(value, int):
        return Shown(f"{value:,}" if abs(value) >= _GROUPED_FROM else str(value), number=True)
    if isinstance(value, float):
        return Shown(number(value), number=True, fraction=True)
    return Shown(_words(value))


def _drawn(value: Bar | Sparkline | Shape | Titled | Sayings | Branch) -> Shown:
    """Return what a face without drawings says in their place."""
    if isinstance(value, Bar):
        return Shown(value.text or number(value.value), number=True, fraction=True, drawn=value)
    if isinstance(value, Sparkline):
        return Shown(blocks(value.values, value.limit or 0.0), more=value.about, drawn=value)
    if isinstance(value, Shape):
        return Shown(blocks(_fewer(value.shares)), more=value.about, drawn=value)
    if isinstance(value, Branch):
        return Shown(f"{value.lanes} {value.name}" if value.lanes else value.name, drawn=value)
    if isinstance(value, Titled):
        return Shown(f"{value.text} ({value.under})" if value.under else value.text, drawn=value)
    return Shown("; ".join(value.lines).replace("`", ""), drawn=value)


def blocks(values: Sequence[float | None], full: float = 0.0) -> str:
    """Return numbers of at least 0 as blocks of eight heights, a space where there is none.

    The greatest of them is of full height, or `full` where all are less.

    Examples
    --------
    >>> blocks((0, 1, 2, None, 4))
    '▁▃▅ █'
    """
    most = max([full, *(value for value in values if value is not None)]) or 1.0
    heights = (None if value is None else min(int(8 * max(value, 0) / most), 7) for value in values)
    return "".join(" " if height is None else _BLOCKS[height] for height in heights)


def _fewer(shares: Sequence[float]) -> Sequence[float]:
    """Return shares in at most `_LETTERS` cells."""
    step = -(-len(shares) // _LETTERS) or 1
    return [sum(shares[i : i + step]) for i in range(0, len(shares), step)]


def is_numeric(cells: Sequence[Shown]) -> bool:
    """Return whether a column is one of numbers, and to be aligned as such; what is absent does not count."""
    present = [cell.number for cell in cells if cell.text != ABSENT]
    return any(present) and all(present)


def aligned(cells: Sequence[Shown]) -> list[Shown]:
    """Return a column with as many decimals in each fraction as the most has: the points stand in line.

    Examples
    --------
    >>> [cell.text for cell in aligned([shown(0.754), shown(0.19), shown(1.0)])]
    ['0.754', '0.190', '1.000']
    """
    if not is_numeric(cells) or any(cell.fraction and "e" in cell.text for cell in cells):
        return list(cells)
    places = max((len(cell.text.partition(".")[2]) for cell in cells if cell.fraction), default=0)
    return [cell._replace(text=_padded(cell.text, places)) if cell.fraction else cell for cell in cells]


def _padded(text: str, places: int) -> str:
    whole, _, decimals = text.partition(".")
    if places > _MOST_DECIMALS or "," in whole:
        return text
    return f"{whole}.{decimals.ljust(places, '0')}" if places else text


def number(value: float) -> str:
    """Return a number in three significant digits, as people write it.

    Examples
    --------
    >>> number(0.00012345), number(12.0), number(98765.4), number(0.9)
    ('0.000123', '12', '98,800', '0.9')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    rounded = float(f"{value:.3g}")
    if rounded and not 1e-4 <= abs(rounded) < 1e9:
        return f"{value:.2e}"
    return f"{rounded:,.7f}".rstrip("0").rstrip(".")


def _quantity(quantity: Quantity) -> str:
    scales = {"B": _BYTES, "s": _SECONDS}.get(quantity.unit)
    if scales is None:
        return f"{number(quantity.value)} {quantity.unit}".strip()
    if not quantity.value:
        return f"0 {quantity.unit}"
    size = abs(quantity.value)
    unit, scale = next((pair for pair in scales if size >= pair[1] * 0.9995), scales[-1])
    return f"{number(quantity.value / scale)} {unit}"


def _time(moment: datetime) -> Shown:
    local = moment.astimezone()
    return Shown(f"{local:%Y-%m-%d %H:%M}", more=f"{local:%Y-%m-%d %H:%M:%S %Z (UTC%z)}")


def _words(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={shown(item).text}" for key, item in value.items()) or ABSENT
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(item).text for item in value) or ABSENT
    return str(value)
