"""Answers kept for requests that come again byte for byte: off unless a deployment asks for it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Answered, Call

_LARGEST = 1 << 16  # bytes of a body that is worth keeping

Key = tuple[str, str, int, bytes]


class RecentAnswers:
    """The answers that were used last.

    Parameters
    ----------
    most : int
        How many.
    met : callable
        Told of each look, with whether it met.
    """

    def __init__(self, most: int, met: Callable[[bool], None]) -> None:
        self._most, self._met = most, met
        self._turn = Lock()  # answers are kept by the threads that made them
        self._kept: OrderedDict[Key, Answered] = OrderedDict()

    def find(self, call: Call) -> Answered | None:
        """Return what was answered to the same bytes before."""
        key = _key(call)
        with self._turn:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        self._met(known is not None)
        return known

    def keep(self, answered: Answered) -> None:
        """Keep an answer, and forget the one that was not asked for longest."""
        call = answered.call
        if len(call.body) > _LARGEST:
            return
        with self._turn:
            self._kept[_key(call)] = answered
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _key(call: Call) -> Key:
    return call.dialect, call.content_type, call.header_length, call.body
