"""One column that came as an array, as `Batch` keeps it; what is wrong with it is told row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import EXPECTED, WrongValue
from .problems import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .arrays import Values
    from .columns import Column

    Mask = NDArray[np.bool_]
    Tell = Callable[[int | None, str, str, str, str], None]

_EXACT_IN_FLOAT = 2**53
_YEARS, _YEARS_OF_NS = (1, 9999), (1678, 2261)  # of Python's datetime, as JSON is read; of datetime64[ns]
_ROUNDED = (
    "integers beside a missing value would be rounded",
    "integers within ±2**53 beside a missing value",
)
_OF_JSON = (str, int, float, bool, type(None), list, dict)
_NOTHING_TAKES_THIS = object()
_FINER = frozenset({"ns", "ps", "fs", "as"})  # units that always fit in microseconds
_CALLED = {
    "b": "booleans",
    "i": "integers",
    "u": "integers",
    "f": "numbers",
    "M": "moments",
    "U": "strings",
    "S": "bytes",
    "T": "strings",
}


class ColumnReader:
    """Reads the values of one column.

    Parameters
    ----------
    column : Column
        The model's.
    rows : int
        How many there are.
    tell : callable
        Called with row, field, reason, what came and what was expected.
    """

    def __init__(self, column: Column, rows: int, tell: Tell) -> None:
        self._column, self._rows, self._told = column, rows, tell

    def read(self, given: Values) -> NDArray[Any]:
        """Return the values as `Batch` keeps them, missing where they are wrong."""
        values, kind = given.values, given.values.dtype.kind
        if kind in "OUT":
            return self._objects(given)
        kinds, read = _READERS.get(self._column.type, _NO_READER)
        if read is None or kind not in kinds:
            return self._refused(called(given))
        if kind == "M" and given.zoned != self._column.zoned:
            return self._refused(given.called or f"moments {'in UTC' if given.zoned else 'without a zone'}")
        missing = np.zeros(self._rows, np.bool_) if given.missing is None else given.missing
        return read(self, values, missing)

    def nothing(self) -> NDArray[Any]:
        """Return an array of missing values."""
        return _array_of(self._column, [None] * self._rows)

    def _refused(self, got: str) -> NDArray[Any]:
        """Tell once that a column has another type."""
        self._tell(None, "type", got, _expected(self._column))
        return self.nothing()

    def _objects(self, given: Values) -> NDArray[Any]:
        """Return strings, or what has to be looked at one by one."""
        column, strings = self._column, _are_strings(given.values)
        if strings and column.type not in ("string", "datetime"):
            return self._refused(called(given))
        values = given.values.tolist()
        for row in () if given.missing is None else np.flatnonzero(given.missing).tolist():
            values[row] = None
        plain = strings and column.type == "string" and (column.nullable or None not in values)
        if not plain:
            values = [self._value(row, value) for row, value in enumerate(values)]
        return self._object_array(values)

    def _object_array(self, values: list[Any]) -> NDArray[Any]:
        try:
            return _array_of(self._column, values)
        except OverflowError:
            self._tell(None, "range", *_ROUNDED)
            return self.nothing()

    def _value(self, row: int, value: Any) -> Any:
        value = _plain(value)
        wrong = _wrong(self._column, value)
        if wrong is None:
            return value if value is None else self._column.kind.value(self._column, value)
        self._tell(row, wrong.reason, _shown(value), wrong.expected)
        return None

    def integers(self, values: NDArray[Any], missing: Mask) -> NDArray[Any]:
        """Return whole numbers, floats that are whole among them."""
        lowest, highest = self._column.lowest, self._column.highest
        if values.dtype.kind == "f":
            values = values.astype(np.float64, copy=False)
            missing = missing | np.isnan(values)
            # the next one above is a power of two, so a float holds it as it is
            wrong = (values != np.floor(values)) | (values < lowest) | (values >= highest + 1)
        else:
            wrong = (values < lowest) | (values > highest)
        if self._any_wrong(values, missing, wrong):
            return self.nothing()
        if not missing.any():
            return values.astype(self._column.array_dtype)
        if (np.abs(values[~missing].astype(np.float64)) >= _EXACT_IN_FLOAT).any():
            self._tell(None, "range", *_ROUNDED)
        return np.where(missing, np.nan, values)

    def booleans(self, values: NDArray[Any], missing: Mask) -> NDArray[Any]:
        """Return booleans, as objects when one is missing."""
        if self._any_wrong(values, missing, np.zeros(self._rows, np.bool_)) or not missing.any():
            return values
        objects = values.astype(object)
        objects[missing] = None
        return objects

    def moments(self, values: NDArray[Any], missing: Mask) -> NDArray[Any]:
        """Return moments in microseconds; compared before they are converted, which may overflow."""
        if np.datetime_data(values.dtype)[0] in _FINER:
            values = values.astype("datetime64[us]")
        missing = missing | np.isnat(values)
        first, last = _years(self._column)
        least, beyond = (np.datetime64(f"{year:04}").astype(values.dtype) for year in (first, last + 1))
        if self._any_wrong(values, missing, (values < least) | (values >= beyond)):
            return self.nothing()
        return np.where(missing, np.datetime64("NaT"), values).astype("datetime64[us]")

    def _any_wrong(self, values: NDArray[Any], missing: Mask, wrong: Mask) -> bool:
        """Tell the wrong values of a column, if there are any; a missing one may be right."""
        wrong = (wrong & ~missing) if self._column.nullable else (wrong | missing)
        if not wrong.any():
            return False
        self.tell(wrong, values, missing)
        return True

    def tell(self, wrong: Mask, values: NDArray[Any], missing: Mask | None = None) -> None:
        """Tell the wrong values one by one."""
        for row in np.flatnonzero(wrong).tolist():
            value = None if missing is not None and missing[row] else _plain(values[row])
            moment = value is not None and values.dtype.kind == "M"
            why = _out_of_years(self._column) if moment else _wrong(self._column, value)
            assert why is not None
            self._tell(row, why.reason, _shown(value), why.expected)

    def _tell(self, row: int | None, reason: str, got: str, expected: str) -> None:
        self._told(row, self._column.name, reason, got, expected)


_Reader = tuple[str, "Callable[[ColumnReader, NDArray[Any], Mask], NDArray[Any]] | None"]
_INTEGERS: _Reader = ("iuf", ColumnReader.integers)
_READERS: dict[str, _Reader] = {
    "boolean": ("b", ColumnReader.booleans),
    "integer": _INTEGERS,
    "long": _INTEGERS,
    "datetime": ("M", ColumnReader.moments),
}
_NO_READER: _Reader = ("", None)  # floats are read with their group, strings as objects


def called(given: Values) -> str:
    """Return what values are, for one who knows no dtypes."""
    if given.called:
        return given.called
    if given.values.dtype == object:
        return "strings" if _are_strings(given.values) else "mixed values"
    return _CALLED.get(given.values.dtype.kind, f"values of type {given.values.dtype}")


def _are_strings(values: NDArray[Any]) -> bool:
    if values.dtype != object:
        return values.dtype.kind in "UT"
    return set(map(type, values.tolist())) - {type(None)} == {str}


def _array_of(column: Column, values: list[Any]) -> NDArray[Any]:
    """Return what `Kind.block` makes of values that were checked."""
    if column.type == "datetime":
        return np.array(values, dtype=column.array_dtype)
    return column.kind.block([(value,) for value in values], column.array_dtype)[:, 0]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, None for what is missing."""
    if isinstance(value, np.datetime64):
        return str(value)
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value


def _wrong(column: Column, value: Any) -> WrongValue | None:
    """Return what is wrong with one value."""
    if isinstance(value, float) and math.isinf(value):
        return WrongValue("range", "a finite number")
    try:
        column.kind.value(column, value)
    except WrongValue as wrong:
        return wrong
    return None


def _shown(value: Any) -> str:
    return shortened(value) if isinstance(value, _OF_JSON) else f"a value of type {type(value).__name__}"


def _expected(column: Column) -> str:
    """Return what a column takes, in the words that a wrong value is answered with."""
    wrong = _wrong(column, _NOTHING_TAKES_THIS)
    return EXPECTED[column.type] if wrong is None else wrong.expected


def _years(column: Column) -> tuple[int, int]:
    return _YEARS_OF_NS if "ns" in column.dtype else _YEARS


def _out_of_years(column: Column) -> WrongValue:
    first, last = _years(column)
    return WrongValue("range", f"a year from {first} to {last}")
