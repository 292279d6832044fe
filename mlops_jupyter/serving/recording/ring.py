"""Answered rows on their way to the thread that writes, in a ring of bytes.

One ordinary answer is some forty objects. Kept until a thread comes to write them, they lie about in memory
that no cache holds, and are freed by another processor than made them; that costs as much as all else that
is done for a prediction. Here a row is a few hundred bytes copied to their place in a block that is made
once, and only texts of unknown length are kept beside it. One thread adds and one takes, and neither waits:
each moves a mark of its own, after it is done with the bytes.

Where many rows come, who adds lays them out for the disk itself, while they are at hand, and begins at the
same place again: see `blocks`.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .blocks import BLOCK_ROWS
from .images import ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..router import Contract
    from .layout import Layout
    from .slabs import Slabs

CROWD = 4096  # rows worth waking the writer for
MOST = 8192
MOST_BYTES = 16 * 2**20
ROLES = ("stable", "candidate", "shadow")
_HEAD = struct.Struct(f"=qdqq{ID}s")  # time, seconds, role, label, prediction id
_HEAD_VALUE = struct.Struct(f"=qdqd{ID}s")  # the label is a number of its own
_WORDS = 4 + ID // 8  # of eight bytes, of a head


class RecordRow(Protocol):
    """Takes one answered row: its doubles and its probabilities as bytes."""

    def __call__(
        self,
        prediction_id: str,
        unit: str,
        role: str,
        seconds: float,
        label: Any,
        values: bytes,
        scores: bytes,
    ) -> bool:
        """Return whether it had the form of the layout; else nothing was taken."""
        ...


@dataclass(frozen=True)
class RingRows:
    """Rows taken out of a ring, in its own memory.

    Parameters
    ----------
    ids, roles, labels : sequence
        One per row; roles by their numbers in `ROLES`.
    units : sequence of str
        One per row, or none at all.
    times : ndarray of int64
        Nanoseconds since 1970.
    seconds : ndarray of float64
        How long each took.
    features : ndarray of float64, shape (features, rows)
        Their values.
    scores : ndarray of float64, shape (scores, rows)
        Probabilities.
    """

    ids: NDArray[np.uint8]
    units: Sequence[str]
    roles: NDArray[np.int64]
    labels: NDArray[Any] | list[Any]
    times: NDArray[np.int64]
    seconds: NDArray[np.float64]
    features: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    def first(self, count: int) -> RingRows:
        """Return so many of them."""
        return RingRows(
            self.ids[:count], self.units[:count], self.roles[:count], self.labels[:count], self.times[:count],
            self.seconds[:count], self.features[:, :count], self.scores[:, :count],
        )  # fmt: skip


class Ring:
    """The rows of one version that wait.

    Parameters
    ----------
    layout : Layout
        Whose features are all doubles.
    labels : tuple or None
        The classes that an answer is one of; None when it is a number of its own.
    awake : Event
        Set when there is a crowd.
    slabs : Slabs, optional
        Take whole blocks of rows.
    """

    def __init__(
        self,
        layout: Layout,
        labels: tuple[Any, ...] | None,
        awake: threading.Event,
        slabs: Slabs | None = None,
    ) -> None:
        self._features, self._scores = len(layout.features), sum(map(len, layout.scores))
        self._labels, self._awake = labels, awake
        self._array = _array(labels or ())
        self._row = 8 * (_WORDS + self._features + self._scores)
        self._room = max(1, min(MOST, MOST_BYTES // self._row))
        self._crowd = max(1, min(CROWD, self._room // 4))
        self._bytes = bytearray(self._row * self._room)
        self._slabs, self._marks = slabs, threading.Lock()
        self._units: dict[int, str] = {}  # of those rows that have one
        self._added = self._taken = 0  # rows since the beginning
        self._out = 0  # rows that were taken, and may not be written over yet
        self._whole, self._laid_out = True, False
        self.refused = 0
        self.add = self._adding()

    def _adding(self) -> RecordRow:
        """Return what adds a row: a closure, as looking these up would take longer than their use."""
        ring, row, room, crowd = self._bytes, self._row, self._room, self._crowd
        head = _HEAD if self._labels is not None else _HEAD_VALUE
        put = struct.Struct(f"{head.format}{8 * self._features}s{8 * self._scores}s").pack_into
        codes: Mapping[Any, Any] | None = _codes(self._labels)
        roles = {role: number for number, role in enumerate(ROLES)}
        width, units, awake = 8 * self._scores, self._units, self._awake
        last = BLOCK_ROWS - 1 if self._slabs is not None and crowd > BLOCK_ROWS else -1

        def add(
            prediction_id: str, unit: str, role: str, seconds: float, label: Any, values: bytes, scores: bytes
        ) -> bool:
            if len(scores) != width:
                return False
            code = label if codes is None else codes.get(label)
            if code is None:
                return False
            added = self._added
            waiting = added - self._taken
            if waiting >= room or not self._whole:
                self.refused += 1
                return True
            id_ = prediction_id.encode()
            put(ring, added % room * row, time_ns(), seconds, roles[role], code, id_, values, scores)
            if unit:
                units[added] = unit
            self._added = added + 1
            if waiting == last:
                self._lay_out()
            elif waiting == crowd:
                awake.set()
            return True

        return add

    def _lay_out(self) -> None:
        """Hand a block of rows on, if that is all there is; otherwise they are taken by and by."""
        if self._slabs is None or not self._marks.acquire(blocking=False):
            return
        try:
            if self._out or self._added - self._taken != BLOCK_ROWS:
                return
            first = self._taken % self._room
            if first + BLOCK_ROWS <= self._room and self._slabs.add_block(
                self._rows(first, BLOCK_ROWS, tuple(self._units.values()))
            ):
                self._units.clear()
                self._added = self._taken = 0
                self._laid_out = True
        finally:
            self._marks.release()

    def __len__(self) -> int:
        return self._added - self._taken - self._out

    @property
    def crowded(self) -> bool:
        """Whether what waits should not wait for more."""
        return len(self) >= self._crowd

    def shut(self) -> None:
        """Take no more: what comes now is dropped and counted."""
        self._whole = False

    def take(self) -> RingRows | None:
        """Return what waits, oldest first, up to the end of the ring's memory; None when nothing does.

        The rows before are given back. Those of a block that is just filling are left until the next time.
        """
        self.give_back()
        with self._marks:
            filling, self._laid_out = self._laid_out and self._whole, False
            if filling and not self.crowded:
                return None
            first = self._taken % self._room
            self._out = min(len(self), self._room - first)
            if not self._out:
                return None
            return self._rows(first, self._out, self._units_of(range(self._taken, self._taken + self._out)))

    def give_back(self) -> None:
        """Let the rows that were taken be written over."""
        with self._marks:
            count, self._out = self._out, 0
            self._taken += count

    def _rows(self, first: int, count: int, units: Sequence[str]) -> RingRows:
        end = _WORDS + self._features
        table = np.frombuffer(self._bytes, np.int64, count * self._row // 8, first * self._row).reshape(
            count, -1
        )
        columns = table.T
        return RingRows(
            ids=table[:, 4:_WORDS].copy().view(np.uint8),
            units=units,
            roles=columns[2],
            labels=self._told(columns[3].copy()),
            times=columns[0],
            seconds=columns[1].view(np.float64),
            features=columns[_WORDS:end].view(np.float64),
            scores=columns[end:].view(np.float64),
        )

    def _units_of(self, rows: range) -> Sequence[str]:
        return [self._units.pop(row, "") for row in rows] if self._units else ()

    def _told(self, codes: NDArray[np.int64]) -> NDArray[Any] | list[Any]:
        if self._labels is None:
            return codes.view(np.float64)
        if self._array.dtype == object:
            return [self._labels[code] for code in codes.tolist()]
        told: NDArray[Any] = self._array[codes]
        return told


def make_ring(
    contract: Contract, layout: Layout, awake: threading.Event, slabs: Slabs | None = None
) -> Ring | None:
    """Return a ring for a version whose rows are doubles, answered with one label; None for any other."""
    plain = all(each.treatment == "plain" and each.type == "double" for each in layout.features)
    outputs = contract.schema["output"]["outputs"]
    if not plain or len(outputs) != 1:
        return None
    classes = outputs[0]["classes"]
    if classes is None and layout.predictions[0].type != "double":
        return None
    return Ring(layout, None if classes is None else tuple(classes), awake, slabs)


def _array(labels: tuple[Any, ...]) -> NDArray[Any]:
    """Return labels by their codes; of no type of their own unless all are integers, or all booleans."""
    types = set(map(type, labels))
    return np.array(labels, None if types <= {int} or types <= {bool} else object)


def _codes(labels: tuple[Any, ...] | None) -> Mapping[Any, int] | None:
    return None if labels is None else {label: code for code, label in enumerate(labels)}
