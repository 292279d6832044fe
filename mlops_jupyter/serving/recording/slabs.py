"""Answers to requests of many rows, and many answers of one, laid out as messages where they were answered.

What is captured of such a request is as large as the request. Kept as it came until a thread has time for it,
it takes fresh memory for each of the next requests, and what that thread does with it keeps the interpreter
from whoever answers meanwhile; that costs more than the answer. A copy to its place in memory that is used
again and again, while the values are still at hand, is a tenth of it: the thread only writes.

Callers with many rows send as many again and again. So all that stands around the values is taken from an
`Image`, which the writing thread makes when a second request of as many rows comes; what has none goes the
way of all others. Requests of one row become a message when there is a block of them: see `blocks`.
"""

from __future__ import annotations

import mmap
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .blocks import BlockImages
from .direct import BLOCK
from .images import ID, WIDE, any_missing, make_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..router import Contract
    from .entries import Entry
    from .images import Image
    from .layout import Layout
    from .messages import Laid, MessageWriter
    from .ring import RingRows

    Key = tuple[int, str, int]  # rows, role, characters of the prediction id
    Bytes = NDArray[np.uint8]
    Fill = Callable[[Bytes], None]

ROOM = 2 * 2**20  # bytes of a slab
_SLABS = 3  # one is filled, one is written, and the disk may be a little behind
_MOST_IMAGES = 16
_ANSWERED = 200
_LABELS = {"int64": "int64", "double": "float64"}


class Filled:
    """Whole messages, one behind the other, of so many requests."""

    def __init__(self) -> None:
        self._memory = np.frombuffer(mmap.mmap(-1, ROOM + BLOCK), np.uint8)
        self.clear()

    def __len__(self) -> int:
        return self._requests

    def clear(self) -> None:
        """Forget what was written."""
        self._last: tuple[int, Image] | None = None
        self.num_rows = self._requests = self._size = 0

    def add(self, image: Image, fill: Fill, requests: int) -> bool:
        """Add the message of so many requests; false when there is no room for it."""
        if self._size + image.size > ROOM:
            return False
        fill(self._memory[self._size : self._size + image.size])
        self._last = self._size, image
        self._size += image.size
        self.num_rows += image.rows
        self._requests += requests
        return True

    def message(self, offset: int) -> memoryview:
        """Return all of it, the last message as long as makes it end with a block of its file.

        Parameters
        ----------
        offset : int
            Where in its file it will be.
        """
        assert self._last is not None, "an empty one is never taken"
        at, image = self._last
        more = -(offset + self._size) % BLOCK
        self._memory[at + image.body_length :][:WIDE].view(np.int64)[0] += more
        self._memory[self._size : self._size + more] = 0
        self._size += more
        return self._memory[: self._size].data


