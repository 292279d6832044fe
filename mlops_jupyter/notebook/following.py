"""Ask again every few seconds while somebody looks; with nobody looking there is not even a task.

A view says that it is seen and says so again within its lease, so a page that was closed without a word is
forgotten. What a view says can come from any thread: JupyterLab handles widgets in a subshell of the kernel.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LEASE: Final = 30.0  # seconds that a view's word holds


class Follower:
    """Refreshes while a view is seen. It has at most one task, on the loop it was made in.

    Parameters
    ----------
    refresh : callable
        Does the work, in a thread of its own, so the kernel stays free.
    every : float
        Seconds between the end of one refresh and the begin of the next.
    lease : float
        Seconds after which a view that said nothing more is not looked at any longer.
    """

    def __init__(self, refresh: Callable[[], None], every: float, lease: float = LEASE) -> None:
        self.every, self.lease = every, lease
        self._refresh = refresh
        self._loop = asyncio.get_running_loop()
        self._seen: dict[str, float] = {}  # until when each view is looked at
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether a task is there."""
        return self._task is not None and not self._task.done()

    def saw(self, view: str, *, seen: bool) -> None:
        """Note from any thread that a view is seen, or no longer."""
        self._call(self._note, view, seen)

    def close(self) -> None:
        """End the task for good, from any thread."""
        self._closed = True
        self._call(self._stop)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _note(self, view: str, seen: bool) -> None:
        if seen and not self._closed:
            self._seen[view] = time.monotonic() + self.lease
            if not self.running:
                self._task = self._loop.create_task(self._follow())
        else:
            self._seen.pop(view, None)
            if not self._looked_at():
                self._stop()

    def _stop(self) -> None:
        self._seen.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _looked_at(self) -> bool:
        now = time.monotonic()
        self._seen = {view: until for view, until in self._seen.items() if until > now}
        return bool(self._seen) and not self._closed

    async def _follow(self) -> None:
        while self._looked_at():
            await asyncio.to_thread(self._refresh)
            await asyncio.sleep(self.every)
