"""Whether a pipeline gives the same when it is run again, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.inventory import counted
from mlops_jupyter.verbs.pipeline_report import near
from mlops_jupyter.verbs.pipeline_words import duration
from mlops_jupyter.verbs.results import Code, Note, Result, Sayings, Status, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_jupyter.pipelines.running.verification import StepVerification, Verification
    from mlops_jupyter.verbs.results import Block, Mark

_VERDICTS: Final[dict[str, tuple[str, Mark]]] = {
    "SAME": ("the same", "ok"),
    "SHOWS OTHER": ("the same, shown otherwise", "ok"),
    "DIFFERENT": ("different", "bad"),
    "FOLLOWS": ("different, as what it needs", "warn"),
    "FAILED": ("failed", "bad"),
    "NOT RUN": ("not run", "warn"),
}


@dataclass(frozen=True)
class VerifyReport(Result):
    """Whether each step of a pipeline is reproducible.

    Parameters
    ----------
    found : Verification
        What was found, step by step.
    """

    found: Verification

    @property
    def reproducible(self) -> bool:
        """Whether every step gave the same twice."""
        return self.found.reproducible

    @property
    def headline(self) -> str:
        """Whether it is, and which step is not."""
        name, took = self.found.pipeline, duration(self.found.seconds)
        if self.reproducible:
            count = counted(len(self.found.steps), "step")
            return f"{name} is reproducible: {count} gave the same twice ({took})"
        failed = [step.name for step in self.found.steps if step.verdict == "FAILED"]
        if failed:
            return f"{name} could not be verified: {', '.join(failed)} failed ({took})"
        odd = [_place(step) for step in self.found.steps if step.verdict == "DIFFERENT"]
        return f"{name} is NOT reproducible: {', '.join(odd) or 'not every step ran'} ({took})"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a step, then the cells where steps part, and what else there is to know."""
        rows = tuple(map(_row, self.found.steps))
        yield Table(("step", "twice", "what differs", "parts in", "likely why"), rows)
        for step in self.found.steps:
            yield from _cell(step)
        if self.found.touched:
            files = ", ".join(self.found.touched)
            yield Note(f"written by an absolute path, so not into a copy: {files}", "warn")

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {**super().to_dict()["found"], "reproducible": self.reproducible}


def _place(step: StepVerification) -> str:
    return f"{step.name}, cell {step.cell}" if step.cell is not None else step.name


def _row(step: StepVerification) -> tuple[Any, ...]:
    word, mark = _VERDICTS[step.verdict]
    differs = Sayings(tuple(f"{each.what}: {each.detail}" for each in step.differences))
    cell = f"cell {step.cell}" if step.cell is not None else ""
    why = step.failure.message if step.failure else step.why
    return step.name, Status(word, mark), differs if step.differences else "", cell, why


def _cell(step: StepVerification) -> Iterator[Block]:
    if step.verdict in ("DIFFERENT", "FAILED") and step.source:
        yield Code(step.source, "python", f"Cell {step.cell} of {step.name}")
    if step.verdict == "DIFFERENT" and step.executed:
        yield Note(f"both runs of {step.name}: {' and '.join(near(path) for path in step.executed)}")
