"""The columns of a schema as what reads JSON values: a block of them at once, or one with a reason why not.

Each kind of value knows the same thing twice. `Kind.block` turns many rows into an array and refuses what is
irregular without saying what; `Kind.check` looks at one value, and mends it or says what was expected.
Requests that are right, so nearly all, only meet the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Rows = Sequence[Sequence[Any]]

_EXACT_IN_FLOAT = 2**53
_ROUNDED = -(2.0**63)  # what orjson makes of integers just below the least of 64 bits
_FIRST_YEAR_OF_NS, _LAST_YEAR_OF_NS = 1677, 2262  # datetime64[ns] holds only part of these two


class WrongValue(ValueError):  # noqa: N818 - a value of the request, told as a Problem
    """A value that the column does not take.

    Parameters
    ----------
    reason : str
        ``type``, ``null`` or ``range``.
    expected : str
        What it takes.
    """

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(reason, expected)
        self.reason, self.expected = reason, expected


@dataclass(frozen=True)
class Column:
    """One column of ``feature_schema.json``.

    Parameters
    ----------
    name, type, dtype : str
        As in the schema.
    nullable : bool
        Whether the fitted model bears a missing value.
    lowest, highest : float
        What the dtype can hold; a value outside is refused.
    minimum, maximum : float
        What was seen in training, infinite where nothing was recorded; a value outside is a warning.
    categories : frozenset or None
        What was seen in training, None included when nullable.
    """

    name: str
    type: str
    dtype: str
    nullable: bool
    lowest: float
    highest: float
    minimum: float
    maximum: float
    categories: frozenset[Any] | None

    @property
    def kind(self) -> Kind:
        """How its values are read."""
        return KINDS[self.type]

    @property
    def array_dtype(self) -> str:
        """The dtype of its array in a `Batch`, when nothing is missing."""
        return "uint64" if self.dtype.lower() == "uint64" else self.kind.dtype

    @property
    def zoned(self) -> bool:
        """Whether its datetimes have a zone."""
        return "," in self.dtype


def read_column(entry: dict[str, Any]) -> Column:
    """Return the column of an entry of the schema's ``columns``."""
    lowest, highest = bounds(entry["type"], entry["dtype"].lower())
    numeric = entry["type"] in ("integer", "long", "float", "double")
    minimum, maximum = (entry.get("minimum"), entry.get("maximum")) if numeric else (None, None)
    seen = entry.get("categories")
    return Column(
        name=entry["name"],
        type=entry["type"],
        dtype=entry["dtype"],
        nullable=bool(entry.get("nullable")),
        lowest=lowest,
        highest=highest,
        minimum=-np.inf if minimum is None else minimum,
        maximum=np.inf if maximum is None else maximum,
        categories=None if seen is None else frozenset([*seen, None] if entry.get("nullable") else seen),
    )


def bounds(type_: str, dtype: str) -> tuple[float, float]:
    """Return the least and the most that a type of columns holds, by its dtype in lower case."""
    if type_ in ("integer", "long"):
        fallback = "int32" if type_ == "integer" else "int64"
        limits = np.iinfo(dtype if dtype.removeprefix("u").startswith("int") else fallback)
        return int(limits.min), int(limits.max)
    if type_ == "float":
        most = float(np.finfo(dtype if dtype in ("float16", "float32") else "float32").max)
        return -most, most
    return -np.inf, np.inf


