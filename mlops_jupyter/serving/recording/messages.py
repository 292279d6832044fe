"""Record batches as messages of a stream, laid out where the disk takes them from.

pyarrow makes a message of a record batch in new memory, from which it has to be copied once more to be
written past the page cache; for what is captured that takes longer than all else. Here the buffers of a batch
go straight to their places in one piece of memory, which is used again and again. What stands before them
differs from batch to batch in a few numbers alone: pyarrow writes it once for a schema.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..dialects.arrow_messages import BODY_LENGTH, BUFFERS, HEADER, LENGTH, NODES, Table
from .direct import BLOCK, LEAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

#: Tables of shape (columns, rows) that lie side by side: their values have eight bytes, and none is missing.
Tables: TypeAlias = "tuple[NDArray[Any], ...]"

_PREFIX = 8  # bytes before the metadata of a message
ALIGNED = 64  # bytes: where buffers begin, as Arrow recommends
_WIDE = 8
_KEPT = 4 * 2**20  # bytes of memory that is kept for the next batch


@dataclass(frozen=True)
class Laid:
    """A record batch by its columns, of which some are rows of tables.

    Parameters
    ----------
    rows : int
        How many.
    columns : sequence of pyarrow.Array or tuple of ndarray
        In the order of the schema; no array is a part of another one.
    whole : bool
        Whether it ends with a block of the disk however small it is: large ones come behind it.
    """

    rows: int
    columns: Sequence[pa.Array | Tables]
    whole: bool = False

    @property
    def num_rows(self) -> int:
        """How many, as a record batch says it."""
        return self.rows


class MessageWriter:
    """Writes the messages of one schema; for one thread.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of all record batches.

    Attributes
    ----------
    body_length_at : int
        Where in a message the number is that says how long its body is.
    """

    def __init__(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        arrays = [pa.nulls(1, type_) for type_ in schema.types]
        message = memoryview(pa.RecordBatch.from_arrays(arrays, schema=schema).serialize())
        self._last = np.cumsum([len(array.buffers()) for array in arrays]) - 1  # buffer of each column
        self._head = bytearray(message[: _PREFIX + int.from_bytes(message[4:_PREFIX], "little")])
        self._body_length, self._length, self._nodes, self._buffers = _numbers_in(self._head)
        self.body_length_at = _body_length_at(self._head)
        self._memory = mmap.mmap(-1, BLOCK)

    def values_at(self) -> list[int]:
        """Return where the values of each column begin in the message that was written last."""
        starts: list[int] = (len(self._head) + self._buffers[self._last, 0]).tolist()
        return starts

    def offsets_at(self, column: int) -> int:
        """Return where the offsets of a column of texts begin in the message that was written last."""
        return len(self._head) + int(self._buffers[self._last[column] - 1, 0])

    def write(self, laid: Laid, offset: int) -> memoryview:
        """Return the message of a batch, which lasts until the next one.

        Parameters
        ----------
        laid : Laid
            The batch.
        offset : int
            Where in its file it will be. A large one ends there with a block of the disk.
        """
        nulls = np.fromiter(_nulls(laid.columns), np.int64)
        sizes = np.fromiter(_sizes(laid), np.int64)
        room = -(-sizes // ALIGNED) * ALIGNED
        starts = np.cumsum(room) - room
        end = len(self._head) + int(room.sum())
        size = end + -(offset + end) % BLOCK if end >= LEAST or laid.whole else end
        self._describe(laid.rows, nulls, sizes, starts, size)
        first = offset % BLOCK  # as in the file, so that blocks of one are blocks of the other
        memory = self._memory_of(first + size)
        body = first + len(self._head)
        memory[first:body] = np.frombuffer(self._head, np.uint8)
        memory[first + end : first + size] = 0
        _fill(memory, laid, (body + starts).tolist(), (body + starts + room).tolist())
        if first + size > _KEPT:
            self._memory = mmap.mmap(-1, BLOCK)
        return memory[first : first + size].data

    def _describe(
        self, rows: int, nulls: NDArray[Any], sizes: NDArray[Any], starts: NDArray[Any], size: int
    ) -> None:
        self._body_length[0], self._length[0] = size - len(self._head), rows
        self._nodes[:, 0], self._nodes[:, 1] = rows, nulls
        self._buffers[:, 0], self._buffers[:, 1] = starts, sizes

    def _memory_of(self, size: int) -> NDArray[np.uint8]:
        if len(self._memory) < size:
            self._memory = mmap.mmap(-1, 1 << (size - 1).bit_length())
        return np.frombuffer(self._memory, np.uint8)


def _numbers_in(head: bytearray) -> tuple[NDArray[np.int64], ...]:
    """Return the numbers in the head of a message that say how long all is: they can be set."""
    message = Table.root(memoryview(head)[_PREFIX:])
    batch = message.table(HEADER)
    assert batch is not None, "it is a record batch"
    places = [(message.field(BODY_LENGTH), 1), (batch.field(LENGTH), 1)]
    places += [(begin, 2 * count) for begin, count in (batch.vector(NODES), batch.vector(BUFFERS))]
    body, length, nodes, buffers = (np.frombuffer(head, "<i8", n, _PREFIX + at) for at, n in places)
    return body, length, nodes.reshape(-1, 2), buffers.reshape(-1, 2)


def _body_length_at(head: bytearray) -> int:
    return _PREFIX + Table.root(memoryview(head)[_PREFIX:]).field(BODY_LENGTH)


def _nulls(columns: Iterable[pa.Array | Tables]) -> Iterable[int]:
    for column in columns:
        if isinstance(column, tuple):
            yield from (0,) * len(column[0])
        else:
            yield column.null_count


def _sizes(laid: Laid) -> Iterable[int]:
    for column in laid.columns:
        if isinstance(column, tuple):
            yield from (0, _WIDE * laid.rows) * len(column[0])
        else:
            assert not column.offset, "its buffers are its own"
            yield from (0 if buffer is None else buffer.size for buffer in column.buffers())


def _fill(memory: NDArray[np.uint8], laid: Laid, starts: list[int], ends: list[int]) -> None:
    """Copy buffers to their places; NumPy lets others go on meanwhile where there is much to copy."""
    at = 0
    for column in laid.columns:
        if isinstance(column, tuple):
            count = 2 * len(column[0])
            _fill_table(memory[starts[at] : ends[at + count - 1]], column, laid.rows)
            at += count
            continue
        for buffer in column.buffers():
            size = 0 if buffer is None else buffer.size
            begin = starts[at]
            if size:
                memory[begin : begin + size] = np.frombuffer(buffer, np.uint8)
            memory[begin + size : ends[at]] = 0
            at += 1


def _fill_table(memory: NDArray[np.uint8], tables: Tables, rows: int) -> None:
    places = memory.view(tables[0].dtype).reshape(len(tables[0]), -1)
    first = 0
    for table in tables:
        places[:, first : first + table.shape[1]] = table
        first += table.shape[1]
    places[:, rows:] = 0
