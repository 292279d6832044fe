"""What is asked of the warm processes, and how: one message with a connection, on which all else follows.

Asking is a datagram that carries one end of a pair of sockets. Its bytes say which warm process is meant, so
that the nursery can pass it on unread; the request itself waits in the connection for whoever becomes the
kernel. On the same connection come a line when the kernel listens and one when it ended; that it closes says
that the asker is gone. This file and those that it is imported by there know the standard library alone:
what they import, every kernel has.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE = b"\n"
CHUNK = 1 << 16
ROUTE_BYTES = 1 << 14
ARGUMENTS = ("--HistoryManager.hist_file=:memory:",)  # what steps run is no history of the user's
OURS = (
    "MLOPS_",
    "JPY_",
)  # variables that differ from kernel to kernel, and that no library reads at its import


@dataclass(frozen=True)
class Request:
    """A kernel to be.

    Parameters
    ----------
    arguments : tuple of str
        Of ipykernel's command.
    environment : mapping of str to str
        All of its environment.
    cwd : str
        The folder it works in.
    modules : tuple of str
        What is imported ahead.
    ahead : bool
        Whether to get it ready for who asks next.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    modules: tuple[str, ...] = ()
    ahead: bool = False


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code, negative for a signal, and the most bytes of memory it held."""

    exit: int
    peak: int


def family(request: Request) -> str:
    """Return the mark of requests that one warm process can answer: all that an import could see is equal."""
    seen = {name: value for name, value in request.environment.items() if not name.startswith(OURS)}
    told = json.dumps([request.arguments, request.modules, request.cwd, seen], sort_keys=True)
    return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()


def ask(nursery: socket.socket, request: Request) -> socket.socket:
    """Ask for a kernel; the answers come on the connection that is returned.

    Raises
    ------
    OSError
        When there is no nursery any more.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            socket.send_fds(nursery, [family(request).encode()], [theirs.fileno()])
        send(ours, asdict(request))
    except OSError:
        ours.close()
        raise
    return ours


@dataclass(frozen=True)
class Arrival:
    """A message: of which family, and the connection that came with it; without one, to take no more."""

    mark: str
    connection: socket.socket | None


def taken(intake: socket.socket) -> Arrival | None:
    """Return the next message; None when there will be none."""
    told, handles, _, _ = socket.recv_fds(intake, ROUTE_BYTES, 1)
    if not told:
        return None
    return Arrival(told.decode(), socket.socket(fileno=handles[0]) if handles else None)


def passed_on(link: socket.socket, mark: str, connection: socket.socket) -> None:
    """Hand a connection on to another process, unread."""
    socket.send_fds(link, [mark.encode()], [connection.fileno()])


def retire(link: socket.socket) -> None:
    """Tell a warm process to end when its kernels have ended."""
    link.send(b"retire")


def send(connection: socket.socket, document: Mapping[str, Any]) -> None:
    """Send one line of JSON."""
    connection.sendall(json.dumps(document).encode() + LINE)


def received(connection: socket.socket, seconds: float | None) -> dict[str, Any]:
    """Return the next line, not a byte more, so that another process may read on.

    Raises
    ------
    OSError
        When it closes, or nothing comes for so long.
    """
    line = b""
    while not line.endswith(LINE):
        if not select.select([connection], [], [], seconds)[0]:
            raise TimeoutError("the other side said nothing")
        peeked = connection.recv(CHUNK, socket.MSG_PEEK)
        if not peeked:
            raise ConnectionResetError("the other side closed")
        end = peeked.find(LINE) + 1
        line += connection.recv(end or len(peeked))
    document: dict[str, Any] = json.loads(line)
    return document


def read_request(connection: socket.socket, seconds: float = 30.0) -> Request:
    """Return the request that waits in a connection."""
    fields = received(connection, seconds)
    request = Request(**fields)
    return replace(request, arguments=tuple(request.arguments), modules=tuple(request.modules))


def own_environment(request: Request) -> None:
    """Make the process's environment the one that is asked for, to the letter."""
    os.environ.clear()
    os.environ.update(request.environment)
