"""What a slice is made of: comparisons of columns, and what joins them.

A comparison with a missing value is false, but for ``!=``, which is true, as in pandas. So each row is either
in a slice or in its opposite.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    Columns: TypeAlias = Mapping[str, pa.Array]

Sign: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
Scalar: TypeAlias = bool | int | float | str

_FUNCTIONS: Final = {
    "==": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal",
}  # fmt: skip
_FLIPPED: Final[dict[Sign, Sign]] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WORDS: Final = {
    "number": "numbers", "text": "text", "boolean": "True and False", "moment": "times",
    "missing": "nothing but missing values", "other": "what cannot be compared",
}  # fmt: skip
_INTEGERS: Final = (-(2**63), 2**63 - 1)


class WrongAt(Exception):  # noqa: N818 - it is put into an error with the whole slice in it
    """What is wrong with a condition: why, where it is written (from 1), and what to write instead."""

    def __init__(self, why: str, at: int, hint: str = "") -> None:
        super().__init__(why, at, hint)
        self.why, self.at, self.hint = why, at, hint


class Condition(Protocol):
    """True or false for each row."""

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return which rows it holds for; nothing in it is missing.

        Raises
        ------
        WrongAt
            When a column is of a type that it cannot hold for.
        """
        ...

    def names(self) -> Iterator[Column]:
        """Yield the columns it looks at."""
        ...


@dataclass(frozen=True)
class Column:
    """A column by its name, and where it is written, from 1."""

    name: str
    at: int

    def values(self, columns: Columns) -> pa.Array:
        """Return its values."""
        return _plain(columns[self.name])


@dataclass(frozen=True)
class Compared:
    """A column beside a value: ``distance > 500``."""

    column: Column
    sign: Sign
    value: Scalar

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        values = self.column.values(columns)
        kind = kind_of(values.type)
        if kind == "boolean" and self.sign not in ("==", "!="):
            raise WrongAt(f"`{self.column.name}` holds True and False, which have no order", self.column.at)
        if kind == "missing":
            return _everywhere(self.sign == "!=", len(values))
        return _compared(self.sign, *_comparable(values, kind, self))

    def names(self) -> Iterator[Column]:
        """Yield the column."""
        yield self.column


@dataclass(frozen=True)
class ComparedColumns:
    """A column beside another: ``arr_delay > dep_delay``."""

    left: Column
    sign: Sign
    right: Column

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        left, right = self.left.values(columns), self.right.values(columns)
        kinds = [kind_of(left.type), kind_of(right.type)]
        if "missing" in kinds:
            return _everywhere(self.sign == "!=", len(left))
        zones = {getattr(side.type, "tz", None) is None for side in (left, right)}
        if kinds[0] != kinds[1] or kinds[0] == "other" or (kinds[0] == "moment" and len(zones) > 1):
            what = " and ".join(
                f"`{side.name}` {_WORDS[kind]}"
                for side, kind in zip((self.left, self.right), kinds, strict=True)
            )
            raise WrongAt(f"{what} cannot be compared", self.left.at)
        return _compared(self.sign, *_common(left, right))

    def names(self) -> Iterator[Column]:
        """Yield both."""
        yield from (self.left, self.right)


@dataclass(frozen=True)
class IsMissing:
    """Where a column has no value: ``tailnum is missing``."""

    column: Column

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        return self.column.values(columns).is_null(nan_is_null=True)

    def names(self) -> Iterator[Column]:
        """Yield the column."""
        yield self.column


@dataclass(frozen=True)
class IsTrue:
    """Where a column of True and False says True: its name alone."""

    column: Column

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        values = self.column.values(columns)
        kind, name = kind_of(values.type), self.column.name
        if kind == "missing":
            return _everywhere(False, len(values))
        if kind != "boolean":
            raise WrongAt(f"`{name}` holds {_WORDS[kind]}", self.column.at, "compare it with something")
        return values.fill_null(False)

    def names(self) -> Iterator[Column]:
        """Yield the column."""
        yield self.column


@dataclass(frozen=True)
class Joined:
    """Several conditions: all of them, or any."""

    word: Literal["and", "or"]
    parts: tuple[Condition, ...]

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        import pyarrow.compute as pc

        join = pc.and_ if self.word == "and" else pc.or_
        return functools.reduce(join, (part.mask(columns) for part in self.parts))

    def names(self) -> Iterator[Column]:
        """Yield the columns of all."""
        for part in self.parts:
            yield from part.names()


