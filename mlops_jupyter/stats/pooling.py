"""Two windows as one matrix: what a measure of many columns at once is computed on.

Every number becomes its rank among the rows of both windows. Trees see nothing but order, and one outlier of
1e12, an infinite value or a unit that is far off then weighs no more than any other row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_jupyter.errors import DataError

MOST_ROWS = 20_000
MOST_VALUES = 2_000_000  # of a window
MOST_LEVELS = 250  # HistGradientBoosting bears 255 in a column
Columns = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Encoded:
    """One column of both windows, reference first: ranks or codes of levels; NaN where a value is missing."""

    values: Floats
    categorical: bool = False


@dataclass(frozen=True, eq=False)
class Pooled:
    """The columns that two windows share, row by row.

    Parameters
    ----------
    columns : dict[str, Encoded]
        Those that say something: not the same value in every row.
    sizes : tuple[int, int]
        Rows of the reference, which come first, and of the current window.
    left_out : dict[str, str]
        Every other column, and why.
    """

    columns: dict[str, Encoded]
    sizes: tuple[int, int]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.columns)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Which of the columns hold levels."""
        return np.array([column.categorical for column in self.columns.values()], dtype=bool)

    @property
    def matrix(self) -> Floats:
        """Rows by columns, each column contiguous."""
        return np.asfortranarray(np.column_stack([column.values for column in self.columns.values()]))

    @property
    def is_current(self) -> NDArray[np.bool_]:
        """Which rows are of the current window."""
        return np.arange(sum(self.sizes)) >= self.sizes[0]


class LeftOutError(Exception):
    """Why a column takes no part; told with the result, never raised to the reader."""


def pooled(reference: Columns, current: Columns, rng: np.random.Generator, least: int) -> Pooled:
    """Return the shared columns of both windows, of at most `MOST_ROWS` rows a side, in their order.

    Of more than 100 columns fewer rows are taken, so that the cost is bounded.

    Raises
    ------
    DataError
        When a window has fewer than `least` rows, its columns differ in length, or no column is left.
    """
    sizes = length(reference, "reference", least), length(current, "current window", least)
    most = min(MOST_ROWS, max(MOST_VALUES // len(reference), 1_000))
    taken = sample(sizes[0], most, rng), sample(sizes[1], most, rng)
    columns, left_out = {}, one_sided(reference, current)
    for name in (name for name in reference if name in current):
        try:
            columns[name] = telling(encoded(reference[name][taken[0]], current[name][taken[1]]))
        except LeftOutError as why:
            left_out[name] = str(why)
    if not columns:
        raise DataError("no column to compare", why=reasons(left_out))
    return Pooled(columns, (len(taken[0]), len(taken[1])), left_out)


def length(window: Columns, which: str, least: int) -> int:
    """Return how many rows the window has."""
    lengths = {name: len(values) for name, values in window.items()}
    if len(set(lengths.values())) > 1:
        (short, few), (long, many) = (f(lengths.items(), key=lambda item: item[1]) for f in (min, max))
        raise DataError(f"the {which}'s columns differ in length: {short!r} has {few} rows, {long!r} {many}")
    rows = next(iter(lengths.values()), 0)
    if rows < least:
        raise DataError(
            f"the {which} has {rows} row{'' if rows == 1 else 's'}: too few to compare all columns at once",
            hint=f"give it {least} or more",
        )
    return rows


def sample(rows: int, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the places of at most `most` rows, in their order."""
    return np.arange(rows) if rows <= most else np.sort(rng.choice(rows, most, replace=False))


def one_sided(reference: Columns, current: Columns) -> dict[str, str]:
    """Return the columns that only one window has."""
    gone = {name: "is not in the current window" for name in reference if name not in current}
    return gone | {name: "is not in the reference" for name in current if name not in reference}


def reasons(left_out: Mapping[str, str], shown: int = 3) -> str:
    """Return the first few reasons as one line."""
    told = "; ".join(f"{name!r} {why}" for name, why in list(left_out.items())[:shown])
    return told + ("; …" if len(left_out) > shown else "") if told else "the windows have none"


def telling(column: Encoded) -> Encoded:
    """Return the column, which must hold more than one value."""
    if np.isnan(column.values).all():
        raise LeftOutError("is missing in every row")
    first = column.values[0]
    if (column.values == first).all():
        raise LeftOutError("has the same value in every row")
    return column


def encoded(reference: NDArray[Any], current: NDArray[Any]) -> Encoded:
    """Return one column of both windows as ranks or codes."""
    kinds = [kind_of(reference), kind_of(current)]
    if "datetime" in kinds:
        raise LeftOutError("holds times, which tell any two windows apart")
    if all(kind in ("numeric", "missing") for kind in kinds):
        return Encoded(ranks(np.concatenate([numbers(reference), numbers(current)])))
    if "numeric" in kinds and "missing" not in kinds:
        raise LeftOutError(f"is {told(kinds[1])} in the current window and {told(kinds[0])} in the reference")
    return levels(np.concatenate([reference.astype(object), current.astype(object)]))


def told(kind: str) -> str:
    """Return the kind as one says it."""
    return {"numeric": "numbers", "levels": "text"}[kind]


def kind_of(values: NDArray[Any]) -> str:
    """Return ``numeric``, ``datetime``, ``levels``, or ``missing`` where no value says which."""
    if values.dtype.kind in "biufm":
        return "missing" if values.dtype.kind == "f" and np.isnan(values).all() else "numeric"
    if values.dtype.kind == "M":
        return "datetime"
    known = [value for value in values.tolist() if not is_missing(value)]
    if not known:
        return "missing"
    if all(hasattr(value, "timestamp") for value in known):
        return "datetime"
    return "numeric" if all(isinstance(value, (Real, Decimal)) for value in known) else "levels"


def is_missing(value: Any) -> bool:
    """Return whether `value` stands for a missing one: None, NaN, or what pandas writes for NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating, Decimal)) and value != value


def numbers(values: NDArray[Any]) -> Floats:
    """Return the values as float64, NaN where missing."""
    if values.dtype.kind != "O":
        return values.astype(np.float64)
    return np.array(
        [np.nan if is_missing(value) else float(value) for value in values.tolist()], dtype=np.float64
    )


def ranks(values: Floats) -> Floats:
    """Return the dense ranks of the values from 0; NaN stays.

    Examples
    --------
    >>> ranks(np.array([5.0, np.inf, np.nan, 5.0, -1.0]))
    array([ 1.,  2., nan,  1.,  0.])
    """
    known = ~np.isnan(values)
    placed = np.full(len(values), np.nan)
    placed[known] = np.unique(values[known], return_inverse=True)[1]
    return placed


def levels(values: NDArray[Any]) -> Encoded:
    """Return codes of the most frequent levels, the rest in one; of text that rarely repeats, its length."""
    known = [None if is_missing(value) else value for value in values.tolist()]
    try:
        counts = Counter(value for value in known if value is not None)
    except TypeError:
        kind = next(type(value).__name__ for value in known if getattr(value, "__hash__", None) is None)
        raise LeftOutError(f"holds values of type {kind}, which are no levels") from None
    kept = counts.most_common(MOST_LEVELS)
    if 2 * sum(count for _, count in kept) < counts.total():
        return Encoded(
            ranks(np.array([np.nan if v is None else len(str(v)) for v in known], dtype=np.float64))
        )
    codes = {level: code for code, (level, _) in enumerate(kept)}
    placed = [np.nan if value is None else codes.get(value, len(kept)) for value in known]
    return Encoded(np.array(placed, dtype=np.float64), categorical=True)
