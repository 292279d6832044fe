"""Copies of requests for shadow variants: after the answer, from a bounded queue, never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .call import Call, Outcome
    from .router import Variant

log = logging.getLogger("model_server")

MOST_WAITING = 256
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

    def __init__(
        self, answered: Callable[[Variant, Outcome, float], None], dropped: Callable[[Variant], None]
    ) -> None:
        self._answered, self._dropped = answered, dropped
        self._waiting: deque[tuple[Variant, Call]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def copy(self, call: Call, variants: Sequence[Variant]) -> None:
        """Ask `variants` the same later."""
        for variant in variants:
            if len(self._waiting) >= MOST_WAITING:
                self._dropped(variant)
                continue
            self._waiting.append((variant, replace(call, role="shadow")))
        if self._waiting and len(self._tasks) < _AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while self._waiting:
            variant, call = self._waiting.popleft()
            call.begun = perf_counter()
            try:
                outcome = await variant.respond(call)
            except Exception:
                log.exception("shadow %s failed", variant.version)
                continue
            self._answered(variant, outcome, perf_counter() - call.begun)
            await asyncio.sleep(0)  # what is asked for goes first
