"""How large an Arrow stream would become, read from its messages before anything is made of them.

A short stream can ask for any amount of memory: compressed buffers, batches of nulls that say they have 2**60
rows, a schema that tells one field a million times. pyarrow makes of a stream what it says, and takes no
limit; so the few numbers that matter are read here first, from the FlatBuffers of its messages
(https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA, _DICTIONARY, BATCH = 1, 2, 3  # of MessageHeader
HEADER_TYPE, HEADER, BODY_LENGTH = 1, 2, 3  # fields of Message
_FIELDS, _CHILDREN = 1, 5  # of Schema, of Field
_DATA = 1  # of DictionaryBatch
LENGTH, NODES, BUFFERS, COMPRESSION = 0, 1, 2, 3  # of RecordBatch
_CONTINUATION = 0xFFFFFFFF


class MalformedStream(ValueError):  # noqa: N818 - what a caller sent, no error of ours
    """Bytes that are no Arrow stream."""


class HeavyStream(ValueError):  # noqa: N818 - as above
    """A stream that asks for too much."""


@dataclass(slots=True)
class Weight:
    """What a stream asks for.

    Parameters
    ----------
    rows : int
        Of all batches.
    messages : int
        The schema, batches and dictionaries.
    unpacked : int
        Bytes of the compressed buffers when they are unpacked.
    nested : bool
        Whether a column holds lists, structs or the like.
    """

    rows: int = 0
    messages: int = 0
    unpacked: int = 0
    nested: bool = False


def weigh(stream: bytes, most_messages: int, most_metadata: int) -> Weight:
    """Return what a stream asks for.

    Parameters
    ----------
    stream : bytes
        Arrow IPC in the streaming format.
    most_messages, most_metadata : int
        How many messages there may be, and how many bytes each may have beside its buffers.

    Raises
    ------
    MalformedStream
        When it is no such stream, or cut off.
    HeavyStream
        When there is more of either.
    """
    weight = Weight()
    view = memoryview(stream)
    try:
        for metadata, buffers in messages(view, most_metadata):
            weight.messages += 1
            if weight.messages > most_messages:
                raise HeavyStream(f"more than {most_messages} batches in one stream; send larger ones")
            _add(weight, metadata, buffers)
    except struct.error:
        raise MalformedStream("it ends or points beyond its end") from None
    return weight


def messages(stream: memoryview, most_metadata: int) -> Iterator[tuple[Table, memoryview]]:
    """Yield the metadata of each message, and the buffers after it.

    Raises
    ------
    MalformedStream, HeavyStream or struct.error
        As `weigh` does; the last where it points beyond its end.
    """
    at = 0
    while at < len(stream):
        size, at = _number("I", stream, at), at + 4
        if size == _CONTINUATION:  # since Arrow 0.15
            size, at = _number("I", stream, at), at + 4
        if size == 0:
            return
        if size > len(stream) - at:
            raise MalformedStream("it is none, or cut off")
        if size > most_metadata:
            raise HeavyStream(f"a message has {size} bytes of metadata; at most {most_metadata}")
        metadata = Table.root(stream[at : at + size])
        begin = at + size
        at = begin + max(0, metadata.scalar("q", BODY_LENGTH))
        if at > len(stream):
            raise MalformedStream("it is cut off")
        yield metadata, stream[begin:at]


def _add(weight: Weight, message: Table, buffers: memoryview) -> None:
    header, type_ = message.table(HEADER), message.scalar("B", HEADER_TYPE)
    if header is None:
        return
    if type_ == SCHEMA:
        weight.nested |= any(field.vector(_CHILDREN)[1] for field in header.tables(_FIELDS))
    elif type_ == BATCH:
        weight.rows += max(0, header.scalar("q", LENGTH))
        weight.unpacked += _unpacked(header, buffers)
    elif type_ == _DICTIONARY:
        data = header.table(_DATA)
        weight.unpacked += 0 if data is None else _unpacked(data, buffers)


def _unpacked(batch: Table, buffers: memoryview) -> int:
    """Return the bytes of a batch's buffers when unpacked: each begins with how many it will have."""
    if batch.table(COMPRESSION) is None:
        return 0
    begin, count = batch.vector(BUFFERS)
    total = 0
    for i in range(count):
        offset = _number("q", batch.data, begin + 16 * i)
        length = _number("q", batch.data, begin + 16 * i + 8)
        if length > 0:
            # -1 stands for a buffer that was not worth it
            total += max(0, _number("q", buffers, offset))
    return total


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a FlatBuffer: `data` from where offsets count, and where the table is."""

    data: memoryview
    at: int

    @classmethod
    def root(cls, data: memoryview) -> Table:
        """Return the table that a message is."""
        return cls(data, _number("I", data, 0))

    def field(self, number: int) -> int:
        """Return where a field is, 0 when it has its default."""
        vtable = self.at - _number("i", self.data, self.at)
        slot = 4 + 2 * number
        if slot >= _number("H", self.data, vtable):
            return 0
        offset = _number("H", self.data, vtable + slot)
        return self.at + offset if offset else 0

    def scalar(self, form: str, number: int) -> int:
        """Return a number in the form of `struct`, 0 when it has its default, which is 0 in all we read."""
        at = self.field(number)
        return _number(form, self.data, at) if at else 0

    def table(self, number: int) -> Table | None:
        """Return a table within, if there is one."""
        at = self.field(number)
        return Table(self.data, at + _number("I", self.data, at)) if at else None

    def vector(self, number: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many there are."""
        at = self.field(number)
        if not at:
            return 0, 0
        at += _number("I", self.data, at)
        return at + 4, _number("I", self.data, at)

    def tables(self, number: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        begin, count = self.vector(number)
        for at in range(begin, begin + 4 * count, 4):
            yield Table(self.data, at + _number("I", self.data, at))


def _number(form: str, data: memoryview, at: int) -> int:
    if at < 0:  # from the end, to `struct`
        raise struct.error
    number: Any = struct.unpack_from(f"<{form}", data, at)[0]
    return int(number)
