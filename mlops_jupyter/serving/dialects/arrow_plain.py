"""The quick reader of Arrow streams: one batch of doubles, of a schema that was read before.

Who sends many rows sends many such streams, each with the same schema. Where that names just the model's
columns, all of them doubles, the batch lies in the body as the table that it is: nothing has to be made of
its columns one by one, which takes ten times as long. Of all else (another schema, a second batch, missing
values by bitmap, compression, anything odd) this reads nothing; `arrow` does, as if this were not there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrow_messages import (
    BATCH,
    BUFFERS,
    COMPRESSION,
    HEADER,
    HEADER_TYPE,
    LENGTH,
    NODES,
    SCHEMA,
    HeavyStream,
    MalformedStream,
    messages,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..validation import Request, Validator
    from .arrow_messages import Table

_MOST_KNOWN = 8
_MOST_LAYOUTS = 64
_LONGEST = 1 << 14  # bytes of a layout that is kept
_PREFIX = struct.Struct("<Ii")  # 0xFFFFFFFF since Arrow 0.15, and the size of the metadata
_CONTINUATION = 0xFFFFFFFF
_ENDIANNESS = 0  # of Schema; 0 is little
_WIDE = 8  # bytes of a double
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_ODD = (HeavyStream, MalformedStream, struct.error, ValueError, TypeError)


class PlainStreams:
    """Reads the plain streams for one validator.

    Parameters
    ----------
    validator : Validator
        Whose columns.
    most_metadata : int
        Bytes of a message beside its buffers.
    """

    def __init__(self, validator: Validator, most_metadata: int) -> None:
        self._validator, self._most_metadata = validator, most_metadata
        self._names = [column.name for column in validator.columns]
        # the first message of a stream, and where its columns stand: None when in the order of the model's
        self._known: tuple[tuple[bytes, list[int] | None], ...] = ()
        # where a batch lies, by the bytes that say so: who sends as many rows again says it alike
        self._layouts: dict[bytes, _Layout] = {}

    def read(self, body: bytes) -> Request | None:
        """Return the rows of a stream; None when it is not plain, or a value of it needs a closer look."""
        if len(body) > self._validator.limits.body_bytes:
            return None
        for head, order in self._known:
            if body.startswith(head):
                table = self._known_table(body, len(head))
                if table is None:
                    table = self._table(body, len(head))
                if table is None:
                    return None
                return self._validator.of_block((table if order is None else table[order]).T)
        return None

    def learn(self, body: bytes, schema: Any) -> None:
        """Remember the schema of a stream that was read and is right, if it is a plain one.

        Parameters
        ----------
        body : bytes
            The stream.
        schema : pyarrow.Schema
            As it was read.
        """
        names = schema.names
        if not self._validator.takes_blocks or len(names) != len(self._names):
            return
        if any(str(type_) != "double" for type_ in schema.types) or set(names) != set(self._names):
            return
        head = _head(body, self._most_metadata)
        if head and all(head != known for known, _ in self._known):
            order = None if names == self._names else [names.index(name) for name in self._names]
            self._known = (*self._known[1 - _MOST_KNOWN :], (head, order))

    def _known_table(self, body: bytes, begin: int) -> NDArray[np.float64] | None:
        """Return the one batch after the schema if one was described by the same bytes before."""
        if len(body) < begin + _PREFIX.size:
            return None
        end = begin + _PREFIX.size + max(0, _PREFIX.unpack_from(body, begin)[1])
        layout = self._layouts.get(body[begin : min(end, begin + _LONGEST)])
        if layout is None or body[end + layout.size :] != _END:
            return None
        return layout.table(memoryview(body)[end:])

    def _table(self, body: bytes, begin: int) -> NDArray[np.float64] | None:
        """Return the one batch after the schema, of shape (columns, rows), as it lies there."""
        rest = memoryview(body)[begin:]
        try:
            found = list(islice(messages(rest, self._most_metadata), 2))
            if len(found) != 1:
                return None
            layout = _layout(*found[0], len(self._names), self._validator.limits.rows)
            if layout is None:
                return None
            table = layout.table(found[0][1])
        except _ODD:
            return None
        self._learn_layout(body[begin : begin + _LONGEST], layout)
        return table

    def _learn_layout(self, rest: bytes, layout: _Layout) -> None:
        continuation, size = _PREFIX.unpack_from(rest)
        if continuation == _CONTINUATION and size <= _LONGEST - _PREFIX.size:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[rest[: _PREFIX.size + size]] = layout


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a batch of doubles lies in the buffers of its message, which have `size` bytes."""

    shape: tuple[int, int]
    first: int
    strides: tuple[int, int]
    size: int

    def table(self, buffers: memoryview) -> NDArray[np.float64]:
        """Return the batch, of shape (columns, rows)."""
        # NumPy refuses what would lie beyond the buffers
        table: NDArray[np.float64] = np.ndarray(self.shape, "<f8", buffers, self.first, self.strides)
        return table if table.flags.aligned else table.copy()


@lru_cache(maxsize=64)
def plain_streams(validator: Validator, most_metadata: int) -> PlainStreams:
    """Return what reads the plain streams of a validator."""
    return PlainStreams(validator, most_metadata)


def _head(body: bytes, most_metadata: int) -> bytes:
    """Return the first message of a stream, empty when it is none in little-endian and without a body."""
    continuation, size = _PREFIX.unpack_from(body)
    message, buffers = next(messages(memoryview(body), most_metadata))
    header = message.table(HEADER)
    little = header is not None and header.scalar("h", _ENDIANNESS) == 0
    plain = continuation == _CONTINUATION and message.scalar("B", HEADER_TYPE) == SCHEMA and not buffers
    return body[: _PREFIX.size + size] if plain and little else b""


def _layout(message: Table, buffers: memoryview, width: int, most: int) -> _Layout | None:
    """Return where a batch of doubles without a bitmap lies, whose columns lie at equal distances."""
    batch = message.table(HEADER)
    if batch is None or message.scalar("B", HEADER_TYPE) != BATCH or batch.table(COMPRESSION) is not None:
        return None
    rows = batch.scalar("q", LENGTH)
    nodes, parts = _pairs(batch, NODES, width), _pairs(batch, BUFFERS, 2 * width)
    bitmaps, data = parts[::2], parts[1::2]
    distances = np.diff(data[:, 0])
    distance = int(distances[0]) if width > 1 else _WIDE * rows
    plain = (
        0 < rows <= most
        and (nodes == (rows, 0)).all()
        and not bitmaps[:, 1].any()
        and (data[:, 1] >= _WIDE * rows).all()
        and (distances == distance).all()
        and distance >= _WIDE * rows
        and int(data[0, 0]) >= 0
    )
    return _Layout((width, rows), int(data[0, 0]), (distance, _WIDE), len(buffers)) if plain else None


def _pairs(batch: Table, field: int, expected: int) -> NDArray[np.int64]:
    """Return a vector of pairs: of a node its length and nulls, of a buffer its offset and length."""
    begin, count = batch.vector(field)
    if count != expected:
        raise ValueError(count)
    return np.frombuffer(batch.data, "<i8", 2 * count, begin).reshape(-1, 2)
