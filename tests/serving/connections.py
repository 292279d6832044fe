"""A server on a real socket within these tests, and what comes over its connections."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

import h11
import uvicorn

SECONDS = 10


class Running:
    """uvicorn with one of its protocols, in a thread."""

    def __init__(self, app, http, keep_alive: int = 20) -> None:
        config = uvicorn.Config(
            app, http=http, lifespan="off", ws="none", log_level="critical", access_log=False,
            loop="uvloop", timeout_keep_alive=keep_alive, server_header=False,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self.server.run, args=([self._listener],))
        self._thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join()
        self._listener.close()

    def connect(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def ask(self, parts: list[bytes]) -> bytes:
        """Send bytes in packets, and return all that comes until the end of the connection."""
        with self.connect() as line:
            for part in parts:
                line.sendall(part)
                time.sleep(0.001)
            return rest_of(line)


def rest_of(line: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(65536):
            received += part
    return received


def answers(methods: list[str], data: bytes) -> tuple[list[tuple[int, dict, bytes]], bytes]:
    """Return the answers of a connection, and what comes after the last of them."""
    parser, found = h11.Connection(h11.CLIENT), []
    parser.receive_data(data)
    for method in methods:
        parser.send(h11.Request(method=method, target="/", headers=[("host", "localhost")]))
        parser.send(h11.EndOfMessage())
        answer, body = None, b""
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                return found, parser.trailing_data[0]
            if isinstance(event, h11.Response):
                answer = event
            if isinstance(event, h11.Data):
                body += event.data
        found.append((answer.status_code, dict(answer.headers), body))
        if parser.their_state is not h11.DONE:
            break
        parser.start_next_cycle()
    return found, parser.trailing_data[0]


def one_answer(line: socket.socket) -> bytes:
    """Return the next answer of a connection, empty when it has ended."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while not (found := re.search(rb"content-length: (\d+)\r\n(?:.+\r\n)*\r\n", received)):
            if not (part := line.recv(65536)):
                return received
            received += part
        while len(received) < found.end() + int(found[1]):
            if not (part := line.recv(65536)):
                return received
            received += part
    return received


def ask(line: socket.socket, request: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send a request in a packet of its own, and return status, headers and body of its answer."""
    line.sendall(request)
    ((answer,), rest) = answers(["POST"], one_answer(line))
    assert rest == b""
    return answer
