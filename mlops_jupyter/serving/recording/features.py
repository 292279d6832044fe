"""Rows of features as Arrow arrays.

Rows come as Python values where a request was one record, and as arrays where it was many (`Batch`). Numbers
among the values are packed by `struct`, a row a call, which is three times as fast as anything that looks at
values one by one; what does not pack, so a missing value, is mended and remembered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import array_of, columns, doubles, nothing, objects, texts
from .packing import CODES
from .pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ..batch import Batch
    from .hashing import Hasher
    from .layout import Captured

    Row = Sequence[Any]
    Missing = list[tuple[int, int]]

_HASHED = 64  # a hash takes as long as packing so many values


@dataclass(frozen=True)
class _Block:
    """Columns of one type that lie together in a packed row, from place `first` on."""

    type: str
    first: int
    positions: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Of the packed values."""
        return {"d": "float64", "q": "int64", "Q": "uint64"}[CODES[self.type]]

    def holds(self, place: int) -> bool:
        """Return whether a place of the packed row is one of its."""
        return 0 <= place - self.first < len(self.positions)

    @property
    def places(self) -> slice:
        """Where they are in a packed row."""
        return slice(self.first, self.first + len(self.positions))


class FeatureArrays:
    """Makes one array per feature of a layout.

    Parameters
    ----------
    features : sequence of Captured
        In the order of the schema.
    hasher : Hasher or None
        For those that are hashed.
    """

    def __init__(self, features: Sequence[Captured], hasher: Hasher | None) -> None:
        self._features, self._hasher = features, hasher
        self._packer = _Packer(features)
        self.all_doubles = all(each.type == "double" and each.treatment == "plain" for each in features)

    def nothing(self, rows: int) -> list[pa.Array]:
        """Return the arrays of rows of which nothing is known."""
        return [nothing(feature.type, rows) for feature in self._features]

    def of_rows(self, rows: Sequence[Row]) -> list[pa.Array]:
        """Return the arrays of rows of Python values, None for a missing one."""
        packed = self._packer.arrays(rows)
        return [
            packed[i] if i in packed else self._objects(feature, list(map(itemgetter(i), rows)))
            for i, feature in enumerate(self._features)
        ]

    def of_batches(self, batches: Sequence[Batch]) -> list[pa.Array]:
        """Return the arrays of validated batches."""
        blocks = [batch.block for batch in batches if batch.block is not None]
        if self.all_doubles and len(blocks) == len(batches):
            return self.of_blocks(blocks)
        return [
            self._column(feature, [batch.columns[feature.name] for batch in batches])
            for feature in self._features
        ]

    def of_blocks(self, blocks: Sequence[NDArray[Any]]) -> list[pa.Array]:
        """Return the arrays of blocks of values, of shape (rows, features)."""
        block = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        if self.all_doubles:
            return doubles(np.ascontiguousarray(block.T))
        return [self._values(feature, block[:, i]) for i, feature in enumerate(self._features)]

    def of_table(self, table: NDArray[np.int64]) -> list[pa.Array]:
        """Return the arrays of packed numbers: a table of shape (features, rows), all of which pack."""
        arrays = self._packer.of_table(table)
        return [arrays[i] for i in range(len(arrays))]

    def _column(self, feature: Captured, parts: list[NDArray[Any]]) -> pa.Array:
        """Return the arrays of one column of several batches as one."""
        import pyarrow as pa

        if len({part.dtype for part in parts}) == 1:  # integers beside floats would be rounded
            return self._values(feature, np.concatenate(parts) if len(parts) > 1 else parts[0])
        return pa.concat_arrays([self._values(feature, part) for part in parts])

    def _values(self, feature: Captured, values: NDArray[Any]) -> pa.Array:
        if feature.treatment != "plain" or values.dtype == object:
            return self._objects(feature, values.tolist())
        return array_of(values, feature.type)

    def _objects(self, feature: Captured, values: list[Any]) -> pa.Array:
        if feature.treatment == "masked":
            return nothing(feature.type, len(values))
        if feature.treatment == "hashed" and self._hasher is not None:
            hashed = self._hasher.hashed
            return texts([hashed(value) for piece in pieces(values, _HASHED) for value in piece])
        if feature.type.startswith("timestamp"):
            values = list(map(_moment, values))
        return objects(values, feature.type)


