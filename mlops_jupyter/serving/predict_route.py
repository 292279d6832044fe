"""``POST /predict`` as plain ASGI: read the body within its limit, let the router choose, send the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from .identifiers import new_prediction_id
from .problems import InvalidRequest, too_large
from .validation import Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from .router import Router

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

PATH = "/predict"
_DRAINED = 4  # limits' worth of an overlong body is read and dropped, so that its sender hears why
_DRAIN_SECONDS = 10
_LONGEST_REQUEST_ID = 128


class _Disconnected(Exception):  # noqa: N818 - nobody is left to tell
    """The caller went away before the body was whole."""


@dataclass
class _Headers:
    """The headers of a request that matter here."""

    content_type: str = ""
    encoding: bytes = b"identity"
    length: int = 0
    request_id: bytes = b""
    expects_continue: bool = False


class PredictRoute:
    """The route.

    Parameters
    ----------
    router : Router
        Its variants' largest limit is that of a body.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._most = max(body_limit(variant.contract.serving) for variant in router.variants)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _read_headers(scope["headers"])
        prediction_id = new_prediction_id()
        variant, role = self._router.choose()
        extra: list[tuple[bytes, bytes]] = [(b"x-request-id", headers.request_id or prediction_id.encode())]
        closing = False
        try:
            self._check(scope, headers)
            body = await self._body(headers, receive)
            status, answer = await variant.respond(body, headers.content_type, role, prediction_id)
        except InvalidRequest as invalid:
            status, answer = invalid.status, orjson.dumps(invalid.document())
            closing = status == 413  # what is left of the body is not worth reading
            if status == 405:
                extra.append((b"allow", b"POST"))
        except _Disconnected:
            return
        if closing or self._router.draining:
            extra.append((b"connection", b"close"))
        await _send_json(send, status, answer, extra)

    def _check(self, scope: Any, headers: _Headers) -> None:
        if scope["method"] != "POST":
            raise InvalidRequest(405, f"{scope['method']} is not for predictions; use POST")
        if headers.encoding != b"identity":
            raise InvalidRequest(415, "compressed bodies are not read; send the JSON as it is")

    async def _body(self, headers: _Headers, receive: Receive) -> bytes:
        """Return the body; what is longer than the limit is never held."""
        if headers.length > self._most and headers.expects_continue:
            raise too_large(self._most)
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return self._whole(message, body)
        parts, size = [body], len(body)
        while message.get("more_body", False):
            message = await receive()
            size += len(message.get("body", b""))
            if max(size, headers.length) > self._most:
                await self._drain(receive)
                raise too_large(self._most)
            parts.append(message.get("body", b""))
        return self._whole(message, b"".join(parts))

    def _whole(self, last: Any, body: bytes) -> bytes:
        if last["type"] == "http.disconnect":
            raise _Disconnected
        if len(body) > self._most:
            raise too_large(self._most)
        return body

    async def _drain(self, receive: Receive) -> None:
        left = self._most * _DRAINED
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return


def body_limit(serving: dict[str, Any]) -> int:
    """Return how many bytes the body of a request may have, by a ``serving_config.yaml``."""
    return Limits(**(serving.get("limits") or {})).body_bytes


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the request id that a caller gave, empty when none can be sent back."""
    for name, value in headers:
        if name == b"x-request-id" and len(value) <= _LONGEST_REQUEST_ID and _is_plain(value):
            return value
    return b""


def _is_plain(value: bytes) -> bool:
    return value.isascii() and value.decode().isprintable()


def _read_headers(headers: list[tuple[bytes, bytes]]) -> _Headers:
    read = _Headers()
    for name, value in headers:
        if name == b"content-type":
            read.content_type = value.decode("latin-1")
        elif name == b"content-length":
            read.length = int(value) if value.isdigit() else 0
        elif name == b"content-encoding":
            read.encoding = value.lower()
        elif name == b"expect":
            read.expects_continue = value.lower() == b"100-continue"
        elif name == b"x-request-id":
            read.request_id = request_id([(name, value)])
    return read


async def _send_json(send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
