"""The nouns between a step and papermill's engine: how to run a notebook once, and what is seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.execution.memory import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbformat import NotebookNode

    from mlops_jupyter.pipelines.execution.job import Progress


@dataclass
class Seen:
    """What a run of a notebook brings to light, as it goes.

    Parameters
    ----------
    values : dict
        What it gave by ``mlops.output``.
    modules : tuple of str
        Local code that it ran.
    reads : tuple of str
        Values that it asked for.
    peak_bytes : int
        The most memory that its kernel held.
    last : Look
        The memory when it was last looked at.
    cells : int
        How many cells there are to run.
    """

    values: dict[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    peak_bytes: int = 0
    last: Look = field(default_factory=Look)
    cells: int = 0


@dataclass(frozen=True)
class Attempt:
    """How to run a notebook once.

    Parameters
    ----------
    manager : callable
        Makes the manager of a kernel by its name, not yet started; it knows its folder and environment.
    save : callable
        Writes the notebook as it stands; told whether it must outlast a loss of power.
    tell : callable
        Hears how far it is.
    seconds : float or None
        How long it may take.
    memory : int or None
        Bytes that its kernel may hold.
    marks : mapping
        What the notebook's metadata is to say of the run.
    seen : Seen
        Where to note what comes to light.
    """

    manager: Callable[[str], Any]
    save: Callable[[NotebookNode, bool], None]
    tell: Callable[[Progress], None]
    seconds: float | None = None
    memory: int | None = None
    marks: Mapping[str, Any] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