class _Packer:
    """Turns the numbers of rows into arrays, many columns at a time."""

    def __init__(self, features: Sequence[Captured]) -> None:
        self._blocks = _blocks(features)
        self._order = [position for block in self._blocks for position in block.positions]
        self._codes = "".join(CODES[features[position].type] for position in self._order)
        self._pack = struct.Struct(f"={self._codes}").pack
        self._pick = _picker(self._order, len(features))

    def arrays(self, rows: Sequence[Row]) -> dict[int, pa.Array]:
        """Return the array of each column that packs, by its position."""
        if not self._order:
            return {}
        width, done = len(self._order), 0
        missing: Missing = []
        table = np.empty((width, len(rows)), np.int64)  # of eight bytes each, whatever they mean
        for piece in pieces(rows, width):
            packed = np.frombuffer(self._packed(piece, done, missing), np.int64)
            table[:, done : done + len(piece)] = packed.reshape(-1, width).T
            done += len(piece)
        return self._of_blocks(table, missing)

    def of_table(self, table: NDArray[np.int64]) -> dict[int, pa.Array]:
        """Return the same from a table of packed columns in the order of the schema."""
        return self._of_blocks(table if self._pick is None else table[self._order], [])

    def _of_blocks(self, table: NDArray[np.int64], missing: Missing) -> dict[int, pa.Array]:
        return dict(pair for block in self._blocks for pair in _of_block(block, table, missing))

    def _packed(self, rows: Sequence[Row], first: int, missing: Missing) -> bytes:
        pack = self._pack
        picked = rows if self._pick is None else list(map(self._pick, rows))
        try:
            return b"".join([pack(*row) for row in picked])
        except struct.error:
            return b"".join([self._mended(row, i, missing) for i, row in enumerate(picked, first)])

    def _mended(self, row: Row, index: int, missing: Missing) -> bytes:
        """Return a row packed with something where nothing is, and say where."""
        try:
            return self._pack(*row)
        except struct.error:
            missing.extend((index, place) for place, value in enumerate(row) if value is None)
            return self._pack(*map(_mend, self._codes, row))


def _mend(code: str, value: Any) -> Any:
    if code == "d":
        return np.nan if value is None else value
    return 0 if value is None else int(value)


def _of_block(block: _Block, table: NDArray[np.int64], missing: Missing) -> list[tuple[int, pa.Array]]:
    values = table[block.places].view(block.dtype)
    gaps = [(row, place - block.first) for row, place in missing if block.holds(place)]
    return list(zip(block.positions, columns(values, block.type, _mask(values, gaps)), strict=True))


def _mask(values: NDArray[Any], gaps: Missing) -> NDArray[np.bool_] | None:
    mask: NDArray[np.bool_]
    if values.dtype.kind == "f":
        mask = np.isnan(values)
        return mask
    if not gaps:
        return None
    mask = np.zeros(values.shape, bool)
    row, place = np.transpose(gaps)
    mask[place, row] = True
    return mask


def _packs(feature: Captured) -> bool:
    return feature.treatment == "plain" and feature.type in CODES


def _blocks(features: Sequence[Captured]) -> list[_Block]:
    positions: dict[str, list[int]] = {}
    for i, feature in enumerate(features):
        if _packs(feature):
            positions.setdefault(feature.type, []).append(i)
    blocks, first = [], 0
    for type_, indices in positions.items():
        blocks.append(_Block(type_, first, tuple(indices)))
        first += len(indices)
    return blocks


def _picker(order: list[int], columns: int) -> Callable[[Row], Row] | None:
    """Return what takes the packed values out of a row; None when that is the row as it is."""
    if order == list(range(columns)):
        return None
    if len(order) == 1:
        only = order[0]
        return lambda row: (row[only],)
    return itemgetter(*order) if order else None


def _moment(value: Any) -> datetime | None:
    """Return a moment as Arrow takes it: without a zone, in UTC where it had one."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