class Slabs:
    """What waits to be written of requests of many rows; any thread adds, one takes.

    Parameters
    ----------
    contract, layout : Contract, Layout
        Of a version whose features are plain doubles, and which answers one number: see `make_slabs`.

    Attributes
    ----------
    wake : callable
        Called when a slab is full.
    blocks : BlockImages
        Of requests of one row.
    """

    refused = 0  # what finds no room goes the way of all others, and is counted there

    def __init__(self, contract: Contract, layout: Layout) -> None:
        self._label = np.dtype(_LABELS[layout.predictions[0].type])
        self._scores, self._features = sum(map(len, layout.scores)), len(layout.features)
        self._nullable = any(column.get("nullable", True) for column in contract.schema["input"]["columns"])
        self._no_unit = layout.unit == "masked"
        self.wake: Callable[[], None] = lambda: None
        self._lock, self._shut = threading.Lock(), False
        self._images: dict[Key, Image] = {}
        self.blocks = BlockImages(layout, ROOM)
        self._seen: Key | None = None
        self._free = [Filled() for _ in range(_SLABS)]
        self._filling: Filled | None = None
        self._full: deque[Filled] = deque()
        self._out: Filled | None = None

    # of those that answer

    def add(self, entry: Entry) -> bool:
        """Add a request; false, nothing having happened, where it has to go the way of all others."""
        image = self._image_of(entry)
        if image is None or not self._lock.acquire(blocking=False):
            return False
        try:
            return not self._shut and self._add(image, lambda memory: image.fill(memory, entry), 1)
        finally:
            self._lock.release()

    def add_block(self, rows: RingRows) -> bool:
        """Add a block of requests of one row; false, nothing having happened, where they must wait."""
        found = self.blocks.image_of(rows)
        if found is None or not self._lock.acquire(blocking=False):
            return False
        image, units = found
        try:
            fill = partial(image.fill_block, rows=rows, units=units)
            return not self._shut and self._add(image, fill, len(rows))
        finally:
            self._lock.release()

    def _image_of(self, entry: Entry) -> Image | None:
        """Return the image of a request that has one, and no value missing."""
        rows, labels, table = entry[6:9]
        if not isinstance(rows, np.ndarray):
            return None
        image = self._images.get(_key(entry))
        if image is None or entry[4] != _ANSWERED or (entry[2] and not self._no_unit):
            return None
        scored = table is not None
        if scored and (not isinstance(table, np.ndarray) or table.shape != (image.rows, self._scores)):
            return None
        if not isinstance(labels, np.ndarray) or labels.dtype != self._label or scored != bool(self._scores):
            return None
        missing = (self._nullable and any_missing(rows)) or (scored and any_missing(table))
        return None if missing or any_missing(labels) else image

    def _add(self, image: Image, fill: Fill, requests: int) -> bool:
        if self._filling is not None:
            if self._filling.add(image, fill, requests):
                return True
            self._full.append(self._filling)
            self._filling = None
            self.wake()
        if self._free:  # else the disk is behind
            self._filling = self._free.pop()
        return self._filling is not None and self._filling.add(image, fill, requests)

    # of the one that writes

    def wants(self, entry: Entry) -> bool:
        """Whether requests like this one should have an image: it is the second of the kind in a row."""
        key, seen = _key(entry), self._seen
        self._seen = key
        return key == seen and key not in self._images and len(entry[1]) == ID and entry[1].isascii()

    def learn(self, entry: Entry, laid: Laid, writer: MessageWriter) -> None:
        """Make an image of requests like this one.

        Parameters
        ----------
        entry, laid : Entry, Laid
            The request, and its batch.
        writer : MessageWriter
            Of the schema.
        """
        image = make_image(writer, laid, self._features)
        if image.size > ROOM:
            return
        if len(self._images) >= _MOST_IMAGES:
            self._images = {}
        self._images[_key(entry)] = image

    def __len__(self) -> int:
        return sum(map(len, self._full)) + (len(self._filling) if self._filling is not None else 0)

    @property
    def crowded(self) -> bool:
        """Whether a slab is full."""
        return bool(self._full)

    def take(self) -> Filled | None:
        """Return what waits longest; None when nothing does. What was taken before is given back."""
        self.give_back()
        with self._lock:
            if not self._full and self._filling is not None and len(self._filling):
                self._full.append(self._filling)
                self._filling = None
            self._out = self._full.popleft() if self._full else None
            return self._out

    def give_back(self) -> None:
        """Let what was taken be written over."""
        with self._lock:
            if self._out is not None:
                self._out.clear()
                self._free.append(self._out)
            self._out = None

    def shut(self) -> None:
        """Take no more: what comes now goes the way of all others."""
        with self._lock:
            self._shut = True


def make_slabs(contract: Contract, layout: Layout) -> Slabs | None:
    """Return slabs for a version whose rows are doubles, answered with one number; None for any other."""
    plain = all(each.treatment == "plain" and each.type == "double" for each in layout.features)
    if not plain or len(layout.predictions) != 1 or layout.predictions[0].type not in _LABELS:
        return None
    return Slabs(contract, layout)


def _key(entry: Entry) -> Key:
    rows: Any = entry[6]
    return len(rows), entry[3], len(entry[1])
