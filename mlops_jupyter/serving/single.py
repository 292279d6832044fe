"""One package by itself: its own copy of the server, its version stable."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .app import ModelServer, create_app
from .loading import load
from .local import LocalVariant
from .router import SingleRouter

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def open_app(package: Path) -> ModelServer:
    """Return the application of one package; the same however often it is asked for.

    Parameters
    ----------
    package : Path
        Its folder.

    Raises
    ------
    IntegrityFailure
        When a file of it is not what its manifest says.
    LoadFailure
        When it cannot be served.
    """
    return create_app(SingleRouter(LocalVariant(0, load(package))))
