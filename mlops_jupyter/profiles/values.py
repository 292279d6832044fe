"""The values of one column in one batch, in the few forms that a profile is made of.

Whatever a table holds becomes numbers (as float64, NaN where missing), labels (counted, not listed),
nothing but missing values, or a reason why it cannot be read. One bad column never stops the others, so a
reason is a value and no exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: What a type alone can tell of a column; whether labels are categories or text is told by counting them.
Form: TypeAlias = Literal["numeric", "datetime", "boolean", "labels", "missing", "unreadable"]
Label: TypeAlias = str | bool | int


class Counted(NamedTuple):
    """How often each label occurs; `labels` are distinct and in no order."""

    labels: Sequence[Label]
    counts: NDArray[np.int64]
    missing: int


class Coded(NamedTuple):
    """Labels by their positions; -1 where a value is missing."""

    labels: Sequence[Label]
    codes: NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """Numbers, or moments as seconds since 1970 in UTC.

    Parameters
    ----------
    values : ndarray of float64
        NaN where missing. It may be memory of the table's own: nobody writes to it.
    form : str
        ``numeric`` or ``datetime``.
    """

    values: NDArray[np.float64]
    form: Literal["numeric", "datetime"] = "numeric"

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        return len(self.values)


class Labels(Protocol):
    """Texts, categories or booleans.

    What is asked of them is told only when they are looked at, so both methods raise `DataError` for a
    column that holds values of several types.
    """

    @property
    def form(self) -> Literal["labels", "boolean"]:
        """Whether they are booleans."""
        ...

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        ...

    def counted(self) -> Counted:
        """Return how often each occurs."""
        ...

    def coded(self) -> Coded:
        """Return which stands in each row."""
        ...


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing but missing values, of no type of their own."""

    rows: int
    form: Literal["missing"] = "missing"


@dataclass(frozen=True, slots=True)
class Unread:
    """Values that cannot be profiled, and why: one line."""

    why: str
    rows: int
    form: Literal["unreadable"] = "unreadable"


Values: TypeAlias = Numbers | Labels | Missing | Unread


def of_numpy(values: NDArray[Any]) -> Values:
    """Return the values of an array; float64 is taken as it is.

    Examples
    --------
    >>> of_numpy(np.array([1, 2])).values.tolist()
    [1.0, 2.0]
    >>> of_numpy(np.array(["1970-01-02"], dtype="M8[D]")).values.tolist()
    [86400.0]
    >>> of_numpy(np.array([1j])).why
    'holds complex numbers'
    """
    from .labels import of_objects

    kind = values.dtype.kind
    if kind in "iuf":
        return Numbers(np.asarray(values, dtype=np.float64))
    if kind in "mM":
        return Numbers(seconds(values), "datetime" if kind == "M" else "numeric")
    if kind in "bOUT":
        return of_objects(values)
    what = {"c": "complex numbers", "S": "bytes"}.get(kind, f"values of type {values.dtype}")
    return Unread(f"holds {what}", len(values))


def seconds(moments: NDArray[Any]) -> NDArray[np.float64]:
    """Return moments or durations of NumPy's as seconds, NaN where there is none."""
    kind = moments.dtype.kind
    unit, step = np.datetime_data(moments.dtype)
    if unit in {"Y", "M"}:
        moments, unit, step = moments.astype(f"{kind}8[D]"), "D", 1
    if unit == "generic":
        return np.full(len(moments), np.nan)
    ticks = np.ascontiguousarray(moments).view(np.int64)
    found = scaled(ticks, step * _SECONDS[unit])
    found[np.isnat(moments)] = np.nan
    return found


def scaled(ticks: NDArray[np.int64], unit: float) -> NDArray[np.float64]:
    """Return integers times a unit in seconds; a division is exact where the product is not."""
    return np.multiply(ticks, float(unit)) if unit >= 1 else np.divide(ticks, float(round(1 / unit)))


_SECONDS = {
    "W": 604800.0, "D": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9,
    "ps": 1e-12, "fs": 1e-15, "as": 1e-18,
}  # fmt: skip
