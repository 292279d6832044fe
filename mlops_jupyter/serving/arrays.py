"""From whole columns of values to a batch: Arrow and V2 tensors, which need no look at single values.

The rules are those of `validation`, and wrong values are told in the same words. What JSON cannot hold is
settled here: NaN is a missing value, infinity is refused, and a column whose type cannot be right is told
once, not row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .array_columns import ColumnReader, called
from .batch import Batch
from .columns import EXPECTED
from .groups import group_columns
from .problems import MOST, EnoughProblems, InvalidRequest, Problem, Warned, invalid, nearest, shortened_name
from .validation import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .columns import Column
    from .groups import Group
    from .options import ExtraColumns
    from .validation import Limits

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Values:
    """The values of one column as they came.

    Parameters
    ----------
    values : ndarray
        Of shape (rows,): numbers, booleans, ``datetime64`` in any unit, or objects that are what JSON has
        (str, int, float, bool, None). What stands in a missing row does not matter.
    missing : ndarray of bool, optional
        Which rows have no value. NaN, NaT and None are missing as well.
    zoned : bool
        Whether ``datetime64`` values are moments in UTC, not local times.
    called : str
        The name of their type where they come from, to be told when the model's column has another.
    """

    values: NDArray[Any]
    missing: Mask | None = None
    zoned: bool = False
    called: str = ""


def read_arrays(
    columns: Sequence[Column],
    kind: str,
    arrays: Mapping[str, Values],
    limits: Limits,
    extra: ExtraColumns = "warn",
) -> Request:
    """Return the rows of a request that came as one array per column.

    Parameters
    ----------
    columns : sequence of Column
        The model's.
    kind : str
        The input kind of the schema; in ``sparse`` an absent column is zero.
    arrays : dict of str to Values
        By name, in any order.
    limits : Limits
        How many rows there may be.
    extra : str
        What is done with columns that the model does not have.

    Raises
    ------
    InvalidRequest
        413 for too many rows, 422 with every wrong column and value, up to `MOST`.

    Examples
    --------
    >>> from .columns import read_column
    >>> from .validation import Limits
    >>> age = read_column({"name": "age", "type": "double", "dtype": "float64"})
    >>> read_arrays([age], "columns", {"age": Values(np.array([41, 7]))}, Limits()).batch.columns["age"]
    array([41.,  7.])
    """
    rows = _count(arrays, limits)
    reading = _Reading(columns, kind, arrays, rows)
    groups = _groups(tuple(columns))
    try:
        unread = reading.names(extra)
        reading.lengths()
        blocks = [reading.block(group) for group in groups]
    except EnoughProblems:
        raise invalid(reading.problems) from None
    if reading.problems:
        raise invalid(reading.problems)
    warnings = chain.from_iterable(group.warnings(block) for group, block in zip(groups, blocks, strict=True))
    return Request(_batch(groups, blocks, rows), (*unread, *warnings))


_groups = lru_cache(maxsize=64)(group_columns)


def _count(arrays: Mapping[str, Values], limits: Limits) -> int:
    rows = max((len(given.values) for given in arrays.values()), default=0)
    if rows == 0:
        raise invalid([Problem(None, "features", "empty", "none", "at least one record")])
    if rows > limits.rows:
        raise InvalidRequest(413, f"{rows} records in one request; at most {limits.rows}")
    return rows


def _batch(groups: Sequence[Group], blocks: list[NDArray[Any]], rows: int) -> Batch:
    columns: dict[str, NDArray[Any]] = {}
    for group, block in zip(groups, blocks, strict=True):
        columns.update(zip(group.names, block.T, strict=True))
    whole = blocks[0] if len(blocks) == 1 and blocks[0].dtype == float else None
    return Batch(columns, rows, whole)


class _Reading:
    """One request as it is read, and what is wrong with it."""

    def __init__(self, columns: Sequence[Column], kind: str, arrays: Mapping[str, Values], rows: int) -> None:
        self._columns = {column.name: column for column in columns}
        self._kind, self._arrays, self._rows = kind, arrays, rows
        self.problems: list[Problem] = []

    def names(self, extra: ExtraColumns) -> tuple[Warned, ...]:
        """Tell what is absent and what is not of the model; return the warnings about what is not read."""
        if self._arrays.keys() == self._columns.keys():
            return ()
        absent = [name for name in self._columns if name not in self._arrays]
        unread = (name for name in self._arrays if name not in self._columns)
        warnings = [self._extra(name, absent, extra) for name in unread]
        for name in absent if self._kind != "sparse" else ():
            if not self._columns[name].nullable:
                self._add(None, name, "missing", "nothing", EXPECTED[self._columns[name].type])
        return tuple(warning for warning in warnings if warning is not None)[:MOST]

    def _extra(self, name: str, absent: list[str], extra: ExtraColumns) -> Warned | None:
        """Refuse what looks like a misspelling of an absent column; do with the rest what was chosen."""
        meant, short = nearest(name, absent), shortened_name(name)
        got = called(self._arrays[name])
        if meant or extra == "refuse":
            self._add(None, short, "extra", got, f"not a column of this model{meant}")
        elif extra == "warn":
            return Warned(short, "extra", 0, 1, got, "not a column of this model: not read")
        return None

    def lengths(self) -> None:
        """Tell which columns are shorter than the longest."""
        for name, given in self._arrays.items():
            if len(given.values) != self._rows and name in self._columns:
                expected = f"{self._rows} values, as the longest column"
                self._add(None, name, "length", f"{len(given.values)} values", expected)

    def block(self, group: Group) -> NDArray[Any]:
        """Return the values of a group as an array of shape (rows, columns)."""
        if group.columns[0].array_dtype == "float64":
            return self._floats(group)
        read = [self._column(column) for column in group.columns]
        return read[0].reshape(-1, 1) if len(read) == 1 else np.stack(read, axis=1)

    def _floats(self, group: Group) -> NDArray[np.float64]:
        block = np.empty((self._rows, len(group.columns)))
        for i, column in enumerate(group.columns):
            given = self._given(column)
            if given is None or given.values.dtype.kind not in "iuf":
                block[:, i] = self._column(column)
            else:
                block[:, i] = given.values
                if given.missing is not None:
                    block[given.missing, i] = np.nan
        self._check_floats(group, block)
        return block

    def _check_floats(self, group: Group, block: NDArray[np.float64]) -> None:
        """Tell what is missing, infinite or more than the column holds; nearly always one pass finds none."""
        wrong = ~np.isfinite(block)
        if group.held is not None:
            wrong |= np.abs(block) > group.held[1]
        if not wrong.any():
            return
        if group.columns[0].nullable:
            wrong &= ~np.isnan(block)
        for i in np.flatnonzero(wrong.any(axis=0)):
            given = self._given(group.columns[i])
            if given is not None and given.values.dtype.kind in "iuf":
                ColumnReader(group.columns[i], self._rows, self._add).tell(wrong[:, i], block[:, i])

    def _given(self, column: Column) -> Values | None:
        """Return what was sent for a column, None when it is nothing that can be read (told elsewhere)."""
        given = self._arrays.get(column.name)
        return given if given is not None and len(given.values) == self._rows else None

    def _column(self, column: Column) -> NDArray[Any]:
        reader = ColumnReader(column, self._rows, self._add)
        given = self._given(column)
        if given is not None:
            return reader.read(given)
        if self._kind == "sparse" and column.kind.types >= {int}:
            return np.zeros(self._rows, column.array_dtype)
        return reader.nothing()

    def _add(self, row: int | None, field: str, reason: str, got: str, expected: str) -> None:
        self.problems.append(Problem(row, field, reason, got, expected))
        if len(self.problems) == MOST:
            raise EnoughProblems
