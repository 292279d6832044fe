"""Ordinary entries as bytes: made where the request was answered, while its values are still at hand.

Thirty numbers are thirty objects. Left to the writing thread they would lie about until it comes, be fetched
into the cache of another processor and be freed there; together that takes several times as long as one
`struct` call does here. Ordinary is one row of plain numbers of which none is missing, or one row of doubles
in an array, answered with one label; all else is left as it came.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .entries import Entry
    from .layout import Layout

CODES = {"double": "d", "float": "d", "int64": "q", "int32": "q", "uint64": "Q"}  # of eight bytes each
#: what was packed, prediction_id, unit, role, labels
Packed: TypeAlias = tuple[bytes, str, str, str, list[object]]
Add: TypeAlias = "Callable[[Entry | Packed, int], bool]"
Pack: TypeAlias = "Callable[[int, int, float, Any, Any], bytes]"

_BEFORE = "=qqd"  # time, status, seconds
_FIRST = 3
_AT_ONCE = 256  # rows: what a processor keeps at hand
_NOT_ORDINARY = (struct.error, TypeError, ValueError, IndexError)


class Record(Protocol):
    """Takes an entry, and about how many bytes it keeps from being freed."""

    def __call__(self, entry: Entry, size: int = 0) -> bool:
        """Return whether there was room for it."""
        ...


def packs(layout: Layout) -> bool:
    """Return whether entries of a layout can be packed."""
    plain = all(each.treatment == "plain" and each.type in CODES for each in layout.features)
    return plain and len(layout.predictions) == 1


def packing(layout: Layout, add: Add) -> Record:
    """Return what packs ordinary entries, and adds them and all others to the backlog."""
    if not packs(layout):
        return lambda entry, size=0: add(entry, size)
    from_values, from_block = _values_packer(layout), _block_packer(layout)

    def record(entry: Entry, size: int = 0) -> bool:
        moment, id_, unit, role, status, seconds, rows, labels, tables, error = entry
        if error or type(labels) is not list:
            return add(entry, size)
        make = from_values if type(rows) is list else from_block
        try:
            data = make(moment, status, seconds, rows, tables)
        except _NOT_ORDINARY:
            return add(entry, size)
        return add((data, id_, unit, role, labels), size)

    return record


def _values_packer(layout: Layout) -> Pack:
    """Return what packs one row of Python values."""
    features = "".join(CODES[feature.type] for feature in layout.features)
    pack = struct.Struct(_BEFORE + features + "d" * _scores(layout)).pack

    def from_values(moment: int, status: int, seconds: float, rows: Any, tables: Any) -> bytes:
        (row,) = rows
        if tables is None:
            return pack(moment, status, seconds, *row)
        table = tables if type(tables) is list else tables.tolist()
        return pack(moment, status, seconds, *row, *table[0])

    return from_values


def _block_packer(layout: Layout) -> Pack:
    """Return what packs one row that is an array already, by its bytes."""
    pack = struct.Struct(_BEFORE).pack
    doubles = all(feature.type == "double" for feature in layout.features)
    features, scores = 8 * len(layout.features), 8 * _scores(layout)

    def from_block(moment: int, status: int, seconds: float, rows: Any, tables: Any) -> bytes:
        if not doubles or type(rows) is not np.ndarray or rows.nbytes != features:
            raise TypeError
        if tables is None and not scores:
            return pack(moment, status, seconds) + rows.tobytes()
        if type(tables) is not np.ndarray or tables.nbytes != scores:
            raise TypeError
        return b"".join((pack(moment, status, seconds), rows.tobytes(), tables.tobytes()))

    return from_block


class Unpacked(NamedTuple):
    """What was packed, column by column: `features` and `scores` are tables of shape (columns, rows)."""

    times: NDArray[np.int64]
    statuses: NDArray[np.int64]
    seconds: NDArray[np.float64]
    features: NDArray[np.int64]
    scores: NDArray[np.float64]


def unpack(data: Sequence[bytes], layout: Layout) -> Unpacked:
    """Return what entries were packed into; features are the bits of numbers of any type."""
    end = _FIRST + len(layout.features)
    columns = _columns(data, end + _scores(layout))
    times, statuses, seconds = columns[:_FIRST]
    return Unpacked(
        times, statuses, seconds.view(np.float64), columns[_FIRST:end], columns[end:].view(np.float64)
    )


def _columns(data: Sequence[bytes], width: int) -> NDArray[np.int64]:
    """Return packed rows as columns, in memory of Arrow's, which keeps it for the next time."""
    import pyarrow as pa

    rows = len(data)
    buffer = pa.allocate_buffer(rows * width * 8)
    columns = np.frombuffer(buffer, np.int64).reshape(width, rows)
    for start in range(0, rows, _AT_ONCE):
        packed = np.frombuffer(b"".join(data[start : start + _AT_ONCE]), np.int64)
        columns[:, start : start + _AT_ONCE] = packed.reshape(-1, width).T
    return columns


def _scores(layout: Layout) -> int:
    return sum(map(len, layout.scores))
