"""Traffic at a fixed rate, every request with an id and its times: a test can tell what failed when."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST_AT_ONCE = 256  # requests in hand; beyond it the next ones are not sent, and counted as failed
SECONDS = 10.0  # for one answer
KEPT = 8  # connections
LIFE = 50  # requests by one of them, so that every worker gets some sooner or later


@dataclass
class Asked:
    """One request.

    Parameters
    ----------
    id, unit : str
        Sent with it.
    begun, ended : float
        By `time.perf_counter`.
    worker : int
        The process at the other end, 0 where it is not known.
    status : int
        0 without an answer; then `error` says why.
    """

    id: str
    unit: str
    begun: float
    ended: float = 0.0
    worker: int = 0
    status: int = 0
    version: str = ""
    role: str = ""
    prediction_id: str = ""
    error: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    def in_hand(self, moment: float, until: float | None = None) -> bool:
        """Whether it was under way at a moment, or at any until another."""
        return self.begun <= (moment if until is None else until) and moment <= self.ended


class Connection:
    """One, and which worker has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.worker, self.requests = reader, writer, 0, 0

    @property
    def usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing() and self.requests < LIFE

    async def exchange(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request, read its answer."""
        self.requests += 1
        self.writer.write(f"{head}host: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in answer.lower().split(b"\r\n")[1:-2])
        content = await self.reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"connection") == b"close":
            self.writer.close()
        return int(answer[9:12]), content


class Driver:
    """Sends requests at a fixed rate from a thread of its own, while the test does its worst.

    Parameters
    ----------
    port : int
        Of the deployment.
    body : bytes
        Of each request.
    rate : float
        Requests a second, whatever becomes of them.
    fresh : int
        Every so manieth request comes by a connection of its own, the others by connections that are kept.
    """

    def __init__(self, port: int, body: bytes, rate: float = 300, fresh: int = 5) -> None:
        self.asked: list[Asked] = []
        self._port, self._body, self._rate, self._fresh = port, body, rate, fresh
        self._kept: list[Connection] = []
        self._in_hand: set[asyncio.Task[None]] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._drive()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def failed(self) -> list[Asked]:
        """What has no answer, or another one than 200; what is under way has neither yet."""
        return [asked for asked in self.asked if asked.ended and asked.status != 200]

    @property
    def answered(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.status == 200]

    async def _drive(self) -> None:
        begun = time.perf_counter()
        while not self._done.is_set():
            due = int((time.perf_counter() - begun) * self._rate)
            for _ in range(due - len(self.asked)):
                self._send()
            await asyncio.sleep(1 / self._rate)
        await asyncio.gather(*self._in_hand)
        for connection in self._kept:
            connection.writer.close()

    def _send(self) -> None:
        number = len(self.asked)
        asked = Asked(f"request-{id(self)}-{number}", f"unit-{number % 997}", time.perf_counter())
        self.asked.append(asked)
        if len(self._in_hand) >= MOST_AT_ONCE:
            asked.ended, asked.error = time.perf_counter(), "too many in hand"
            return
        task = asyncio.get_running_loop().create_task(self._ask(asked, kept=number % self._fresh != 0))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _ask(self, asked: Asked, *, kept: bool) -> None:
        try:
            async with asyncio.timeout(SECONDS), self._connection(kept=kept) as connection:
                asked.worker, asked.begun = connection.worker, time.perf_counter()
                asked.status, body = await connection.exchange(_HEAD.format(asked), self._body)
                asked.ended = time.perf_counter()
            _read(asked, body)
        except (OSError, EOFError, TimeoutError) as problem:
            asked.ended, asked.error = time.perf_counter(), repr(problem)

    @contextlib.asynccontextmanager
    async def _connection(self, *, kept: bool) -> AsyncIterator[Connection]:
        """Lend a connection, to be kept afterwards or closed."""
        connection = await self._usable() if kept else await self._open()
        try:
            yield connection
        except BaseException:
            connection.writer.close()
            raise
        if kept:
            self._kept.append(connection)
        else:
            connection.writer.close()

    async def _usable(self) -> Connection:
        """Return the connection that was idle for longest, or a new one while there are few."""
        while len(self._kept) >= KEPT:
            connection = self._kept.pop(0)
            if connection.usable:
                return connection
            connection.writer.close()
        while not (connection := await self._open_at_worker()).usable:  # of a generation that drains
            connection.writer.close()
        return connection

    async def _open(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self._port))

    async def _open_at_worker(self) -> Connection:
        connection = await self._open()
        try:
            _, health = await connection.exchange("GET /health HTTP/1.1\r\n")
        except BaseException:
            connection.writer.close()
            raise
        connection.worker = json.loads(health)["pid"]
        return connection


_HEAD = (
    "POST /predict HTTP/1.1\r\nx-request-id: {0.id}\r\nx-mlops-unit: {0.unit}\r\n"
    "content-type: application/json\r\n"
)


def _read(asked: Asked, body: bytes) -> None:
    answer = json.loads(body)
    asked.error = answer.get("error", "")
    asked.version, asked.role = answer.get("version", ""), answer.get("variant", "")
    asked.prediction_id = answer.get("prediction_id", "")
