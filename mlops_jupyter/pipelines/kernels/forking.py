"""A loop that takes requests, forks, and takes leave of what it forked."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.kernels.requests import Arrival, End, taken

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

PARENT_EVERY = 1.0  # seconds between two looks at whether the parent is there


class Afresh(BaseException):
    """Takes a fork out of all that its parent was in the midst of, to begin on an empty stack."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.then = then


def run(then: Callable[[], None]) -> None:
    """Run something, and in its forks what they are to run."""
    while True:
        try:
            then()
        except Afresh as fork:
            then = fork.then
        else:
            return


@dataclass
class Child:
    """A process that was forked here.

    Parameters
    ----------
    pid : int
        Its own.
    handle : int
        Becomes readable when it ends.
    link : socket
        What leads to it, or to who waits for it.
    """

    pid: int
    handle: int
    link: socket.socket


class Loop:
    """Waits for requests and for the ends of children.

    Parameters
    ----------
    intake : socket
        Where requests come from; when it closes, everything ends.
    """

    def __init__(self, intake: socket.socket) -> None:
        self.intake, self.parent = intake, os.getppid()
        self.retired = False
        self.children: dict[int, Child] = {}
        self.events = selectors.DefaultSelector()
        self.events.register(intake, selectors.EVENT_READ, self.take)

    def serve(self) -> None:
        """Serve until nobody can ask any more; then end the children."""
        while os.getppid() == self.parent and self.intake.fileno() >= 0:
            if self.retired and not self.children:
                break
            for key, _ in self.events.select(PARENT_EVERY):
                if key.fd in self.events.get_map():  # else one before it has done away with it
                    key.data()
        self.end()

    def take(self) -> None:
        """Take one message."""
        arrived = taken(self.intake)
        if arrived is None:
            self.events.unregister(self.intake)
            self.intake.close()
        elif arrived.connection is None:
            self.retired = True
        else:
            self.answer(arrived, arrived.connection)

    def answer(self, arrival: Arrival, connection: socket.socket) -> None:
        """Do what is asked for."""
        raise NotImplementedError

    def fork(self, link: socket.socket, then: Callable[[], None]) -> Child:
        """Fork a child that does nothing but `then`.

        A ``with`` around this call would close in the child, too, what `then` needs.
        """
        pid = os.fork()
        if pid == 0:
            self.leave()
            raise Afresh(then)
        child = Child(pid, os.pidfd_open(pid), link)
        self.children[pid] = child
        self.events.register(child.handle, selectors.EVENT_READ, lambda: self.reap(child))
        return child

    def leave(self) -> None:
        """Close what is the parent's, in its fork."""
        self.events.close()
        self.intake.close()
        for child in self.children.values():
            os.close(child.handle)
            child.link.close()

    def reap(self, child: Child) -> None:
        """Take leave of a child that ended."""
        self.events.unregister(child.handle)
        os.close(child.handle)
        del self.children[child.pid]
        _, status, usage = os.wait4(child.pid, 0)
        self.ended(child, End(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024))
        child.link.close()

    def ended(self, child: Child, end: End) -> None:
        """Do what is to be done when a child ended."""
        raise NotImplementedError

    def end(self) -> None:
        """End what was forked."""
        for child in list(self.children.values()):
            self.stop(child)
            self.reap(child)

    def stop(self, child: Child) -> None:
        """Have a child end soon."""
        child.link.close()


def end_group(pid: int) -> None:
    """End a process that leads a session, and what it has started there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # before its session has begun there is none
