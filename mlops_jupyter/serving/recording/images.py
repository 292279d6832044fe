"""What stands around captured values in the file, to be filled with other values again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .layout import REQUEST
from .messages import ALIGNED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .entries import Entry
    from .messages import Laid, MessageWriter
    from .ring import RingRows

    Bytes = NDArray[np.uint8]
    Texts = tuple[bytes, NDArray[np.int64]]  # one behind the other, and the bytes of each

_ID = 32  # characters of a prediction id
_WIDE = 8  # bytes of a value
_NAMES = [column.name for column in REQUEST]


@dataclass(frozen=True)
class Image:
    """A message of so many rows.

    Parameters
    ----------
    rows : int
        How many.
    size : int
        Bytes of the message.
    before : ndarray of uint8
        What stands before the features.
    ids, times, seconds, features, labels, scores : int
        Where the values of these begin; without scores, where they would.
    body_length : int
        Where the number is that says how long the body is.
    units, unit_offsets : int
        Where the texts of units and their offsets begin.
    unit_room : int
        How many bytes of units there is room for.
    """

    rows: int
    size: int
    before: Bytes
    ids: int
    times: int
    seconds: int
    features: int
    labels: int
    scores: int
    body_length: int
    units: int
    unit_offsets: int
    unit_room: int = 0

    def fill(self, memory: Bytes, entry: Entry) -> None:
        """Write the message of an answered request."""
        moment, id_, _, _, _, seconds, rows, labels, table, _ = entry
        memory[: len(self.before)] = self.before
        memory[self.ids : self.ids + _ID * self.rows].view(f"S{_ID}")[:] = id_.encode()
        self._values(memory, self.times, np.int64)[:] = moment // 1000
        self._values(memory, self.seconds, np.float64)[:] = seconds
        self._put(memory[self.features : self.labels], rows)
        self._put(memory[self.labels : self.scores], labels.reshape(-1, 1))
        if table is None:
            memory[self.scores :] = 0
        else:
            self._put(memory[self.scores :], table)

    def fill_block(self, memory: Bytes, rows: RingRows, units: Texts | None) -> None:
        """Write the message of answered requests of one row each."""
        memory[: len(self.before)] = self.before
        if units is not None:
            text, lengths = units
            memory[self.units : self.units + len(text)] = np.frombuffer(text, np.uint8)
            offsets = memory[self.unit_offsets : self.unit_offsets + 4 * (self.rows + 1)].view(np.int32)
            np.cumsum(lengths, out=offsets[1:], dtype=np.int32)
        memory[self.ids : self.ids + _ID * self.rows].reshape(-1, _ID)[:] = rows.ids
        np.floor_divide(rows.times, 1000, out=self._values(memory, self.times, np.int64))
        self._values(memory, self.seconds, np.float64)[:] = rows.seconds
        self._put(memory[self.features : self.labels], rows.features.T)
        self._put(memory[self.labels : self.scores], rows.labels.reshape(-1, 1))  # type: ignore[union-attr]
        self._put(memory[self.scores :], rows.scores.T)

    def _values(self, memory: Bytes, at: int, dtype: Any) -> NDArray[Any]:
        return memory[at : at + _WIDE * self.rows].view(dtype)

    def _put(self, memory: Bytes, block: Any) -> None:
        """Write a block of shape (rows, columns) column by column, and zeros behind each."""
        room = -(-_WIDE * self.rows // ALIGNED) * ALIGNED
        size = room * block.shape[1]
        places = memory[:size].view(block.dtype).reshape(block.shape[1], room // _WIDE)
        places[:, : self.rows] = block.T
        places[:, self.rows :] = 0
        memory[size:] = 0


def make_image(writer: MessageWriter, laid: Laid, features: int) -> Image:
    """Return the image of a batch.

    Parameters
    ----------
    writer : MessageWriter
        Of its schema.
    laid : Laid
        Any batch of one request with so many rows.
    features : int
        How many columns of features there are.
    """
    message = np.frombuffer(writer.write(laid, 0), np.uint8)
    at, first = writer.values_at(), len(REQUEST)
    ids, times, seconds = (at[_NAMES.index(name)] for name in ("prediction_id", "time", "latency"))
    labels = at[first + features]
    scores = at[first + features + 1] if len(at) > first + features + 1 else len(message)
    before = message[: at[first]].copy()
    unit = _NAMES.index("unit")
    return Image(
        laid.rows, len(message), before, ids, times, seconds, at[first], labels, scores,
        writer.body_length_at, at[unit], writer.offsets_at(unit),
    )  # fmt: skip


def any_missing(values: NDArray[Any]) -> bool:
    """Return whether a value is NaN."""
    return values.dtype.kind == "f" and bool(np.isnan(values.min()))
