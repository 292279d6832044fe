"""Copies of requests for shadow variants: after the answer, from a bounded queue, never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from .call import Call, Outcome
from .dialects.records import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .router import Variant

    Answered = Callable[[Variant, Outcome, float], None]

log = logging.getLogger("model_server")

MOST_WAITING = 256
MOST_BYTES = 1 << 24  # of all that waits: a few large bodies are as bad as many small ones
_AT_ONCE = 4


class Shadow:
    """Asks shadow variants what was asked of others, when there is time for it.

    Parameters
    ----------
    answered : callable
        Told of each outcome and its seconds, by variant.
    dropped : callable
        Told of each copy that found the queue full.
    """

    def __init__(self, answered: Answered, dropped: Callable[[Variant], None]) -> None:
        self._answered, self._dropped = answered, dropped
        self._queues: dict[int, _Queue] = {}

    def copy(self, call: Call, variants: Sequence[Variant]) -> None:
        """Ask `variants` the same later."""
        for variant in variants:
            queue = self._queues.get(variant.slot)
            if queue is None:
                queue = self._queues[variant.slot] = _Queue(variant, self._answered)
            if not queue.add(call):
                self._dropped(variant)


class _Queue:
    """What waits for one shadow variant: one that hangs keeps no other from its copies."""

    def __init__(self, variant: Variant, answered: Answered) -> None:
        self._variant, self._answered = variant, answered
        self._waiting: deque[Call] = deque()
        self._bytes = 0
        self._called = False
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, call: Call) -> bool:
        """Let a copy wait; false when there is no room for it."""
        full = len(self._waiting) >= MOST_WAITING or self._bytes + len(call.body) > MOST_BYTES
        if self._waiting and full:
            return False
        self._waiting.append(
            Call(
                call.body, call.prediction_id, "shadow", call.dialect, call.unit, 0.0, call.probe,
                call.content_type, call.accept, call.header_length, call.moment,
            )
        )  # fmt: skip
        self._bytes += len(call.body)
        self._call_next()
        return True

    def _call_next(self) -> None:
        """Have the next copy asked for when everything that waits for the loop now was done."""
        if self._waiting and not self._called and len(self._tasks) < _AT_ONCE:
            self._called = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._called = False
        if not self._waiting:
            return
        call = self._waiting.popleft()
        self._bytes -= len(call.body)
        call.begun = perf_counter()
        outcome = self._at_once(call)
        if outcome is None:
            task = asyncio.get_running_loop().create_task(self._wait_for(call))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        else:
            self._answered(self._variant, outcome, perf_counter() - call.begun)
        self._call_next()

    def _at_once(self, call: Call) -> Outcome | None:
        variant = self._variant
        try:
            by_row = call.content_type in TYPES and call.dialect == "json" and call.moment is None
            if by_row and variant.answer_row is not None:
                row = variant.answer_row(call.body, call.prediction_id, call.role, call.unit, call.begun)
                if row is not None:
                    return row
            return variant.answer_now(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's
            return self._failed(error)

    async def _wait_for(self, call: Call) -> None:
        try:
            outcome = await self._variant.respond(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's
            outcome = self._failed(error)
        self._answered(self._variant, outcome, perf_counter() - call.begun)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # the loop ends
            self._waiting.clear()
        self._call_next()

    def _failed(self, error: Exception) -> Outcome:
        log.error("shadow %s failed", self._variant.version, exc_info=error)
        return Outcome(500, b"")
