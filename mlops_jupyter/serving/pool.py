"""Kept connections to one Unix socket: HTTP/1.1, one request at a time on each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    Headers = list[tuple[bytes, bytes]]

_KEPT = 32  # idle connections
_CONNECT = 2.0  # seconds: a process that lives accepts at once


class Gone(Exception):  # noqa: N818 - what is made of it is not always an error
    """The other side went away before it had answered.

    Parameters
    ----------
    answering : bool
        Whether it had begun to.
    """

    def __init__(self, answering: bool) -> None:
        super().__init__("the other process went away")
        self.answering = answering


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: Headers
    body: bytes


class Connection(asyncio.Protocol):
    """One connection.

    Parameters
    ----------
    lost : callable
        Told when it has ended.
    """

    reusable = False

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self._lost = lost
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._reply: asyncio.Future[Reply] | None = None
        self._answering = False

    async def exchange(self, head: bytes, body: bytes) -> Reply:
        """Send one request, and return its answer.

        Raises
        ------
        Gone
            When the connection ends before.
        """
        from httptools import HttpResponseParser

        if self._transport.is_closing():
            raise Gone(answering=False)
        self._parser, self._headers, self._parts = HttpResponseParser(self), [], []
        self._reply = asyncio.get_running_loop().create_future()
        self.reusable = self._answering = False
        self._transport.writelines((head, body))
        return await self._reply

    def close(self) -> None:
        """Close it, whatever is under way."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop gives it
        """Let go of who waits: called by the loop."""
        self.reusable = False
        self._lost(self)
        if self._reply and not self._reply.done():
            self._reply.set_exception(Gone(self._answering))

    def data_received(self, data: bytes) -> None:
        """Parse what came: called by the loop."""
        from httptools import HttpParserError

        if self._reply is None or self._reply.done():
            self.close()  # nothing was asked
            return
        self._answering = True
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header: called by the parser, as the next two."""
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        self.reusable = self._parser.should_keep_alive()
        if self._reply and not self._reply.done():
            status = self._parser.get_status_code()
            self._reply.set_result(Reply(status, self._headers, b"".join(self._parts)))


class Pool:
    """The connections of one variant.

    Parameters
    ----------
    path : str
        The Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[Connection] = []

    async def ask(self, head: bytes, body: bytes) -> Reply:
        """Send a request, and return its answer; once more when the other side goes away without a word.

        A kept connection may be closed while it is idle, and a process may be killed; predictions can be
        repeated.

        Raises
        ------
        OSError
            When nobody listens.
        Gone
            When the other side went away twice, or amid its answer.
        """
        try:
            return await self._exchange(self._idle.pop() if self._idle else await self._connect(), head, body)
        except Gone as gone:
            if gone.answering:
                raise
        return await self._exchange(await self._connect(), head, body)

    def close(self) -> None:
        """Close the connections that are idle."""
        for connection in self._idle:
            connection.close()

    async def _exchange(self, connection: Connection, head: bytes, body: bytes) -> Reply:
        try:
            reply = await connection.exchange(head, body)
        except BaseException:  # cancelled, too: its answer would be taken for the next one's
            connection.close()
            raise
        if connection.reusable and len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT):
                _, connection = await loop.create_unix_connection(lambda: Connection(self._ended), self._path)
        except TimeoutError:
            raise ConnectionError(f"{self._path} accepts no connection") from None
        return connection

    def _ended(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
