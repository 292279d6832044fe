"""The bare endpoint: uvicorn, httptools and uvloop around the least that reads JSON."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .contender import Contender, first_answer, free_port, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .load import Request

APP = Path(__file__).with_name("bare_app.py")
OPTIONS = ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--log-level", "warning"]


def uvicorn(app: str, port: int) -> list[str]:
    """Return the command that serves an app with one process and without an access log."""
    return [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", *OPTIONS]


@contextlib.contextmanager
def running_bare(folder: Path, requests: Mapping[str, Request]) -> Iterator[Contender]:
    """Run it until the block ends; it is sent what ours is sent."""
    folder.mkdir()
    (folder / APP.name).write_text(APP.read_text())
    port = free_port()
    with started(uvicorn(f"{APP.stem}:app", port), folder) as process:
        first_answer(port, next(iter(requests.values())), process)
        yield Contender("bare", port, process, requests)
