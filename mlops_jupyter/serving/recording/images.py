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

ID = 32  # characters of a prediction id
WIDE = 8  # bytes of a value
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
        scores = np.empty((self.rows, 0)) if table is None else table
        self._fill(memory, id_.encode(), moment // 1000, seconds, rows, labels, scores)

    def fill_block(self, memory: Bytes, rows: RingRows, units: Texts | None) -> None:
        """Write the message of answered requests of one row each."""
        ids = rows.ids.view(f"S{ID}")[:, 0]
        features, scores = rows.features.T, rows.scores.T
        self._fill(memory, ids, rows.times // 1000, rows.seconds, features, rows.labels, scores)
        if units is not None:
            text, lengths = units
            memory[self.units : self.units + len(text)] = np.frombuffer(text, np.uint8)
            offsets = memory[self.unit_offsets : self.unit_offsets + 4 * (self.rows + 1)].view(np.int32)
            np.cumsum(lengths, out=offsets[1:], dtype=np.int32)

    def _fill(
        self, memory: Bytes, ids: Any, times: Any, seconds: Any, features: Any, labels: Any, scores: Any
    ) -> None:
        """Write all but units; what is said of the request is one value, or one for each row."""
        memory[: len(self.before)] = self.before
        memory[self.ids : self.ids + ID * self.rows].view(f"S{ID}")[:] = ids
        self._values(memory, self.times, np.int64)[:] = times
        self._values(memory, self.seconds, np.float64)[:] = seconds
        self._put(memory[self.features : self.labels], features)
        self._put(memory[self.labels : self.scores], labels.reshape(-1, 1))
        self._put(memory[self.scores :], scores)

    def _values(self, memory: Bytes, at: int, dtype: Any) -> NDArray[Any]:
        return memory[at : at + WIDE * self.rows].view(dtype)

    def _put(self, memory: Bytes, block: Any) -> None:
        """Write a block of shape (rows, columns) column by column, and zeros behind each."""
        room = -(-WIDE * self.rows // ALIGNED) * ALIGNED
        size = room * block.shape[1]
        places = memory[:size].view(block.dtype).reshape(block.shape[1], room // WIDE)
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
