"""Threads of its own for each variant, and a bounded queue before them: a slow one cannot slow another.

The event loop hands work in and keeps every count, so nothing is locked; threads only take the next work and
hand back what became of it. A caller is answered at its deadline whatever the thread does. Python cannot stop
a thread, so one that hangs keeps its place; when all of them hang, nothing more is let in until one ends.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

T = TypeVar("T")

_LONGEST_RETRY = 60  # seconds: by then somebody has looked at it
_SMOOTHING = 0.2  # share of the newest work in the mean time of one


class Delayed(Exception):  # noqa: N818 - told to the caller as 503 or 504
    """Work that was not done in time.

    Parameters
    ----------
    error : str
        One line for the caller.
    retry_after : int
        Seconds after which it is worth asking again, by the rate at which work was done so far.
    """

    status = 503

    def __init__(self, error: str, retry_after: int) -> None:
        super().__init__(error)
        self.error, self.retry_after = error, retry_after


class Busy(Delayed):
    """The queue is full, or no thread will ever come to it: 503."""


class TimedOut(Delayed):
    """The deadline passed before there was an answer: 504."""

    status = 504


class _Job:
    """Work on its way through a lane. All but `run` happens in the event loop."""

    __slots__ = ("future", "loop", "outlived", "seconds", "timer", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.loop = work, loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.outlived = False  # its deadline passed while it was running
        self.seconds = 0.0

    def run(self) -> tuple[Any, Exception | None]:
        """Return the answer, or what was raised instead; in a thread."""
        begun = perf_counter()
        try:
            return self.work(), None
        except Exception as problem:  # noqa: BLE001 - raised where it is awaited
            return None, _passed_on(problem)
        except BaseException as problem:  # noqa: BLE001 - sys.exit() ends one answer, no more
            return None, RuntimeError(f"{type(problem).__name__} in a worker thread")
        finally:
            self.seconds = perf_counter() - begun


def _passed_on(problem: Exception) -> Exception:
    """Return it as a future can bear it: StopIteration would end the coroutine that awaits it."""
    return RuntimeError(str(problem)) if isinstance(problem, StopIteration) else problem


class Lane:
    """Worker threads with a bounded queue, for the requests of one variant.

    Parameters
    ----------
    threads : int
        Work that is done at a time. A thread is started when it is first needed.
    queue : int
        Work that may wait beside.
    timeout : float
        Seconds that work may take in all, when it comes without a deadline.

    Examples
    --------
    >>> asyncio.run(Lane(threads=1, queue=8, timeout=1.0).run(lambda: 6 * 7))
    42
    """

    def __init__(self, threads: int, queue: int, timeout: float) -> None:
        self.threads, self.queue, self.timeout = threads, queue, timeout
        self._waiting: deque[_Job] = deque()
        self._held: list[Sized] = []
        # one for each that was put into _waiting; what is taken back leaves one too many, which is skipped
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._started = 0
        self._in_hand = 0  # waiting or running
        self._outlived = 0  # running past its deadline
        self.usual_seconds = 0.0  # that work takes, as measured lately

    def hold(self, queue: Sized) -> None:
        """Count what waits in `queue`, in front of this lane, as waiting."""
        self._held.append(queue)

    @property
    def depth(self) -> int:
        """How much work waits for a thread."""
        return len(self._waiting) + sum(map(len, self._held))

    @property
    def hung(self) -> bool:
        """Whether every thread is at work whose deadline has passed."""
        return self._outlived >= self.threads

    @property
    def retry_after(self) -> int:
        """Seconds until what is in hand should be done, from 1 to 60."""
        if self.hung:
            seconds = self.timeout
        else:
            seconds = self._in_hand * self.usual_seconds / (self.threads - self._outlived)
        return max(1, min(_LONGEST_RETRY, math.ceil(seconds)))

    async def run(self, work: Callable[[], T], deadline: float | None = None) -> T:
        """Return what `work` returns, called in a thread of this lane.

        Parameters
        ----------
        work : callable
            Without arguments. What it raises is raised here.
        deadline : float, optional
            When to give up, by `time.perf_counter`. Work that still waits then is never started.

        Raises
        ------
        Busy
            When the queue is full, or all threads hang.
        TimedOut
            At the deadline.
        """
        job = self._admitted(work, self.deadline(deadline))
        try:
            answer: T = await job.future
        except asyncio.CancelledError:  # the caller went away; what is running goes on being watched
            self._take_back(job)
            raise
        return answer

    def deadline(self, given: float | None) -> float:
        """Return the deadline of work that comes now: the given one, else by the lane's own time-out."""
        return perf_counter() + self.timeout if given is None else given

    def check(self, waiting: int) -> None:
        """Raise `Busy` when as many as may wait do so before this lane, or when it hangs."""
        if self.hung:
            raise self.busy("none of those before was answered in time")
        if waiting >= self.queue:
            raise self.busy(f"{waiting} requests wait already")

    def busy(self, why: str) -> Busy:
        """Return the refusal to raise."""
        return Busy(f"the model is busy: {why}", self.retry_after)

    def timed_out(self) -> TimedOut:
        """Return the failure to raise at a deadline."""
        return TimedOut(f"the model did not answer in {self.timeout:.3g} s", self.retry_after)

    def close(self) -> None:
        """End the threads, each after what it does now."""
        for _ in range(self._started):
            self._tokens.put(False)

    def _admitted(self, work: Callable[[], Any], deadline: float) -> _Job:
        seconds = deadline - perf_counter()
        if seconds <= 0:
            raise self.timed_out()
        if self._in_hand >= self.threads:  # else a thread is free
            self.check(self._in_hand - self.threads)
        loop = asyncio.get_running_loop()
        job = _Job(work, loop)
        job.timer = loop.call_later(seconds, self._expire, job)
        self._in_hand += 1
        self._waiting.append(job)
        self._tokens.put(True)
        if self._started < min(self._in_hand, self.threads):
            self._start()
        return job

    def _start(self) -> None:
        self._started += 1
        # no ThreadPoolExecutor: it is joined at exit, and one that hangs would keep the process from ending
        Thread(target=self._serve, name=f"lane-{self._started}", daemon=True).start()

    def _serve(self) -> None:
        while self._tokens.get():
            try:
                job = self._waiting.popleft()
            except IndexError:  # it was taken back
                continue
            answer, problem = job.run()
            try:
                job.loop.call_soon_threadsafe(self._ended, job, answer, problem)
            except RuntimeError:  # that loop is closed: nobody waits
                self._forget(job)
            del job, answer, problem  # or they would be kept until the next one comes

    def _ended(self, job: _Job, answer: Any, problem: Exception | None) -> None:
        self._forget(job)
        known = self.usual_seconds or job.seconds
        self.usual_seconds = known + _SMOOTHING * (job.seconds - known)
        if job.future.done():
            return
        if problem is None:
            job.future.set_result(answer)
        else:
            job.future.set_exception(problem)

    def _forget(self, job: _Job) -> None:
        self._in_hand -= 1
        self._outlived -= job.outlived
        if job.timer:
            job.timer.cancel()

    def _expire(self, job: _Job) -> None:
        """Answer a caller at its deadline; from then on its thread counts as hanging."""
        if not self._take_back(job):
            job.outlived = True
            self._outlived += 1
        if not job.future.done():
            job.future.set_exception(self.timed_out())

    def _take_back(self, job: _Job) -> bool:
        """Remove work that still waits, so that it is never started."""
        try:
            self._waiting.remove(job)
        except ValueError:
            return False
        self._forget(job)
        return True
