"""uvicorn's own HTTP protocol, with a shorter way for a prediction that is made at once.

ASGI makes a task, an event and a cycle of messages for every request, so that an application may take its
time. A small prediction is ready before any of that would be. So when the body of a ``POST /predict`` is
there, the gate is asked on the spot, and its answer written in one piece; whatever the gate does not answer
at once, and every other request, goes the way it always went. Parsing, limits, keep-alive, pipelining and
draining remain uvicorn's.

Here is also what uvicorn leaves out: a connection on which nothing arrives, or never the whole of a request,
is ended.
"""

from __future__ import annotations

import functools
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from .gate import Gate, Reply
    from .heads import Head

log = logging.getLogger("model_server")

PREDICT = b"/predict"
_MOST_BYTES = 1 << 18  # of a body that may be answered at once
_MOST_HEAD = 1 << 16  # of the lines before a body, of those that take several packets
_STRANGERS = 64  # heads one after the other that were not known: then a connection's are looked up no more
_OK = 200
REQUEST_SECONDS = 60.0  # for the whole of a request to arrive


class Door(HttpToolsProtocol):
    """One connection.

    The application must have a `gate`.
    """

    gate: Gate

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gate = self.config.app.gate  # type: ignore[union-attr]
        self._known, self._strange = self.gate.known_heads, 0
        self._answered: Head | None = None  # that of the one request answered at once in a packet
        self._collecting = False  # a request that may be answered at once is arriving
        self._parts: list[bytes] = []
        self._size = 0
        self._heading, self._head_bytes = False, 0
        self._arriving = self._passed_on = False
        self._last_call: asyncio.TimerHandle | None = None
        self._heard = 0.0

    # the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and watch that something comes."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._last_call is not None:
            self._last_call.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Look again when this connection would have been silent for too long.

        One timer for many requests: arming one for each, as keep-alive does, costs more than validating one.
        """
        limit = REQUEST_SECONDS if self._arriving else self.timeout_keep_alive
        self._last_call = self.loop.call_at(self._heard + limit, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        limit = REQUEST_SECONDS if self._arriving else self.timeout_keep_alive
        if self._busy or self.loop.time() < self._heard + limit:
            self._heard = self.loop.time() if self._busy else self._heard
            self._watch()
        elif self._arriving:
            self._give_up()
        else:
            self.transport.close()

    @property
    def _busy(self) -> bool:
        """Whether the application is at work for this connection."""
        return self.cycle is not None and not self.cycle.response_complete

    def _give_up(self) -> None:
        if not self._passed_on:  # else it was answered before all of it came
            self._refuse(408, f"the request did not arrive within {REQUEST_SECONDS:.0f} s")
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in a packet; of a head that never ends only so much, as the parser would gather it all."""
        looking = self._strange < _STRANGERS  # who no longer looks need not teach, either
        if looking and self._answer_known(data):
            return
        fresh, self._answered = looking and not self._arriving, None
        super().data_received(data)
        if self._answered is not None and fresh:
            self._learn(data, self._answered)
        if self._heading:
            # the packet it began in may have been of another request for the most part
            self._head_bytes = 0 if self._head_bytes < 0 else self._head_bytes + len(data)
            if self._head_bytes > _MOST_HEAD and not self.transport.is_closing():
                self._refuse(431, f"the head of the request is larger than {_MOST_HEAD} bytes")

    def _answer_known(self, data: bytes) -> bool:
        """Answer a packet that is one request with a head seen before, which need not be parsed again."""
        if self._arriving or self._busy or self.pipeline or self.flow.write_paused:
            return False
        end = data.find(b"\r\n\r\n") + 4
        head = self._known.get(data[:end])
        if head is None:
            self._strange += 1
            return False
        self._strange = 0
        if len(data) - end != head.length:
            return False
        self._unset_keepalive_if_required()
        reply = self._answer(head, data[end:])
        if reply is not None:
            self._write(reply)
        return reply is not None

    def _learn(self, data: bytes, head: Head) -> None:
        """Keep the head of a packet that was one request, whole and ordinary, as its answer showed."""
        end = data.find(b"\r\n\r\n") + 4
        at_once = head.plain or head.accept is not None
        if len(data) - end == self._size and at_once and not self._arriving:
            self._known.learn(data[:end], head, self._size)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the form that all our refusals have."""
        self._refuse(400, msg)

    def _refuse(self, status: int, error: str) -> None:
        body = orjson.dumps({"error": error})
        head = _head(status) % len(body) + b"content-type: application/json\r\nconnection: close\r\n\r\n"
        self.transport.write(head + body)
        self.transport.close()

    def shutdown(self) -> None:
        """Let a request that is arriving have its answer, and the connection end with it."""
        if self._collecting:
            self._hand_over()  # what goes the usual way is waited for, and its connection not kept
        super().shutdown()

    # the request

    def on_message_begin(self) -> None:
        """Begin a request. What ASGI wants to know of it is gathered when it goes that way."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._arriving, self._passed_on, self._heard = True, False, self.loop.time()
        self._heading, self._head_bytes = True, -1

    def on_headers_complete(self) -> None:
        """Choose the way."""
        self._heading = False
        self._collecting = (
            self.url == PREDICT and not self._busy and not self.pipeline and not self.expect_100_continue
            and not self.flow.write_paused  # else who never reads fills our memory with answers
            and self.parser.get_method() == b"POST" and not self.parser.should_upgrade()
            and self.parser.should_keep_alive() and self.parser.get_http_version() == "1.1"
        )  # fmt: skip
        self._parts, self._size = [], 0
        if not self._collecting:
            self._go_by_asgi()

    def on_body(self, body: bytes) -> None:
        """Take in a part."""
        if not self._collecting:
            super().on_body(body)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > _MOST_BYTES:
            self._hand_over()

    def on_message_complete(self) -> None:
        """Answer at once if that can be."""
        self._arriving = False
        if self._collecting:
            head = self.gate.read_head(self.headers)
            reply = self._answer(head, self._whole())
            if reply is not None:
                self._collecting = False
                self._answered = head if reply.outcome.status == _OK else None
                self._write(reply)
                return
            self._hand_over()
        super().on_message_complete()

    def _answer(self, head: Head, body: bytes) -> Reply | None:
        try:
            return self.gate.answer_now(head, body)
        except Exception:
            log.exception("a prediction failed at the door")
            return None  # the other way has an answer to that

    def _hand_over(self) -> None:
        """Go the usual way after all, with what has arrived."""
        self._collecting = False
        self._go_by_asgi()
        super().on_body(self._whole())

    def _whole(self) -> bytes:
        """Return what has arrived of the body, as one."""
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def _go_by_asgi(self) -> None:
        self._passed_on = True
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _write(self, reply: Reply) -> None:
        outcome, request_id = reply
        closing = self.gate.router.draining
        self.transport.write(
            b"%bcontent-type: %b\r\n%b%bx-request-id: %b%b\r\n\r\n%b"
            % (
                _head(outcome.status) % len(outcome.body), outcome.content_type,
                _lines(outcome.headers) if outcome.headers else b"",
                _DEFAULTS.lines(self.server_state.default_headers), request_id,
                b"\r\nconnection: close" if closing else b"", outcome.body,
            )
        )  # fmt: skip
        self.server_state.total_requests += 1
        self._heard = self.loop.time()
        if closing:
            self.transport.close()


class _Defaults:
    """The headers that uvicorn adds to every answer, as lines; it makes a new list of them each second."""

    def __init__(self) -> None:
        self._of: Sequence[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def lines(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the lines of a list that is seldom another one."""
        if headers is not self._of:
            self._of, self._lines = headers, _lines(headers)
        return self._lines


_DEFAULTS = _Defaults()


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


@functools.cache
def _head(status: int) -> bytes:
    """Return the beginning of an answer, with a place for its length."""
    phrase = HTTPStatus(status).phrase.replace("%", "%%")
    return f"HTTP/1.1 {status} {phrase}\r\ncontent-length: %d\r\n".encode()
