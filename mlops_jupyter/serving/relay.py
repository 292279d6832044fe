"""Connections passed on to a Unix socket, for a server that cannot let go of its port.

gRPC's server ends its port only together with its service, and cancels what arrives at that moment. Here the
port is ours: it can be closed, or left to another process, while every connection goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

log = logging.getLogger("model_server")

_BACKLOG = 1024
_PIECE = 1 << 16  # bytes
_PAUSE = 1.0  # seconds before accepting again when that failed
_LAST_WORDS = 2.0  # seconds for a client to end its side, too


def shared_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to a port that other processes of the same user may listen on as well.

    Raises
    ------
    OSError
        When the port cannot be had.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


class Relay:
    """Passes connections on.

    Parameters
    ----------
    path : str
        The Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._open)

    def start(self, listener: socket.socket) -> None:
        """Listen on a socket that is bound; it is the relay's from now on."""
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more: not without those that the kernel has taken already, or they would be reset."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._accept()
            self._listener.close()
            self._listener = None

    async def abort(self) -> None:
        """End all connections at once."""
        ending = list(self._open)
        for connection in ending:
            connection.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._listener is not None:
            try:
                front, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as problem:  # no descriptor is left, say
                log.warning("a connection was not taken: %s", problem)
                loop.remove_reader(self._listener)
                loop.call_later(_PAUSE, self._again)
                return
            task = loop.create_task(self._join(front))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    def _again(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def _join(self, front: socket.socket) -> None:
        """Pass on one connection until both sides have ended it."""
        with front, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as back, contextlib.suppress(OSError):
            front.setblocking(False)
            back.setblocking(False)
            if front.family != socket.AF_UNIX:
                front.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(back, self._path)
            there = asyncio.create_task(_pump(front, back))
            try:
                await _pump(back, front)
                # what its caller still sends is read, or the kernel would reset what it has yet to read
                await asyncio.wait([there], timeout=_LAST_WORDS)
            finally:
                there.cancel()
                await asyncio.wait([there])


async def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, until there is no more; what cannot be passed on any more is dropped."""
    loop = asyncio.get_running_loop()
    taken = True
    with contextlib.suppress(OSError):
        while data := await loop.sock_recv(source, _PIECE):
            if taken:
                try:
                    await loop.sock_sendall(sink, data)
                except OSError:
                    taken = False
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