@dataclass(frozen=True)
class Kind:
    """A kind of JSON value.

    Parameters
    ----------
    types : frozenset of type
        The Python types that `block` takes as they are; NoneType beside them where a column is nullable.
    dtype : str
        Of the arrays that `block` makes when nothing is missing.
    block : callable
        Rows of values of those types, and the dtype -> array of shape (rows, columns), or ValueError,
        TypeError or OverflowError where a value needs a closer look.
    check : callable
        A column and one value -> the value as `block` takes it, or `WrongValue`.
    """

    types: frozenset[type]
    dtype: str
    block: Callable[[Rows, str], NDArray[Any]]
    check: Callable[[Column, Any], Any]

    def value(self, column: Column, value: Any) -> Any:
        """Return a value as `block` takes it, None for a missing one.

        Raises
        ------
        WrongValue
            When the column does not take it.
        """
        if value is not None:
            return self.check(column, value)
        if column.nullable:
            return None
        raise WrongValue("null", EXPECTED[column.type])


EXPECTED = {
    "boolean": "true or false",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "string": "a string",
    "datetime": "an ISO 8601 date and time such as 2026-11-20T10:15:00",
}


def _array_block(rows: Rows, dtype: str) -> NDArray[Any]:
    return np.array(rows, dtype=dtype)


def _check_float(column: Column, value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise WrongValue("type", EXPECTED[column.type])
    if not column.lowest <= value <= column.highest:
        raise WrongValue("range", f"a number within ±{column.highest:.3g}: {column.dtype} holds no more")
    return float(value)


def _integer_block(rows: Rows, dtype: str) -> NDArray[Any]:
    if not any(None in row for row in rows):
        return np.array(rows, dtype=dtype)
    block = np.array(rows, dtype=np.float64)
    if (np.abs(block) >= _EXACT_IN_FLOAT).any():
        raise OverflowError("integers beside a missing value would be rounded")
    return block


def _check_integer(column: Column, value: Any) -> int:
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole:
        raise WrongValue("type", EXPECTED[column.type])
    rounded = type(value) is float and value == _ROUNDED
    if rounded or not column.lowest <= value <= column.highest:
        raise WrongValue("range", f"an integer from {column.lowest} to {column.highest}")
    return int(value)


def _check_string(column: Column, value: Any) -> str:
    if type(value) is not str:
        raise WrongValue("type", EXPECTED[column.type])
    return value


def _boolean_block(rows: Rows, dtype: str) -> NDArray[Any]:
    return np.array(rows, dtype=object if any(None in row for row in rows) else dtype)


def _check_boolean(column: Column, value: Any) -> bool:
    if type(value) is not bool:
        raise WrongValue("type", EXPECTED[column.type])
    return value


def _check_datetime(column: Column, value: Any) -> datetime:
    """Return the moment as NumPy keeps it: in UTC, without saying so, when the column has a zone."""
    offset = "with an offset from UTC" if column.zoned else "without an offset from UTC"
    expected = f"{EXPECTED['datetime']}{'Z' if column.zoned else ''}, {offset}"
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise WrongValue("type", expected) from None
    if (moment.tzinfo is not None) != column.zoned:
        raise WrongValue("type", expected)
    if "ns" in column.dtype and not _FIRST_YEAR_OF_NS < moment.year < _LAST_YEAR_OF_NS:
        raise WrongValue("range", f"a year from {_FIRST_YEAR_OF_NS + 1} to {_LAST_YEAR_OF_NS - 1}")
    return _in_utc(moment, column)


def _in_utc(moment: datetime, column: Column) -> datetime:
    if not column.zoned:
        return moment
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise WrongValue("range", "a moment from the year 1 to 9999 in UTC") from None


_FLOATS = Kind(frozenset({float, int}), "float64", _array_block, _check_float)
_INTEGERS = Kind(frozenset({int}), "int64", _integer_block, _check_integer)
KINDS = {
    "boolean": Kind(frozenset({bool}), "bool", _boolean_block, _check_boolean),
    "integer": _INTEGERS,
    "long": _INTEGERS,
    "float": _FLOATS,
    "double": _FLOATS,
    "string": Kind(frozenset({str}), "object", _array_block, _check_string),
    # no type that JSON has: every value is checked, and block gets what check made of it
    "datetime": Kind(frozenset(), "datetime64[us]", _array_block, _check_datetime),
}
