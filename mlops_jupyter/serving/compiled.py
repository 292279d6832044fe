"""The quick reader of a schema: one call into a decoder made of its columns, for requests that are ordinary.

Ordinary is what training showed: every column by its name and type, every number within the range, every
category known. Such a request is decoded and checked in C, in about a microsecond for thirty columns, and
needs no second look. Whatever else a request is, this says only that it is not ordinary; `validation` then
reads it again, slower, and mends it, warns or refuses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec.structs import astuple

from .decoding import count_colons

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .columns import Column

    Rows = list[tuple[Any, ...]]

_POSITIONAL = ("matrix", "sparse")
_MOST_LITERALS = 5000


class _CannotCompile(Exception):  # noqa: N818 - the schema is fine, and read by the other reader
    """A column that the decoder has no type for."""


class Reader:
    """Reads the ordinary requests of one schema.

    Parameters
    ----------
    columns : sequence of Column
        In the order of the schema.
    kind : str
        The input kind of the schema.
    seen : bool
        Whether only values that training showed are ordinary, or all that the columns can hold.
    """

    def __init__(self, columns: Sequence[Column], kind: str, *, seen: bool) -> None:
        if not seen:
            columns = [_without_training(column) for column in columns]
        record = _record(columns, kind)
        features = record | (_list_of(record, columns) if kind in _POSITIONAL else list[record])  # type: ignore[valid-type]
        self._decode = _decoder(features)
        self._record = record
        self._positional = list[tuple[tuple(_positional(column) for column in columns)]]  # type: ignore[misc]
        self._colons = sum(1 + column.name.count(":") for column in columns)
        self._texts = [i for i, column in enumerate(columns) if column.type == "string"]
        self._escapes = any(":" in column.name for column in columns)
        self.plain = not (self._escapes or any(column.nullable for column in columns))
        self._nullable = kind != "sparse" and any(column.nullable for column in columns)

    def read(self, body: bytes) -> Rows | None:
        """Return the values of each row in the order of the schema; None when the body is not ordinary.

        Values are as JSON has them, None for a missing one.
        """
        try:
            features = self._decode(body).features
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if type(features) is self._record:
            rows = [astuple(features)]
            if self.plain and body.count(b":") == self._colons + 1:
                return rows
        elif type(features[0] if features else None) is self._record:
            rows = self._records(features)
        else:
            return self._by_position(features, body)
        return self._once_each(rows, body)

    def read_row(self, body: bytes) -> tuple[Any, ...] | None:
        """Return the values of the one record in a body; None when that is not ordinary, or anything else."""
        try:
            features = self._decode(body).features
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if type(features) is not self._record or body.count(b":") != self._colons + 1:
            return None
        return astuple(features)

    def _records(self, features: list[Any]) -> Rows:
        try:
            return list(map(astuple, features))
        except TypeError:  # records and lists, mixed
            return []

    def _once_each(self, rows: Rows, body: bytes) -> Rows | None:
        """Return the rows if no key was given twice, which decoders do not tell: they keep the last.

        Every key has a colon, and a text may have some; what is more than those is a key too many.
        """
        colons = count_colons(body) - 1
        absent = 0
        if self._nullable:
            rows, absent = _without_unset(rows)
        expected = self._colons * len(rows) - absent
        if not rows or (self._escapes and (absent or b"\\" in body)):
            return None
        if colons == expected:
            return rows
        if not self._texts or b"\\" in body:
            return None
        in_texts = sum(row[i].count(":") for row in rows for i in self._texts if row[i])
        return rows if colons == expected + in_texts else None

    def _by_position(self, features: list[Any], body: bytes) -> Rows | None:
        """Return rows that came as lists of values."""
        if not features or body.count(b":") != 1:
            return None
        records = features if type(features[0]) is list else [features]
        try:
            rows: Rows = msgspec.convert(records, self._positional)
        except msgspec.ValidationError:
            return None
        return rows


def compile_reader(columns: Sequence[Column], kind: str, *, seen: bool = True) -> Reader | None:
    """Return the quick reader of a schema, or None where a column is of a kind that needs a closer look.

    Parameters
    ----------
    columns : sequence of Column
        In the order of the schema.
    kind : str
        The input kind of the schema.
    seen : bool
        Whether only values that training showed are ordinary; if not, somebody has to look at them again.

    Examples
    --------
    >>> from .columns import read_column
    >>> age = read_column({"name": "age", "type": "double", "dtype": "float64", "maximum": 99.0})
    >>> reader = compile_reader([age], "columns")
    >>> reader.read(b'{"features": {"age": 41}}'), reader.read(b'{"features": {"age": 141}}')
    ([(41.0,)], None)
    """
    if kind == "text":
        return None
    try:
        return Reader(columns, kind, seen=seen)
    except _CannotCompile:
        return None


def _without_training(column: Column) -> Column:
    return replace(column, minimum=-np.inf, maximum=np.inf, categories=None)


def _record(columns: Sequence[Column], kind: str) -> Any:
    """Return the struct of one record: names that no attribute can have are only its JSON keys."""
    # what a sparse record leaves out is zero, not missing: the other way knows
    fields = [(f"c{i}", *_field(column, may_be_absent=kind != "sparse")) for i, column in enumerate(columns)]
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False, kw_only=True)


def _decoder(features: Any) -> Callable[[bytes], Any]:
    body = msgspec.defstruct("Body", [("features", features)], forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(body).decode


def _field(column: Column, *, may_be_absent: bool) -> tuple[Any, Any]:
    kind = _kind(column)
    if not column.nullable or not may_be_absent:
        return kind | None if column.nullable else kind, msgspec.field(name=column.name)
    return kind | None | msgspec.UnsetType, msgspec.field(name=column.name, default=msgspec.UNSET)


def _positional(column: Column) -> Any:
    return _kind(column) | None if column.nullable else _kind(column)


def _list_of(record: Any, columns: Sequence[Column]) -> Any:
    value = int if {column.type for column in columns} <= {"integer", "long"} else float
    return list[record | value | list[value]]  # type: ignore[valid-type]


def _kind(column: Column) -> Any:
    """Return the type of a column's ordinary values."""
    if column.categories is not None:
        return _literal(column)
    match column.type:
        case "float" | "double":
            return _within(float, max(column.lowest, column.minimum), min(column.highest, column.maximum))
        case "integer" | "long" if column.array_dtype == "int64":
            lowest = max(column.lowest, np.ceil(column.minimum))
            return _within(int, lowest, min(column.highest, np.floor(column.maximum)))
        case "boolean":
            return bool
        case "string":
            return str
    raise _CannotCompile(column.name)


def _within(kind: type, lowest: float, highest: float) -> Any:
    limits = {}
    if np.isfinite(lowest):
        limits["ge"] = kind(lowest)
    if np.isfinite(highest):
        limits["le"] = kind(highest)
    return Annotated[kind, msgspec.Meta(**limits)] if limits else kind


def _literal(column: Column) -> Any:
    seen = tuple(value for value in column.categories or () if value is not None)
    of_one_type = {type(value) for value in seen} in ({str}, {int})
    if not of_one_type or len(seen) > _MOST_LITERALS:
        raise _CannotCompile(column.name)
    return Literal[seen]


def _without_unset(rows: Rows) -> tuple[Rows, int]:
    """Return the rows with None for what was left out, and how often something was."""
    unset = msgspec.UNSET
    absent = sum(row.count(unset) for row in rows)
    if not absent:
        return rows, 0
    return [tuple(None if value is unset else value for value in row) for row in rows], absent
