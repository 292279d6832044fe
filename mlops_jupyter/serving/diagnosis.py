"""A second look, value by value, at a request that is not plainly right: mend it, or say what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .columns import EXPECTED, WrongValue
from .problems import MOST, EnoughProblems, Problem, Warned, invalid, nearest, shortened, shortened_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .columns import Column
    from .options import ExtraColumns

_ABSENT = object()


class Diagnosis:
    """The values of one request as they are read one by one.

    Parameters
    ----------
    columns : sequence of Column
        The model's.
    kind : str
        The input kind of the schema: what a record may be.
    extra : str
        What is done with columns that the model does not have: ``warn``, ``ignore`` or ``refuse``.
    """

    def __init__(self, columns: Sequence[Column], kind: str, extra: ExtraColumns = "warn") -> None:
        self._extra = extra
        self._columns = {column.name: column for column in columns}
        self._kind = kind
        self._problems: list[Problem] = []
        self._unread: dict[str, Warned] = {}
        self._values: dict[str, list[Any]] = {name: [] for name in self._columns}

    def of_records(self, records: list[Any]) -> dict[str, list[Any]]:
        """Return one list of values per column, as `Group.block` takes them.

        Raises
        ------
        InvalidRequest
            With every problem of every record, up to `MOST`.
        """
        try:
            for row, record in enumerate(records):
                self._read_record(row, record)
        except EnoughProblems:
            pass
        return self._outcome()

    def of_columns(self, columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return the same for values that came as one list per column."""
        rows = max(map(len, columns.values()))
        try:
            self._read_names(None, columns)
            for name, column in self._columns.items():
                self._read_list(column, columns.get(name), rows)
        except EnoughProblems:
            pass
        return self._outcome()

    @property
    def unread(self) -> tuple[Warned, ...]:
        """What was sent beside the model's columns, one warning a name."""
        return tuple(self._unread.values())

    def _outcome(self) -> dict[str, list[Any]]:
        if self._problems:
            raise invalid(self._problems)
        return self._values

    def _read_record(self, row: int, record: Any) -> None:
        named = self._named(record)
        if named is None:
            self._add(row, None, "type", shortened(record), self._record_forms())
            return
        self._read_names(row, named)
        for name, column in self._columns.items():
            value = named.get(name, _ABSENT)
            given = self._absent_value(column) if value is _ABSENT else self._read(row, column, value)
            self._values[name].append(given)

    def _named(self, record: Any) -> Mapping[str, Any] | None:
        """Return a record by column names, whichever form it has; None when none that fits the model."""
        if type(record) is dict:
            return record
        if self._kind == "text" and type(record) is str:
            return dict.fromkeys(self._columns, record)
        positional = self._kind in ("matrix", "sparse") and type(record) is list
        if positional and len(record) == len(self._columns):
            return dict(zip(self._columns, record, strict=True))
        return None

    def _record_forms(self) -> str:
        named = "an object with the model's columns"
        if self._kind == "text":
            return f"a string, or {named}"
        return f"a list of {len(self._columns)} numbers, or {named}" if self._kind != "columns" else named

    def _read_names(self, row: int | None, named: Mapping[str, Any]) -> None:
        absent = [name for name in self._columns if name not in named]
        for name in (name for name in named if name not in self._columns):
            self._read_extra(row, name, named[name], absent)
        for name, column in self._columns.items():
            if name not in named and self._must_be_given(column):
                self._add(row, name, "missing", "nothing", EXPECTED[column.type])

    def _read_extra(self, row: int | None, name: str, value: Any, absent: list[str]) -> None:
        """Refuse what looks like a misspelling of an absent column; leave the rest unread, and say so."""
        meant = nearest(name, absent)
        if meant or self._extra == "refuse":
            self._add(
                row, shortened_name(name), "extra", shortened(value), f"not a column of this model{meant}"
            )
            return
        if self._extra == "ignore":
            return
        before = self._unread.get(name)
        if before is not None:
            self._unread[name] = replace(before, count=before.count + 1)
        elif len(self._unread) < MOST:
            expected = "not a column of this model: not read"
            self._unread[name] = Warned(
                shortened_name(name), "extra", row or 0, 1, shortened(value), expected
            )

    def _must_be_given(self, column: Column) -> bool:
        return not column.nullable and self._kind != "sparse"

    def _absent_value(self, column: Column) -> Any:
        return 0 if self._kind == "sparse" and column.kind.types >= {int} else None

    def _read_list(self, column: Column, values: list[Any] | None, rows: int) -> None:
        if values is None:
            self._values[column.name] = [self._absent_value(column)] * rows
        elif len(values) != rows:
            self._add(None, column.name, "length", shortened(values), f"{rows} values, as the longest column")
        else:
            self._values[column.name] = [self._read(row, column, value) for row, value in enumerate(values)]

    def _read(self, row: int, column: Column, value: Any) -> Any:
        try:
            column.kind.value(column, value)
        except WrongValue as wrong:
            self._add(row, column.name, wrong.reason, shortened(value), wrong.expected)
            return None
        return _mended(value, column)

    def _add(self, row: int | None, field: str | None, reason: str, got: str, expected: str) -> None:
        self._problems.append(Problem(row, field, reason, got, expected))
        if len(self._problems) == MOST:
            raise EnoughProblems


def _mended(value: Any, column: Column) -> Any:
    """Return what a group reads for a value that was checked: ``1`` for ``1.0`` in a column of integers."""
    return int(value) if type(value) is float and float not in column.kind.types else value
