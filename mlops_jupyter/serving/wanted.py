"""What the verbs want of a deployment, and where its supervisor says what is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .documents import known_fields, read_document, write_document
from .spec import STATE

if TYPE_CHECKING:
    from pathlib import Path

WANTED = "wanted.json"
SUPERVISOR = "supervisor.json"


@dataclass(frozen=True)
class Wanted:
    """What a verb wants.

    Parameters
    ----------
    host, port : str, int
        Where to listen.
    active : int or None
        The generation that serves.
    prepare : int or None
        The generation to load and warm beside it.
    prepared_by : int or None
        The process that waits for it; when that ends, nobody wants it any more.
    """

    host: str
    port: int
    active: int | None
    prepare: int | None = None
    prepared_by: int | None = None

    @property
    def generations(self) -> list[int]:
        """Those that should exist."""
        return [number for number in (self.active, self.prepare) if number is not None]


def write_wanted(deployment: Path, wanted: Wanted) -> None:
    """Say what is wanted."""
    write_document(deployment / WANTED, vars(wanted))


def read_wanted(deployment: Path) -> Wanted | None:
    """Return what is wanted, or None where nothing ever was."""
    document = read_document(deployment / WANTED)
    return Wanted(**known_fields(Wanted, document)) if document else None


def recorded_processes(deployment: Path) -> list[dict[str, Any]]:
    """Return the records of all workers that generations of a deployment have named."""
    states = map(read_document, deployment.glob(f"generations/*/{STATE}"))
    return [process for state in states if state for process in state.get("processes", [])]