@dataclass(frozen=True)
class Opposite:
    """Where a condition does not hold."""

    part: Condition

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """Return where it holds: see `Condition`."""
        import pyarrow.compute as pc

        return pc.invert(self.part.mask(columns))

    def names(self) -> Iterator[Column]:
        """Yield the columns of the condition."""
        return self.part.names()


def compare(left: Column | Scalar, sign: Sign, right: Column | Scalar) -> Condition:
    """Return the condition of two sides, one of them a column at least."""
    if isinstance(left, Column):
        return (
            ComparedColumns(left, sign, right) if isinstance(right, Column) else Compared(left, sign, right)
        )
    if isinstance(right, Column):
        return Compared(right, _FLIPPED[sign], left)
    raise AssertionError("a comparison of two values was let through")


def kind_of(type_: pa.DataType) -> str:
    """Return what a column holds, as far as comparisons go: a key of `_WORDS`."""
    from pyarrow import types

    if types.is_boolean(type_):
        return "boolean"
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        return "number"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    if types.is_timestamp(type_) or types.is_date(type_):
        return "moment"
    return "missing" if types.is_null(type_) else "other"


def _plain(values: Any) -> pa.Array:
    """Return values as they are compared: no dictionaries, no decimals, one chunk."""
    import pyarrow as pa
    from pyarrow import types

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if types.is_decimal(values.type) or types.is_float16(values.type):
        return values.cast(pa.float64())
    if types.is_string_view(values.type):
        return values.cast(pa.large_string())
    return values.cast(pa.timestamp("ms")) if types.is_date(values.type) else values


def _compared(sign: Sign, left: pa.Array, right: Any) -> pa.BooleanArray:
    import pyarrow.compute as pc

    found = getattr(pc, _FUNCTIONS[sign])(left, right)
    return found.fill_null(sign == "!=") if found.null_count else found


def _everywhere(value: bool, rows: int) -> pa.BooleanArray:
    import pyarrow as pa

    return pa.repeat(pa.scalar(value), rows)


def _comparable(values: pa.Array, kind: str, compared: Compared) -> tuple[pa.Array, pa.Scalar]:
    """Return a column and a value in types that can be compared.

    Raises
    ------
    WrongAt
        When the value is of another kind than the column.
    """
    import pyarrow as pa

    value, column = compared.value, compared.column
    match kind:
        case "number" if not isinstance(value, bool | str):
            return _numbers(values, value)
        case "text" if isinstance(value, str):
            return values, pa.scalar(value, values.type)
        case "boolean" if value in (0, 1):
            return values, pa.scalar(bool(value))
        case "moment" if isinstance(value, str):
            return values, pa.scalar(_moment(value, values.type, column), pa.timestamp("us", values.type.tz))
    hint = f"write {str(value)!r}" if kind == "text" else ""
    raise WrongAt(f"`{column.name}` holds {_WORDS[kind]}, and {value!r} is none", column.at, hint)


def _numbers(values: pa.Array, value: float) -> tuple[pa.Array, pa.Scalar]:
    import pyarrow as pa
    from pyarrow import types

    if types.is_floating(values.type):
        return values, pa.scalar(_as_float(value), values.type)
    if isinstance(value, int) and _INTEGERS[0] <= value <= _INTEGERS[1] and not types.is_uint64(values.type):
        return values, pa.scalar(value, pa.int64())
    if isinstance(value, int) and types.is_uint64(values.type) and 0 <= value < 2**64:
        return values, pa.scalar(value, values.type)
    return values.cast(pa.float64(), safe=False), pa.scalar(_as_float(value))


def _common(left: pa.Array, right: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return two columns as they are; as doubles where one holds what the integers of others do not."""
    import pyarrow as pa

    if left.type != right.type and pa.uint64() in (left.type, right.type):
        return left.cast(pa.float64(), safe=False), right.cast(pa.float64(), safe=False)
    return left, right


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _moment(text: str, type_: pa.TimestampType, column: Column) -> datetime:
    """Return a moment as a column holds it: in UTC where that has a zone; a text without one is local."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if type_.tz is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        hint = "write '2026-11-20' or '2026-11-20T18:30'"
        raise WrongAt(f"`{column.name}` holds times, and {text!r} is none", column.at, hint) from None
    if moment.tzinfo is not None:
        why = f"`{column.name}` holds times without a zone, and {text!r} has one"
        raise WrongAt(why, column.at, "leave the zone out")
    return moment
