"""Progress of long work, told in words wherever the verb was called from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Yield a function to call with the name of each stage as it begins."""
    yield lambda stage: None
