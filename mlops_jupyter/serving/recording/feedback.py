"""``POST /feedback``: what was right after all, kept beside what was answered.

Each message becomes a row of ``feedback/``: prediction_id, row, unit, time, received, and actual as JSON,
since versions of one deployment may answer different types. Nothing is joined here: an answer may be in the
file of another worker, or of yesterday.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import orjson

from ..call import Outcome
from ..problems import InvalidRequest
from .arrays import numbers, texts
from .feedback_messages import FeedbackReader, Message
from .hashing import Hasher, read_key
from .journal import Journal
from .layout import REQUEST, UTC, Captured, Treatment, arrow_schema, unit_treatment
from .retention import Retention

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from ..options import Options
    from ..router import Contract

FOLDER = "feedback"
Entry: TypeAlias = tuple[int, list[Message]]

_BY_NAME = {column.column: column for column in REQUEST}
COLUMNS = (
    _BY_NAME["prediction_id"],
    _BY_NAME["row"],
    _BY_NAME["unit"],
    _BY_NAME["time"],
    Captured("received", "request", "received", UTC),
    Captured("actual", "prediction", "actual", "string"),
)


class FeedbackRecorder:
    """Records feedback.

    Parameters
    ----------
    folder : Path or None
        The deployment's; None takes no feedback.
    contracts : iterable of Contract
        Of the versions that answer.
    options : Options
        Whether to capture, how the unit is kept, how much is kept.
    writer : str
        Names this process in the names of the files.
    """

    def __init__(
        self, folder: Path | None, contracts: Iterable[Contract], options: Options, writer: str = "server"
    ) -> None:
        self._reader = FeedbackReader(contracts)
        self._journal: Journal | None = None
        if folder is None or not options.capture:
            return
        treatment = unit_treatment(options)

        def converter() -> _Messages:
            return _Messages(treatment, Hasher(read_key(folder)) if treatment == "hashed" else None)

        kept = folder / FOLDER
        retention = Retention(kept, options.capture_days, options.capture_bytes)
        self._journal = Journal(kept, writer, converter, retention)

    @property
    def dropped(self) -> int:
        """How many requests were taken, but found no room on the disk."""
        return self._journal.dropped if self._journal else 0

    def handle_feedback(self, body: bytes) -> Outcome:
        """Return the answer to one request.

        Parameters
        ----------
        body : bytes
            JSON: a message or a list of them; see `Message`. ``label`` may be written for ``actual``.

        Returns
        -------
        Outcome
            202 with how many messages were taken; 400, 413 or 422 with what is wrong; 503 when there is no
            room now; 501 where nothing is captured.
        """
        if self._journal is None:
            return _refusal(501, "nothing is captured here, so there is nothing to give feedback on")
        try:
            messages = self._reader.read(body)
        except InvalidRequest as refusal:
            document = orjson.dumps(refusal.document())
            return Outcome(refusal.status, document, problems=refusal.problems, error=refusal.error)
        if not self._journal.add((time.time_ns(), messages), len(body)):
            busy = _refusal(503, "no room for feedback now; send it again")
            busy.headers = ((b"retry-after", b"1"),)
            return busy
        return Outcome(202, orjson.dumps({"accepted": len(messages)}))

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most so many seconds."""
        if self._journal:
            self._journal.close(seconds)


class _Messages:
    """Turns feedback into record batches."""

    def __init__(self, unit: Treatment, hasher: Hasher | None) -> None:
        self.schema = arrow_schema(COLUMNS, {"format": "1"})
        self._unit, self._hasher = unit, hasher

    def batches(self, entries: Sequence[Entry]) -> Iterator[pa.RecordBatch]:
        """Yield one record batch."""
        import pyarrow as pa

        received = [moment // 1000 for moment, messages in entries for _ in messages]
        messages = [message for _, each in entries for message in each]
        ids, rows, units, times, actuals = zip(*messages, strict=True)
        known = [now if time is None else time for time, now in zip(times, received, strict=True)]
        arrays = [
            texts(ids),
            numbers(np.array(rows), "int32"),
            texts([self._kept(unit) for unit in units]),
            numbers(np.array(known), UTC),
            numbers(np.array(received), UTC),
            texts(actuals),
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _kept(self, unit: str) -> str | None:
        if self._hasher is not None:
            return self._hasher.hashed(unit or None)
        return None if self._unit == "masked" else unit or None


def _refusal(status: int, error: str) -> Outcome:
    return Outcome(status, orjson.dumps({"error": error}), error=error)
