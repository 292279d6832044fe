"""Columns of one kind, read together: a request of thirty numbers is one array, not thirty."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .problems import Warned, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from .columns import Column, Kind, Rows

    Limits = tuple[NDArray[Any], NDArray[Any]]


class Irregular(ValueError):  # noqa: N818 - a closer look is needed; it may yet be right
    """Rows that a group does not take as they are."""


@dataclass(frozen=True, eq=False)
class Group:
    """Columns whose values are read as one block.

    Parameters
    ----------
    columns : tuple of Column
        Of one kind, one nullability, one array dtype.
    names : tuple of str
        Theirs.
    pick : callable
        A record -> a tuple of its values for these columns; KeyError when one is absent.
    pick_at : callable
        The same for a record that is a list of values in the order of the schema.
    types : frozenset of type
        The Python types taken as they are.
    held : tuple of ndarray or None
        Lowest and highest value that each column's dtype holds, where that is less than the block's.
    seen : tuple of ndarray or None
        Lowest and highest value in training, where any was recorded.
    """

    columns: tuple[Column, ...]
    names: tuple[str, ...]
    pick: Callable[[Any], tuple[Any, ...]]
    pick_at: Callable[[Any], tuple[Any, ...]]
    types: frozenset[type]
    held: Limits | None
    seen: Limits | None

    @property
    def kind(self) -> Kind:
        """How the values of all its columns are read."""
        return self.columns[0].kind

    def block(self, rows: Rows) -> NDArray[Any]:
        """Return the values as an array of shape (rows, columns).

        Raises
        ------
        Irregular, TypeError, ValueError or OverflowError
            When a value has to be looked at by itself.
        """
        if not self.kind.types:
            rows = [self._checked(row) for row in rows]
        elif not self.types.issuperset(map(type, chain.from_iterable(rows))):
            raise Irregular
        block = self.kind.block(rows, self.columns[0].array_dtype)
        if self.held is not None and _outside(block, self.held).any():
            raise Irregular
        return block

    def block_of(self, rows: Rows) -> NDArray[Any]:
        """Return the same from whole rows in the order of the schema, whose values were looked at already."""
        return self.kind.block(list(map(self.pick_at, rows)), self.columns[0].array_dtype)

    def block_of_columns(self, columns: Sequence[list[Any]]) -> NDArray[Any]:
        """Return what `block` does, from one list of values per column; all are of one length.

        Raises
        ------
        Irregular, TypeError, ValueError or OverflowError
            When a value has to be looked at by itself.
        """
        table = _packed(columns) if self.columns[0].array_dtype == "float64" else None
        if table is None or _any_boolean(columns, table):
            return self.block(list(zip(*columns, strict=True)))
        block = table.T
        if self.held is not None and _outside(block, self.held).any():
            raise Irregular
        return block

    def extremes(self, block: NDArray[np.float64]) -> Limits:
        """Return the least and the greatest value of each column of doubles, which say of it what matters.

        Missing values are passed over where the columns may have some; else they make the extremes NaN.
        """
        least, greatest = (np.fmin, np.fmax) if self.columns[0].nullable else (np.minimum, np.maximum)
        return least.reduce(block, axis=0), greatest.reduce(block, axis=0)

    def holds(self, extremes: Limits) -> bool:
        """Return whether values within `extremes` are numbers that the columns can hold."""
        lowest, highest = self.held or (-np.inf, np.inf)
        least, greatest = extremes
        right = (least >= lowest) & (greatest <= highest) & np.isfinite(least) & np.isfinite(greatest)
        if self.columns[0].nullable:
            right |= np.isnan(least)  # all of a column is missing
        return bool(right.all())

    def saw(self, extremes: Limits) -> bool:
        """Return whether training showed values as far apart, so that there is nothing to warn of."""
        if any(column.categories is not None for column in self.columns):
            return False
        return self.seen is None or not _beyond(*extremes, self.seen).any()

    def _checked(self, row: Sequence[Any]) -> list[Any]:
        return [self.kind.value(column, value) for column, value in zip(self.columns, row, strict=True)]

    def warnings(self, block: NDArray[Any]) -> Iterator[Warned]:
        """Yield one warning for each column that holds what training did not."""
        if self.seen is not None:
            outside = _outside(block, self.seen)
            if outside.any():
                yield from self._range_warnings(block, outside)
        for i, column in enumerate(self.columns):
            if column.categories is not None:
                yield from _category_warnings(column, block[:, i].tolist(), column.categories)

    def _range_warnings(self, block: NDArray[Any], outside: NDArray[np.bool_]) -> Iterator[Warned]:
        first, counts = outside.argmax(axis=0).tolist(), outside.sum(axis=0).tolist()
        for i, (row, count) in enumerate(zip(first, counts, strict=True)):
            if count:
                column = self.columns[i]
                got = shortened(block[row, i].item())
                expected = f"{column.minimum:.10g} to {column.maximum:.10g} as in training"
                yield Warned(column.name, "range", row, count, got, expected)


def group_columns(columns: Sequence[Column]) -> tuple[Group, ...]:
    """Return the columns of a schema in groups of one kind."""
    positions: dict[Any, list[int]] = {}
    for i, column in enumerate(columns):
        positions.setdefault(_likeness(column), []).append(i)
    return tuple(_group(columns, indices) for indices in positions.values())


def _likeness(column: Column) -> tuple[Any, ...]:
    """Return what columns of one group have in common.

    A missing integer makes its array float64: that must not spread to the next column.
    """
    alone = column.name if column.nullable and column.array_dtype in ("int64", "uint64") else None
    return id(column.kind), column.nullable, column.array_dtype, alone


def _group(columns: Sequence[Column], indices: list[int]) -> Group:
    chosen = tuple(columns[i] for i in indices)
    names = tuple(column.name for column in chosen)
    nullable = {type(None)} if chosen[0].nullable else set()
    return Group(
        columns=chosen,
        names=names,
        pick=_picker(names),
        pick_at=_picker(indices),
        types=chosen[0].kind.types | nullable,
        held=_held(chosen),
        seen=_seen(chosen),
    )


def _picker(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    if len(keys) > 1:
        return itemgetter(*keys)
    only = keys[0]
    return lambda record: (record[only],)


def _held(columns: Sequence[Column]) -> Limits | None:
    dtype = np.dtype(columns[0].array_dtype)
    if dtype.kind not in "iuf":
        return None
    whole = np.iinfo(dtype).max if dtype.kind in "iu" else np.inf
    if all(column.highest == whole for column in columns):
        return None
    return np.array([c.lowest for c in columns], dtype), np.array([c.highest for c in columns], dtype)


def _seen(columns: Sequence[Column]) -> Limits | None:
    if all(column.minimum == -np.inf and column.maximum == np.inf for column in columns):
        return None
    return np.array([c.minimum for c in columns]), np.array([c.maximum for c in columns])


def _packed(columns: Sequence[list[Any]]) -> NDArray[np.float64] | None:
    """Return columns of numbers as a table, one a row; None when something is no number.

    `struct` takes a third of the time that NumPy takes to look at each value what it is.
    """
    pack = struct.Struct(f"{len(columns[0])}d").pack
    try:
        data = b"".join([pack(*values) for values in columns])
    except struct.error:
        return None
    return np.frombuffer(data).reshape(len(columns), -1)


def _any_boolean(columns: Sequence[list[Any]], table: NDArray[np.float64]) -> bool:
    """Return whether a boolean was packed as a number, which only zeros and ones can have been."""
    suspects = np.flatnonzero(((table == 0) | (table == 1)).any(axis=1)).tolist()
    return any(bool in map(type, columns[i]) for i in suspects)


def _outside(block: NDArray[Any], limits: Limits) -> NDArray[np.bool_]:
    return _beyond(block, block, limits)


def _beyond(least: NDArray[Any], greatest: NDArray[Any], limits: Limits) -> NDArray[np.bool_]:
    beyond: NDArray[np.bool_] = (least < limits[0]) | (greatest > limits[1])
    return beyond


def _category_warnings(column: Column, values: list[Any], known: frozenset[Any]) -> Iterator[Warned]:
    if known.issuperset(values):
        return
    # a missing integer is NaN here, which equals nothing, itself included
    rows = [row for row, value in enumerate(values) if value not in known and value == value]
    if rows:
        got = shortened(values[rows[0]])
        yield Warned(column.name, "category", rows[0], len(rows), got, "a category seen in training")
