"""Work cut so small that the thread that answers is never kept waiting for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VALUES = 32 * 1024  # turned from Python objects at a stretch: some 200 us
_ASIDE = 20e-6  # seconds: to be woken takes a moment, and who only yields is back before that


def step_aside() -> None:
    """Let go of the interpreter for whoever waits for it; it costs some 20 us."""
    time.sleep(_ASIDE)


def pieces(values: Sequence[Any], width: int = 1) -> Iterator[Sequence[Any]]:
    """Yield a sequence in pieces of about `VALUES` values, `width` to an item, stepping aside between."""
    length = max(1, VALUES // max(1, width))
    for start in range(0, len(values), length):
        if start:
            step_aside()
        yield values[start : start + length]
