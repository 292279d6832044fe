"""The processes that run steps: one a try, told of by what it sends and by its end.

A step's process is forked from one that has papermill loaded already (on Linux; elsewhere it is started
anew, for a fork is not safe there). It ends when the runner does, however that ended: it watches a pipe whose
other end only the runner holds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import psutil

from mlops_jupyter.pipelines.execution.job import Failure, Outcome, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from mlops_jupyter.pipelines.execution.job import StepJob

    Work: TypeAlias = Callable[[StepJob, Callable[[Progress], None]], Outcome]

CAN_FORK = sys.platform == "linux"
GRACE_SECONDS = 10.0
STOPPING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Try:
    """One try at a step that is under way."""

    job: StepJob
    process: BaseProcess
    connection: Connection
    began: float


@dataclass(frozen=True)
class Told:
    """What a step's process told: how far it is, or how it ended."""

    job: StepJob
    news: Progress | Outcome


class Pool:
    """The tries that are under way.

    Parameters
    ----------
    work : callable
        Runs one job in the process of its own, and tells how far it is.
    private : iterable of int
        Descriptors of the runner that no step's process may hold open.
    """

    def __init__(self, work: Work, private: Iterable[int] = ()) -> None:
        self._work = work
        self._private = tuple(private)
        self._context = (
            multiprocessing.get_context("fork") if CAN_FORK else multiprocessing.get_context("spawn")
        )
        self._watched, self._lifeline = self._context.Pipe(duplex=False)
        self._tries: dict[str, Try] = {}
        self._leaving: list[BaseProcess] = []
        self._stopped: float | None = None

    @property
    def jobs(self) -> tuple[StepJob, ...]:
        """The jobs that run now."""
        return tuple(each.job for each in self._tries.values())

    @property
    def connections(self) -> tuple[Connection, ...]:
        """What to wait for: `news` has something to say when one of them can be read."""
        return tuple(each.connection for each in self._tries.values())

    def start(self, job: StepJob) -> None:
        """Begin a try at a step."""
        ours, theirs = self._context.Pipe(duplex=False)
        told = (self._work, job, theirs, self._watched, self._lifeline, self._private if CAN_FORK else ())
        process = self._context.Process(target=work_in_process, args=told, name=f"step {job.step.name}")
        with held(*STOPPING):  # until the process takes them in its own way
            process.start()
        theirs.close()
        self._tries[job.step.name] = Try(job, process, ours, time.monotonic())

    def news(self) -> Iterator[Told]:
        """Yield what was told since; a process that ended without a word has failed."""
        self._let_leave()
        for each in list(self._tries.values()):
            while each.job.step.name in self._tries and each.connection.poll():
                told = self._stopped_as(received(each))
                if isinstance(told, Outcome):
                    self._forget(each)
                yield Told(each.job, told)

    def stop(self) -> None:
        """Interrupt every try, as Ctrl-C does; `kill_late` kills those that do not heed it in time."""
        self._stopped = time.monotonic()
        for each in self._tries.values():
            with suppress(ProcessLookupError):
                os.kill(each.process.pid or 0, signal.SIGINT)

    def kill_late(self) -> None:
        """Kill what was told to stop and did not."""
        if self._stopped is not None and time.monotonic() - self._stopped > GRACE_SECONDS:
            for each in self._tries.values():
                kill_tree(each.process.pid or 0)

    def close(self) -> None:
        """Kill what still runs and wait for its end."""
        for each in list(self._tries.values()):
            kill_tree(each.process.pid or 0)
            self._forget(each)
        for process in self._leaving:
            process.join(GRACE_SECONDS)
        self._watched.close()
        self._lifeline.close()

    def _stopped_as(self, told: Progress | Outcome) -> Progress | Outcome:
        if self._stopped is None or isinstance(told, Progress) or told.failure is None:
            return told
        return Outcome("STOPPED", told.seconds) if told.failure.kind == "runner" else told

    def _forget(self, each: Try) -> None:
        each.connection.close()
        self._leaving.append(each.process)
        del self._tries[each.job.step.name]

    def _let_leave(self) -> None:
        self._leaving = [process for process in self._leaving if process.is_alive()]


def received(each: Try) -> Progress | Outcome:
    """Return what a try says now, or what its end without a word means."""
    try:
        told = each.connection.recv()
    except (EOFError, OSError):
        each.process.join()
        seconds = time.monotonic() - each.began
        return Outcome("FAILED", seconds, Failure("runner", ended_without_a_word(each.process.exitcode)))
    return told if isinstance(told, Progress | Outcome) else Progress(0, 0)


def ended_without_a_word(code: int | None, what: str = "the process that ran the step") -> str:
    """Say how a process ended that did not say itself.

    Examples
    --------
    >>> ended_without_a_word(-9)
    'the process that ran the step was ended by SIGKILL'
    """
    if code is not None and code < 0:
        return f"{what} was ended by {signal.Signals(-code).name}"
    return f"{what} ended with code {code} and said nothing"


def work_in_process(
    work: Work,
    job: StepJob,
    connection: Connection,
    watched: Connection,
    lifeline: Connection,
    private: tuple[int, ...],
) -> None:
    """Run one job here, in a process of its own, and send what is to be told."""
    lifeline.close()
    for descriptor in private:
        os.close(descriptor)
    threading.Thread(target=end_with_runner, args=(watched,), daemon=True).start()
    began = time.monotonic()
    try:
        take_signals()
        outcome = work(job, connection.send)
    except KeyboardInterrupt:
        outcome = Outcome("STOPPED", time.monotonic() - began)
    except Exception as failure:  # noqa: BLE001 - whatever it was, the step failed and the run goes on
        outcome = Outcome("FAILED", time.monotonic() - began, unexpected(failure))
    with suppress(OSError, KeyboardInterrupt):  # the runner is gone, and nobody wants to know
        connection.send(outcome)


def take_signals() -> None:
    """Take an interrupt as a program does, whatever the runner made of it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


@contextmanager
def held(*signals: signal.Signals) -> Iterator[None]:
    """Hold signals back for the length of the block, and let them through after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_runner(watched: Connection) -> None:
    """Wait for the end of the runner, and end as well: by an interrupt, so that the kernel ends cleanly."""
    with suppress(OSError):
        watched.poll(None)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    kill_tree(os.getpid())


def unexpected(failure: Exception) -> Failure:
    """Describe a failure of ours, not of the notebook's."""
    import traceback

    return Failure("runner", f"{type(failure).__name__}: {failure}", detail=traceback.format_exc())


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                each.kill()
