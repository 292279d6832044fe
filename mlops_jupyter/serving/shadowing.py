"""Copies of requests for shadow variants: after the answer, from a bounded queue, never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from .call import Outcome
from .dialects.records import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .call import Call
    from .router import Variant

    Answered = Callable[[Variant, Outcome, float], None]
    Dropped = Callable[[Variant, int], None]

log = logging.getLogger("model_server")

MOST_WAITING = 256
MOST_BYTES = 1 << 24  # of all that waits: a few large bodies are as bad as many small ones
_AT_ONCE = 4
PAUSE = 0.002  # seconds that a copy may wait for others
_TURN = 0.0005  # seconds of copies at a stretch
_BUSY = 0.5  # of a processor: a worker that uses more has no time for shadows
_SAVED = 0.005  # seconds of processor time that may be made use of later
_LONGEST_PAUSE = 1.0
_TOLD = 0.25  # seconds after which copies that were missed are counted
_BUSY_SHARE = 200  # of the time goes by between two copies of a busy worker, measured by what one took


class Shadow:
    """Asks shadow variants what was asked of others, when there is time for it.

    Parameters
    ----------
    answered : callable
        Told of each outcome and its seconds, by variant.
    dropped : callable
        Told, by variant, how many copies found the queue full: within a quarter of a second, for a sum is
        counted in less time than each by itself.
    """

    def __init__(self, answered: Answered, dropped: Dropped) -> None:
        self._answered, self._dropped = answered, dropped
        self._queues: dict[int, _Queue] = {}

    def has_room(self, variants: Sequence[Variant]) -> bool:
        """Whether a small request can be copied to any of them; else it counts as dropped by all."""
        for variant in variants:
            queue = self._queues.get(variant.slot)
            if queue is None or queue.open:
                return True
        for variant in variants:
            self._queues[variant.slot].miss()
        return False

    def copy(self, call: Call, variants: Sequence[Variant]) -> None:
        """Ask `variants` the same later."""
        for variant in variants:
            queue = self._queues.get(variant.slot)
            if queue is None:
                queue = self._queues[variant.slot] = _Queue(variant, self._answered, self._dropped)
            if not queue.add(call):
                queue.miss()


class _SpareTime:
    """What this worker leaves unused of a processor, in seconds; less than nothing when it is busy."""

    def __init__(self) -> None:
        self._left, self._looked, self._used = 0.0, perf_counter(), process_time()

    def left(self) -> float:
        """Return what there is now."""
        now, used = perf_counter(), process_time()
        earned = _BUSY * (now - self._looked) - (used - self._used)
        self._left = max(-_SAVED, min(_SAVED, self._left + earned))
        self._looked, self._used = now, used
        return self._left


class _Queue:
    """What waits for one shadow variant: one that hangs keeps no other from its copies.

    A busy worker has time for a sample of the copies alone: a shadow is to take little from who is answered.

    Attributes
    ----------
    open : bool
        Whether there is room for a small copy.
    """

    def __init__(self, variant: Variant, answered: Answered, dropped: Dropped) -> None:
        self._variant, self._answered, self._dropped = variant, answered, dropped
        self.open, self._missed = True, 0
        self._spare = _SpareTime()
        self._waiting: deque[Call] = deque()
        self._bytes = 0
        self._called = False
        self._tasks: set[asyncio.Task[None]] = set()

    def miss(self) -> None:
        """Count a copy for which there is no room."""
        self._missed += 1
        if self._missed == 1:
            asyncio.get_running_loop().call_later(_TOLD, self._tell_missed)

    def _tell_missed(self) -> None:
        missed, self._missed = self._missed, 0
        self._dropped(self._variant, missed)

    def add(self, call: Call) -> bool:
        """Let a copy wait; false when there is no room for it."""
        if not self.open or (self._waiting and self._bytes + len(call.body) > MOST_BYTES):
            return False
        self._waiting.append(call)
        self.open = len(self._waiting) < MOST_WAITING
        self._bytes += len(call.body)
        if not self._called:
            self._call_next(PAUSE)
        return True

    def _call_next(self, after: float) -> None:
        """Have what waits asked for in a while: some together take half the time of each by itself."""
        if self._waiting and not self._called and len(self._tasks) < _AT_ONCE:
            self._called = True
            asyncio.get_running_loop().call_later(after, self._turn)

    def _turn(self) -> None:
        """Ask for some of what waits; who came meanwhile is answered before the others are asked for."""
        self._called = False
        begun = perf_counter()
        until = begun + (_TURN if self._spare.left() > 0 else 0.0)
        while self._waiting and len(self._tasks) < _AT_ONCE:
            self._next(self._waiting.popleft())
            if perf_counter() >= until:
                break
        self._call_next(self._pause(begun))

    def _pause(self, begun: float) -> float:
        """Return how long copies wait after some that were begun then."""
        if self._spare.left() > 0:
            return 0.0
        return min(_LONGEST_PAUSE, (perf_counter() - begun) * _BUSY_SHARE)

    def _next(self, call: Call) -> None:
        self.open = True
        self._bytes -= len(call.body)
        begun = perf_counter()
        outcome = self._row(call, begun)
        if outcome is not None:
            self._answered(self._variant, outcome, perf_counter() - begun)
            return
        copy = replace(call, role="shadow", begun=begun)
        outcome = self._at_once(copy)
        if outcome is None:
            task = asyncio.get_running_loop().create_task(self._wait_for(copy))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        else:
            self._answered(self._variant, outcome, perf_counter() - begun)

    def _row(self, call: Call, begun: float) -> Outcome | None:
        """Return what becomes of one ordinary row, if it is one and the variant has a quick way for it."""
        answer_row = self._variant.answer_row
        if answer_row is None or call.dialect != "json" or call.content_type not in TYPES or call.moment:
            return None
        try:
            return answer_row(call.body, call.prediction_id, "shadow", call.unit, begun)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's
            return self._failed(error)

    def _at_once(self, call: Call) -> Outcome | None:
        try:
            return self._variant.answer_now(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's
            return self._failed(error)

    async def _wait_for(self, call: Call) -> None:
        begun = perf_counter()
        try:
            outcome = await self._variant.respond(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's
            outcome = self._failed(error)
        self._answered(self._variant, outcome, perf_counter() - call.begun)
        await asyncio.sleep(self._pause(begun))  # its place is taken until then

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # the loop ends
            self._waiting.clear()
        self._call_next(0)

    def _failed(self, error: Exception) -> Outcome:
        log.error("shadow %s failed", self._variant.version, exc_info=error)
        return Outcome(500, b"")
