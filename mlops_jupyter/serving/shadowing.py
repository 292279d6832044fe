"""Copies of requests for shadow variants: after the answer, from a bounded queue, never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from .call import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .call import Call
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
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, call: Call) -> bool:
        """Let a copy wait; false when there is no room for it."""
        full = len(self._waiting) >= MOST_WAITING or self._bytes + len(call.body) > MOST_BYTES
        if self._waiting and full:
            return False
        self._waiting.append(replace(call, role="shadow"))
        self._bytes += len(call.body)
        if len(self._tasks) < _AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _work(self) -> None:
        while self._waiting:
            call = self._waiting.popleft()
            self._bytes -= len(call.body)
            call.begun = perf_counter()
            outcome = await self._ask(call)
            self._answered(self._variant, outcome, perf_counter() - call.begun)
            await asyncio.sleep(0)  # what is asked for goes first

    async def _ask(self, call: Call) -> Outcome:
        try:
            return await self._variant.respond(call)
        except Exception:
            log.exception("shadow %s failed", self._variant.version)
            return Outcome(500, b"")
