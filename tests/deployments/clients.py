"""Clients that ask all the time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Clients:
    """Threads that go on until the block ends; each looks at `done` itself."""

    def __init__(self, asking: Sequence[Callable[[], None]]) -> None:
        self.done = threading.Event()
        self._threads = [threading.Thread(target=ask) for ask in asking]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self._threads:
            thread.join()
