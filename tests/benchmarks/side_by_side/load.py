"""A closed loop of kept connections, in a process of its own: each sends a request after each answer.

The server is what is measured, by its CPU time, so this client need only be fast enough to keep it busy and
honest about how long each answer took: from the write of a request to the last byte of its answer, whatever
the client itself was doing meanwhile. Run by `ask_for`, never by hand.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"transfer-encoding: *chunked", re.IGNORECASE)
FINISH = 60.0  # seconds for the answers that are under way when time is up


@dataclass(frozen=True)
class Request:
    """What is sent: where to, and bodies that are sent in turn."""

    path: str
    bodies: tuple[bytes, ...]
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    def encoded(self) -> list[bytes]:
        """Return the requests as they go over the wire."""
        lines = [f"POST {self.path} HTTP/1.1", "host: localhost", *(f"{k}: {v}" for k, v in self.headers)]
        head = "\r\n".join(lines)
        return [f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body for body in self.bodies]


@dataclass(frozen=True)
class Answers:
    """What came back: how many answers of 200, how long each took, and how many others there were."""

    count: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Return answers a second."""
        return self.count / self.seconds


class LoadFailedError(RuntimeError):
    """The client itself did not get through."""


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, requests: Iterator[bytes], until: float, latencies: list[float]) -> None:
        self._requests, self._until, self._latencies = requests, until, latencies
        self._data, self._wanted = b"", 0
        self.failed = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, _problem: Exception | None) -> None:
        if not self.ended.done():
            self.failed += 1
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        if len(data) < self._wanted or not (length := _length(data)):
            self._data = data
            return
        if len(data) < length:
            self._data, self._wanted = data, length
            return
        now = time.perf_counter()
        if data.startswith(b"HTTP/1.1 200"):
            self._latencies.append(now - self._sent)
        else:
            self.failed += 1
        self._data, self._wanted = b"", 0
        if now < self._until:
            self._send()
        else:
            self.ended.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))


def _length(data: bytes) -> int:
    """Return how long the answer is that begins with `data`, or 0 where that is not known yet."""
    head = data.find(b"\r\n\r\n") + 4
    if head < 4:
        return 0
    if found := LENGTH.search(data, 0, head):
        return head + int(found[1])
    if CHUNKED.search(data, 0, head):
        return len(data) if data.endswith(b"\r\n0\r\n\r\n") else 0
    raise LoadFailedError(f"an answer without a length: {data[:head]!r}")


async def _closed_loop(port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    turns = [itertools.islice(itertools.cycle(requests), first, None) for first in range(connections)]
    opened = [
        await loop.create_connection(
            lambda turn=turn: Connection(turn, began + seconds, latencies), "127.0.0.1", port
        )
        for turn in turns
    ]
    protocols = [protocol for _, protocol in opened]
    await asyncio.wait_for(asyncio.gather(*(each.ended for each in protocols)), seconds + FINISH)
    took = time.perf_counter() - began
    latencies.sort()
    return {
        "count": len(latencies),
        "failed": sum(each.failed for each in protocols),
        "seconds": took,
        "p50_ms": _at(latencies, 0.5) * 1e3,
        "p99_ms": _at(latencies, 0.99) * 1e3,
    }


def _at(latencies: list[float], share: float) -> float:
    """Return a quantile of what is sorted; of nothing, what no answer takes."""
    return latencies[min(len(latencies) - 1, int(len(latencies) * share))] if latencies else float("inf")


def ask_for(
    seconds: float, port: int, request: Request, connections: int, *, may_fail: bool = False
) -> Answers:
    """Ask a server on this machine for so long over so many connections.

    Raises
    ------
    LoadFailedError
        When any request was not answered 200, unless that `may_fail`.
    """
    work = pickle.dumps((port, request.encoded(), connections, seconds))
    done = subprocess.run([sys.executable, __file__], input=work, capture_output=True, check=False)
    if done.returncode:
        raise LoadFailedError(f"port {port}, {request.path}: {done.stderr.decode()[-2000:]}")
    answers = Answers(**pickle.loads(done.stdout))
    if answers.failed and not may_fail:
        raise LoadFailedError(
            f"port {port}, {request.path}: {answers.failed} failures among {answers.count} answers"
        )
    return answers


def main() -> None:
    """Do the work that comes by stdin, and write what came of it to stdout."""
    import uvloop

    port, requests, connections, seconds = pickle.load(sys.stdin.buffer)
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(_closed_loop(port, requests, connections, seconds))
    pickle.dump(answers, sys.stdout.buffer)


if __name__ == "__main__":
    main()
