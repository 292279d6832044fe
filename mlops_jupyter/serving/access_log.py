"""One line of JSON for each request: who, when, which version, how it ended and how long it took.

What is written is gathered by the request and written by a thread, so that no request waits for a disk. When
the disk is full or slower than the requests, lines are dropped and counted, and the next line that can be
written says how many. The values of the features stay out unless they were asked for.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import orjson

from .recording.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Collection

    from .call import Call, Outcome
    from .router import Variant

FEATURES = "features"
EVERY = 0.5  # seconds between two looks, when few requests come
MOST_BYTES = 1 << 16  # of a body whose features are logged
_TOGETHER = 128  # lines: what is written at once also keeps the interpreter from whoever answers meanwhile
_WRITING = 0.05  # seconds that another worker takes at most to write what it writes at once
_AS_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

# as the fields of a line, the time in nanoseconds and the duration in seconds; last the body, if that is kept
Entry = tuple[int, str, str, str, str, str, str, str, str, int, float, int, int, bytes | None]


class _Target(Protocol):
    def write(self, data: bytes) -> int:
        """Write whole lines; return how many could not be written."""
        ...


class AccessLog:
    """Logs requests.

    Parameters
    ----------
    target : Path or binary stream
        A file, which other workers may write to as well and anybody may truncate or move away; or
        ``sys.stdout.buffer``.
    features : bool
        Whether features are logged, of requests in JSON of at most `MOST_BYTES`.
    hidden : collection of str
        Columns that are not. With any, only features given by name are logged.

    Examples
    --------
    >>> import io
    >>> from types import SimpleNamespace
    >>> written = io.BytesIO()
    >>> log = AccessLog(written)
    >>> log.refused(SimpleNamespace(status=401, body=b"{}"), b"r-1", 0.0005)
    >>> log.close()
    >>> line = orjson.loads(written.getvalue())
    >>> line["request_id"], line["status"], line["milliseconds"]
    ('r-1', 401, 0.5)
    """

    def __init__(self, target: Path | BinaryIO, features: bool = False, hidden: Collection[str] = ()) -> None:
        self._target: _Target = _File(target) if isinstance(target, Path) else _Stream(target)
        self._features, self._hidden = features, frozenset(hidden)
        self._backlog: Backlog[Entry] = Backlog()
        self._add = self._backlog.add
        self._unwritten = self._told = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def answered(
        self, call: Call, variant: Variant, outcome: Outcome, request_id: bytes, seconds: float, key: str
    ) -> None:
        """Log a request that a variant answered.

        Parameters
        ----------
        call, variant, outcome : Call, Variant, Outcome
            The request, who answered and what.
        request_id : bytes
            As the caller has it.
        seconds : float
            How long it took.
        key : str
            The id of the caller's key, never the key; empty without one.
        """
        body, size = (call.body, len(call.body)) if self._features else (None, 0)
        if size > MOST_BYTES:
            body, size = None, 0
        self._add(
            (
                time.time_ns(), request_id.decode("latin-1"), call.prediction_id, call.unit, key,
                variant.contract.model, variant.version, call.role, call.dialect, outcome.status, seconds,
                len(call.body), len(outcome.body), body,
            ),
            size,
        )  # fmt: skip

    def refused(self, outcome: Outcome, request_id: bytes, seconds: float) -> None:
        """Log a request that no variant saw."""
        identity = (time.time_ns(), request_id.decode("latin-1"), "", "", "", "", "", "", "")
        self._add((*identity, outcome.status, seconds, 0, len(outcome.body), None))

    @property
    def dropped(self) -> int:
        """How many lines found no room, in memory or on the disk."""
        return self._backlog.refused + self._unwritten

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most so many seconds; what comes after is dropped and counted."""
        self._closing = True
        self._backlog.shut()
        self._thread.join(seconds)

    def _run(self) -> None:
        closing = False
        while not closing:
            self._backlog.awake.wait(EVERY)
            self._backlog.awake.clear()
            closing = self._closing  # before the last look, not after it
            while entries := self._backlog.take(_TOGETHER):
                self._write([self._line(entry) for entry in entries])

    def _write(self, lines: list[bytes]) -> None:
        lost = self.dropped - self._told
        if lost:
            lines = [_as_line({"time": _utc(time.time_ns()), "dropped": lost}), *lines]
        unwritten = self._target.write(b"".join(lines))
        if unwritten < len(lines):
            self._told += lost
        self._unwritten += min(unwritten, len(lines) - bool(lost))

    def _line(self, entry: Entry) -> bytes:
        moment, request, prediction, unit, key, model, version, variant, dialect = entry[:9]
        status, seconds, bytes_in, bytes_out, body = entry[9:]
        fields = {
            "time": _utc(moment),
            "request_id": request,
            "prediction_id": prediction or None,
            "unit": unit or None,
            "key": key or None,
            "model": model or None,
            "version": version or None,
            "variant": variant or None,
            "dialect": dialect or None,
            "status": status,
            "milliseconds": int(seconds * 1e6) / 1000,  # `round` takes ten times as long
            "bytes_in": bytes_in,
            "bytes_out": bytes_out,
        }
        if self._features:
            fields[FEATURES] = self._shown(body)
        return _as_line(fields)

    def _shown(self, body: bytes | None) -> Any:
        """Return the features of a body, None if they cannot be told from what must be hidden."""
        try:
            features = orjson.loads(body or b"null")
        except orjson.JSONDecodeError:
            return None
        if isinstance(features, dict) and FEATURES in features:
            features = features[FEATURES]
        elif self._hidden:
            return None
        return without(features, self._hidden) if self._hidden else features


def without(features: Any, hidden: Collection[str]) -> Any:
    """Return features without some columns; None when they are not by name.

    Examples
    --------
    >>> without([{"age": 41, "name": "Ada"}], {"name"})
    [{'age': 41}]
    >>> without([[41, "Ada"]], {"name"}) is None
    True
    """
    match features:
        case dict():
            return {name: value for name, value in features.items() if name not in hidden}
        case list() if all(isinstance(record, dict) for record in features):
            return [without(record, hidden) for record in features]
    return None


def _utc(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _as_line(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=_AS_LINE)
    except orjson.JSONEncodeError:  # a text that is no Unicode
        repaired = {
            name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
            for name, value in document.items()
        }
        return orjson.dumps(repaired, option=_AS_LINE)


class _Stream:
    """A stream of ours, like the standard output."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):  # the other end of a pipe is gone, or it was closed
            return data.count(b"\n")
        return 0


class _File:
    """A file to append to, found again by its path when somebody moved it away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._torn = False

    def write(self, data: bytes) -> int:
        try:
            file = self._open()
            if self._torn:
                self._torn = os.write(file, b"\n") == 0
            while data:
                data = data[os.write(file, data) :]
                self._torn = bool(data)
        except OSError:
            return data.count(b"\n")
        return 0

    def _open(self) -> int:
        if self._file is not None and not self._is_there(self._file):
            os.close(self._file)
            self._file = None
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND  # by which workers do not write over each other
            self._file = os.open(self._path, flags, 0o600)
            self._torn = _is_torn(self._file)
        return self._file

    def _is_there(self, file: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False


def _is_torn(file: int) -> bool:
    """Return whether the last line has no end: of a writer that was killed, or a disk that was full."""
    if not _ends_amid_a_line(file):
        return False
    time.sleep(_WRITING)  # or of one that is just writing it
    return _ends_amid_a_line(file)


def _ends_amid_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
