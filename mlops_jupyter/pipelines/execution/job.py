"""The nouns of one step's run: what is asked, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Step

FailureKind: TypeAlias = Literal[
    "error", "exit", "dead kernel", "memory", "timeout", "no kernel", "output", "disk", "runner"
]


@dataclass(frozen=True)
class StepJob:
    """One try at a step.

    Parameters
    ----------
    step : Step
        What to run.
    run : str
        The run it is part of.
    pipeline : str
        The pipeline's name.
    root : Path
        The pipeline's folder.
    workspace : Path
        The workspace's folder.
    folder : Path
        Where the executed notebook and its page go; made already, empty.
    values : mapping
        What steps before gave: ``{"train.rows": 336776}``.
    attempt : int
        From 1.
    hash_seed : str
        ``PYTHONHASHSEED`` of the kernel; empty for the default.
    source : Path or None
        The notebook as it was when the run began: what is read in place of ``step.notebook``, which may be
        edited meanwhile and only says where the kernel works. None reads that itself.
    """

    step: Step
    run: str
    pipeline: str
    root: Path
    workspace: Path
    folder: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1
    hash_seed: str = ""
    source: Path | None = None


@dataclass(frozen=True)
class Failure:
    """Why a step failed.

    Parameters
    ----------
    kind : str
        What kind of failure.
    message : str
        One line: ``ValueError: no rows in 2013-02``.
    cell : int or None
        The cell that failed, as counted from 1 in the executed notebook.
    source : str
        That cell's first lines.
    detail : str
        The traceback, without colours.
    """

    kind: FailureKind
    message: str
    cell: int | None = None
    source: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a step is: cells done, of all; the first line of the one that runs."""

    done: int
    total: int
    source: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a try ended.

    Parameters
    ----------
    state : str
        ``SUCCEEDED``, ``FAILED`` or ``STOPPED`` (interrupted from outside).
    seconds : float
        From asking for a kernel to the end.
    failure : Failure or None
        Why it failed.
    values : mapping
        What the notebook gave by ``mlops.output``, by name.
    modules : tuple of str
        Absolute paths of local code that it imported or ran.
    reads : tuple of str
        Names of values it asked for by ``mlops.input``.
    cells : int
        How many code cells there were.
    peak_bytes : int
        The most memory that its kernel held, as far as seen.
    """

    state: Literal["SUCCEEDED", "FAILED", "STOPPED"]
    seconds: float
    failure: Failure | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    cells: int = 0
    peak_bytes: int = 0
