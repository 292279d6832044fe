"""A server that takes part: how it is started, whether it answers, and what CPU time and memory it uses."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .load import Request

START_LIMIT = 120.0
STOP_LIMIT = 15.0
_CPU_CLOCK = 2  # CPUCLOCK_SCHED of Linux, as clock_getcpuclockid(3) makes it


@dataclass(frozen=True)
class Contender:
    """One server that listens, and what it is asked.

    Parameters
    ----------
    name : str
        As in the table.
    port : int
        Where it listens on this machine.
    root : psutil.Process
        The process whose children are the server, itself included.
    requests : mapping of str to Request
        What it is sent for each task that it takes part in, by the task's name.
    before : callable
        Called before each turn.
    settles : float
        Seconds after which it has written what it writes behind its answers: that is of their CPU time.
    may_fail : bool
        Whether it may refuse requests: they are counted and shown, and are no answers. Ours may not.
    """

    name: str
    port: int
    root: psutil.Process
    requests: Mapping[str, Request]
    before: Callable[[], None] = field(default=lambda: None)
    settles: float = 0.0
    may_fail: bool = False

    def processes(self) -> list[psutil.Process]:
        """Return the whole tree as it is now."""
        return [self.root, *self.root.children(recursive=True)]

    def cpu(self) -> float:
        """Return the CPU seconds used so far, user and system, of the whole tree."""
        return sum(map(cpu_of, self.processes()))

    def megabytes(self) -> float:
        """Return the memory of the whole tree: each page's share of it (PSS), or its own pages elsewhere."""
        return sum(memory_of(process) for process in self.processes())


def cpu_of(process: psutil.Process) -> float:
    """Return the CPU seconds of one process: by its clock where there is one, since ticks are 10 ms."""
    with contextlib.suppress(OSError, OverflowError):
        return time.clock_gettime((~process.pid << 3) | _CPU_CLOCK)
    return float(sum(process.cpu_times()[:2]))


def memory_of(process: psutil.Process) -> float:
    """Return the megabytes of one process, pages that are shared counted in shares where that is known."""
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", memory.uss)) / 1e6


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, request: Request) -> tuple[int, Any]:
    """Return status and answer of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", request.path, request.bodies[0], dict(request.headers))
        response = connection.getresponse()
        body = response.read()
    with contextlib.suppress(ValueError):
        return response.status, json.loads(body)
    return response.status, body


def first_answer(port: int, request: Request, server: psutil.Popen | None = None) -> Any:
    """Ask until the answer is 200, and return it; for no longer than the server lives.

    Raises
    ------
    TimeoutError
        When none came in time, or the server ended; with what was answered last.
    """
    deadline = time.monotonic() + START_LIMIT
    said: Any = "nothing"
    while time.monotonic() < deadline and (server is None or server.poll() is None):
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, said = ask(port, request)
            if status == 200:
                return said
        time.sleep(0.005)
    raise TimeoutError(f"no answer of 200 from port {port} ({request.path}): {str(said)[:500]}")


@contextlib.contextmanager
def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[psutil.Popen]:
    """Run a server in `folder` until the block ends; nothing of its tree is left then.

    What goes wrong in the block is told with the end of what the server wrote.
    """
    said = folder / "server.log"
    with said.open("ab") as log:
        process = psutil.Popen(
            list(command), cwd=folder, env=os.environ | dict(environment or {}), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    except Exception as problem:
        problem.add_note(said.read_text(errors="replace")[-2000:])
        raise
    finally:
        end_tree(process)


def end_tree(root: psutil.Process) -> None:
    """Ask a tree of processes to end, and end what does not."""
    tree = []
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = root.children(recursive=True)
        root.terminate()
    _, left = psutil.wait_procs([root, *tree], timeout=STOP_LIMIT)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_LIMIT)
