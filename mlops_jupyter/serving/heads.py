"""What the head of a request for a prediction says, read once.

A client that keeps its connection sends the same lines with every request, but for the length of the body.
What follows from them alone is worked out when they are first seen, and found by their bytes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .dialects import ARROW
from .dialects.records import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .access.doorkeeper import Caller

    Asked = Mapping[bytes, bytes]

VARIANT, PROBE, REQUEST_ID = b"x-mlops-variant", b"x-mlops-probe", b"x-request-id"
TIME = b"x-mlops-time"
_RARE = frozenset({VARIANT, PROBE, TIME, b"content-encoding", b"transfer-encoding", b"expect"})
_LONGEST_REQUEST_ID = 128
_MOST = 512  # heads kept
_LONGEST = 2048  # bytes of one


@dataclass(slots=True)
class Head:
    """What follows from the headers of a ``POST /predict``.

    Parameters
    ----------
    asked : mapping of bytes to bytes
        The headers, names in lower case.
    content_type : str
        As sent, empty if none was.
    unit : str or None
        Whose request it is; None where only the body says.
    caller : Caller, optional
        Who asks, where that matters.
    request_id : bytes
        As given; empty when none was that can be sent back.
    plain : bool
        Whether the request may be answered at once.
    row : bool
        Whether one row in JSON may be answered in the fewest steps.
    accept : str
        As sent, empty if none was; None where the body is no stream of Arrow that may be answered at once.
    length : int
        Of the body; -1 where that is not known.
    """

    asked: Asked
    content_type: str
    unit: str | None
    caller: Caller | None
    request_id: bytes
    plain: bool
    row: bool
    accept: str | None = None
    length: int = -1


def make_head(asked: Asked, unit: str | None, caller: Caller | None) -> Head:
    """Return what some headers say."""
    content_type = asked.get(b"content-type", b"").decode("latin-1")
    usual, accept = _RARE.isdisjoint(asked), asked.get(b"accept", b"").decode("latin-1")
    plain = usual and ARROW not in content_type.lower() and ARROW not in accept.lower()
    stream = accept if usual and content_type == ARROW else None
    return Head(
        asked,
        content_type,
        unit,
        caller,
        request_id_of(asked),
        plain,
        plain and content_type in TYPES,
        stream,
    )


def request_id_of(asked: Asked) -> bytes:
    """Return the request id that a caller gave, empty when none can be sent back."""
    value: Any = asked.get(REQUEST_ID)
    if value is None:
        return b""
    plain = len(value) <= _LONGEST_REQUEST_ID and value.isascii() and value.decode().isprintable()
    return bytes(value) if plain else b""


class KnownHeads(dict[bytes, Head]):
    """Heads by their bytes, so many at most.

    Only those of requests that were answered belong here: whoever is not let in fills it with nothing.
    """

    def learn(self, written: bytes, head: Head, length: int) -> None:
        """Keep a head that came with a body of some length."""
        if len(written) > _LONGEST:
            return
        if len(self) >= _MOST:
            self.clear()  # many callers with ids of their own in each head: none comes twice
        head.length = length
        self[written] = head
