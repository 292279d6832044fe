"""What is loaded once must not be felt by requests, neither while it is loaded nor ever after.

A thread that imports gives the interpreter up every 5 ms, which makes each prediction meanwhile wait as long,
and a full garbage collection looks at all that was ever imported, which takes 20 ms.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Loaded = TypeVar("Loaded")

_TURN = 0.0005  # seconds that a thread keeps the interpreter when another one wants it


async def load_aside(load: Callable[[], Loaded]) -> Loaded:
    """Return what `load` returns, in a thread that often lets others go on.

    One at a time: it changes settings of the whole process, and puts them back.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    gc.disable()
    try:
        return await asyncio.to_thread(load)
    finally:
        settle()
        gc.enable()
        sys.setswitchinterval(usual)


def settle() -> None:
    """Take all that is loaded now for good: garbage is looked for only in what is made from here on.

    Under full load the longest answer took 17 to 80 ms before this, and 7 to 13 ms with it.
    """
    gc.freeze()
