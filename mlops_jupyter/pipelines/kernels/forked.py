"""A kernel that another process has forked, as jupyter_client wants to see a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.kernels.requests import ask, received

if TYPE_CHECKING:
    import socket

    from mlops_jupyter.pipelines.kernels.requests import Request

LOST = -signal.SIGKILL  # how a kernel ended when nobody is left to tell


class ForkedKernel:
    """A kernel, and the connection on which its end is told; that it closes here ends the kernel.

    Parameters
    ----------
    pid : int
        The kernel's.
    file : str
        Its connection file.
    connection : socket
        To its warm process.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, file: str, connection: socket.socket) -> None:
        self.pid, self.file, self._connection = pid, file, connection
        self.returncode: int | None = None
        self.peak_bytes = 0

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        if self.returncode is None:
            with contextlib.suppress(TimeoutError):
                self._read_end(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, once it has; `TimeoutError` when it has not in so many seconds."""
        if self.returncode is None:
            self._read_end(timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _read_end(self, timeout: float | None) -> None:
        try:
            end = received(self._connection, timeout)
        except ConnectionError:
            end = {"exit": LOST, "peak": 0}
        self.returncode, self.peak_bytes = end["exit"], end["peak"]
        self._connection.close()


async def forked_kernel(nursery: socket.socket, request: Request, seconds: float) -> ForkedKernel | None:
    """Return a kernel that was forked as asked for; None when that could not be done."""
    try:
        connection = ask(nursery, request)
    except OSError:
        return None
    try:
        await readable(connection, seconds)
        told = received(connection, seconds)
        return ForkedKernel(told["pid"], told["file"], connection)
    except BaseException as problem:
        connection.close()
        if isinstance(problem, (OSError, KeyError)):  # it ended before it was a kernel
            return None
        raise


async def readable(connection: socket.socket, seconds: float) -> None:
    """Wait until something can be read; `TimeoutError` when that takes longer than so many seconds."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), seconds)
    finally:
        loop.remove_reader(connection)
