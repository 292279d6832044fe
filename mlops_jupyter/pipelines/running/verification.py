"""The nouns of verifying: whether each step of a pipeline gives the same again, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import Failure

Verdict: TypeAlias = Literal["SAME", "SHOWS OTHER", "DIFFERENT", "FOLLOWS", "FAILED", "NOT RUN"]


@dataclass(frozen=True)
class Difference:
    """One thing that came out otherwise.

    Parameters
    ----------
    what : str
        ``output data/x.csv``, ``value auc``, or ``what cell 3 shows``.
    detail : str
        In what: ``3 of 100 rows differ, in price``; ``0.71 against 0.73``.
    """

    what: str
    detail: str


@dataclass(frozen=True)
class StepVerification:
    """Whether one step gives the same again.

    Parameters
    ----------
    name : str
        The step's.
    verdict : str
        ``SAME``; ``SHOWS OTHER``: only what a cell shows differs; ``DIFFERENT``; ``FOLLOWS``: different, as a
        step that it stands on is; ``FAILED`` in one of the runs; ``NOT RUN``.
    differences : tuple of Difference
        What came out otherwise.
    cell : int or None
        The cell where it most likely parts, counted from 1 in the executed notebook.
    source : str
        That cell's first lines.
    why : str
        The likely reason, in words.
    executed : tuple of Path
        Both executed notebooks.
    failure : Failure or None
        Why it failed.
    """

    name: str
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    cell: int | None = None
    source: str = ""
    why: str = ""
    executed: tuple[Path, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True)
class Verification:
    """Whether a pipeline gives the same when it is run again.

    Parameters
    ----------
    pipeline : str
        Its name.
    steps : tuple of StepVerification
        In the order of the pipeline.
    seconds : float
        How long both runs and the comparison took.
    touched : tuple of str
        Outputs of the project itself that changed meanwhile: a step writes by an absolute path.
    """

    pipeline: str
    steps: tuple[StepVerification, ...]
    seconds: float
    touched: tuple[str, ...] = ()

    @property
    def reproducible(self) -> bool:
        """Whether every step ran and gave the same twice; what cells show may differ."""
        return all(step.verdict in {"SAME", "SHOWS OTHER"} for step in self.steps)

    def step(self, name: str) -> StepVerification:
        """Return what was found of a step; `KeyError` when there is none."""
        return {step.name: step for step in self.steps}[name]
