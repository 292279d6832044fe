"""Predictions as plain ASGI: read the body within its limit, pass it to the gate, send the answer.

For every server that speaks ASGI. Our own workers answer small predictions a step earlier: see `door`.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .access.doorkeeper import Refused
from .dialects.v2_metadata import infer_path
from .problems import InvalidRequest, too_large

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .gate import Gate, Reply

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

log = logging.getLogger("model_server")

DIALECTS = {"/predict": "json", "/invocations": "mlflow"}
FEEDBACK = "/feedback"
_DRAINED = 4  # limits' worth of an overlong body is read and dropped, so that its sender hears why
_DRAIN_SECONDS = 10
_SILENT_SECONDS = 1  # of a sender that announces more than it sends
_BODY_SECONDS = 60.0  # for all of a body: who sends slower holds a connection for nothing
_V2 = "/v2/models/"
_LENGTH = b"inference-header-content-length"


class _Disconnected(Exception):  # noqa: N818 - nobody is left to tell
    """The caller went away before the body was whole."""


class PostRoutes:
    """The paths that take a body.

    Parameters
    ----------
    gate : Gate
        What they lead through.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def takes(self, path: str) -> bool:
        """Whether a path is one of them."""
        return path in DIALECTS or path == FEEDBACK or (path.startswith(_V2) and path.endswith("/infer"))

    async def __call__(self, scope: Any, path: str, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun, asked, spoken = perf_counter(), dict(scope["headers"]), DIALECTS.get(path, "json")
        if path.startswith(_V2):
            spoken = "v2"
        try:
            reply = await self._answer(scope["method"], path, spoken, asked, receive)
        except InvalidRequest as refusal:
            reply = self._gate.refuse(refusal, asked, spoken, begun)
            if refusal.status == 405:
                reply.outcome.headers = (*reply.outcome.headers, (b"allow", b"POST"))
        except Refused as refused:
            reply = self._gate.turn_away(refused, asked, spoken, begun)
        except _Disconnected:
            return
        except Exception:
            log.exception("a request to %s failed", path)
            failure = InvalidRequest(500, "the server failed; its log says more")
            reply = self._gate.refuse(failure, asked, spoken, begun)
        # what is left of a body that is too large or too slow is not worth reading
        closing = self._gate.router.draining or reply.outcome.status in (408, 413)
        await send_reply(send, reply, closing=closing)

    async def _answer(self, method: str, path: str, spoken: str, asked: Any, receive: Receive) -> Reply:
        if method != "POST":
            raise InvalidRequest(405, f"{method} is not for {path}; use POST")
        if asked.get(b"content-encoding", b"identity").lower() != b"identity":
            raise InvalidRequest(415, "compressed bodies are not read; send them as they are")
        body = await self._body(asked, receive)
        if path == FEEDBACK:
            return self._feedback(asked, body)
        if spoken != "v2":
            return await self._gate.answer(asked, body, spoken)
        target = infer_path(path, self._gate.router)
        if target is None:
            raise InvalidRequest(404, "no such path; it is /v2/models/MODEL[/versions/VERSION]/infer")
        return await self._gate.answer(asked, body, spoken, target.version, _header_length(asked))

    def _feedback(self, asked: Mapping[bytes, bytes], body: bytes) -> Reply:
        begun = perf_counter()
        self._gate.admit(asked, "feedback")
        if self._gate.feedback is None:
            raise InvalidRequest(404, "nothing is captured here, so feedback has nothing to go with")
        return self._gate.done(self._gate.feedback(body), asked, begun)

    async def _body(self, asked: Mapping[bytes, bytes], receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await self._read(asked, receive)
        except TimeoutError:
            raise InvalidRequest(408, f"the body did not arrive within {_BODY_SECONDS:.0f} s") from None

    async def _read(self, asked: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Return the body; what is longer than the limit is never held."""
        most, length = self._gate.most_bytes, _content_length(asked)
        if length > most:
            if asked.get(b"expect", b"").lower() != b"100-continue":
                await _drain(receive, most * _DRAINED)
            raise too_large(most)
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > most:
                if more:
                    await _drain(receive, most * _DRAINED)
                raise too_large(most)
            parts.append(part)
        return b"".join(parts)


async def _drain(receive: Receive, left: int) -> None:
    """Read on while something comes."""
    more = True
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while more and left > 0:
                message = await asyncio.wait_for(receive(), _SILENT_SECONDS)
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        return


def _content_length(asked: Mapping[bytes, bytes]) -> int:
    length = asked.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _header_length(asked: Mapping[bytes, bytes]) -> int:
    length = asked.get(_LENGTH, b"0")
    if not length.isdigit() or len(length) > 18:
        raise InvalidRequest(400, "Inference-Header-Content-Length must be a number of bytes")
    return int(length)


async def send_reply(send: Send, reply: Reply, *, closing: bool) -> None:
    """Send an answer by ASGI; `closing` ends its connection."""
    outcome = reply.outcome
    headers = [
        (b"content-type", outcome.content_type),
        (b"content-length", str(len(outcome.body)).encode()),
        *outcome.headers,
        (b"x-request-id", reply.request_id),
    ]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": outcome.status, "headers": headers})
    await send({"type": "http.response.body", "body": outcome.body})
