"""Which steps can begin, which never will, and how a whole run ended: plain questions to the records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.records.run import RunState, StepRecord

DONE: Final = frozenset({"SUCCEEDED", "SKIPPED"})
NEVER: Final = frozenset({"FAILED", "STOPPED", "NOT RUN"})
LONGEST_PAUSE: Final = 60.0


def can_begin(step: Step, records: Mapping[str, StepRecord]) -> bool:
    """Whether all that a step needs is done."""
    return all(records[name].state in DONE for name in step.needs if name in records)


def doomed(steps: Iterable[Step], records: Mapping[str, StepRecord]) -> Iterator[StepRecord]:
    """Yield the records of waiting steps that never can begin, and why, in the order of the pipeline."""
    known = dict(records)
    for step in steps:
        broken = [name for name in step.needs if name in known and known[name].state in NEVER]
        if known[step.name].state == "WAITING" and broken:
            why = f"needs {broken[0]}, which {ended(known[broken[0]])}"
            known[step.name] = replace(known[step.name], state="NOT RUN", reason=why)
            yield known[step.name]


def ended(record: StepRecord) -> str:
    """Say in a word how a step ended that gave nothing."""
    return {"FAILED": "failed", "STOPPED": "was stopped"}.get(record.state, "did not run")


def run_state(records: Iterable[StepRecord]) -> RunState:
    """Say how a run ended, by its steps."""
    states = {record.state for record in records}
    if "FAILED" in states:
        return "FAILED"
    return "STOPPED" if states & {"STOPPED", "NOT RUN", "WAITING", "RUNNING"} else "SUCCEEDED"


def pause(attempt: int) -> float:
    """Return how many seconds to wait after the failure of a try before the next.

    Examples
    --------
    >>> [pause(attempt) for attempt in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 60.0]
    """
    return float(min(2.0 ** (attempt - 1), LONGEST_PAUSE))
