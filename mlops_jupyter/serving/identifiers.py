"""Names for requests."""

from __future__ import annotations

import random
import time

_VERSION, _VARIANT = 0x7 << 76, 0x2 << 62
_RANDOM = (1 << 76) - 1 & ~(0x3 << 62)


def new_prediction_id() -> str:
    """Return 32 hex digits that sort by time: a UUID of version 7.

    Examples
    --------
    >>> len(new_prediction_id())
    32
    """
    moment = time.time_ns() // 1_000_000 << 80
    noise = random.getrandbits(76) & _RANDOM  # nothing is secret in it, and the system's own costs a call
    return (moment | _VERSION | _VARIANT | noise).to_bytes(16, "big").hex()
