"""What is said of runs and steps, on every face: states, times, how far, why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.inventory import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord, StepState
    from mlops_jupyter.verbs.results import Mark

#: How each state of a step, and of a run, reads in a table.
MARKS: Final[dict[str, Mark]] = {
    "SUCCEEDED": "ok",
    "SKIPPED": "ok",
    "RUNNING": "info",
    "WAITING": "info",
    "FAILED": "bad",
    "STOPPED": "warn",
    "NOT RUN": "warn",
}
RUN_MARKS: Final[dict[str, Mark]] = {
    "SUCCEEDED": "ok",
    "FAILED": "bad",
    "STOPPED": "warn",
    "RUNNING": "info",
}
#: A step's as one letter, in the lanes of a text.
LETTERS: Final[dict[str, str]] = {
    "SUCCEEDED": "✓",
    "SKIPPED": "»",
    "RUNNING": "●",
    "WAITING": "○",
    "FAILED": "✗",
    "STOPPED": "■",
    "NOT RUN": "–",  # noqa: RUF001 as wide as the others
}
#: What to say of several steps at once: the first of these that one of them is in.
_GRAVEST: Final[tuple[StepState, ...]] = (
    *("FAILED", "RUNNING", "STOPPED", "WAITING", "NOT RUN", "SUCCEEDED", "SKIPPED"),
)  # fmt: skip
DONE: Final = ("SUCCEEDED", "SKIPPED")
ENDED: Final = (*DONE, "FAILED", "STOPPED", "NOT RUN")


def state_of(steps: Sequence[StepRecord]) -> StepState:
    """Return the state that stands for several steps: the gravest."""
    found = {step.state for step in steps}
    return next((state for state in _GRAVEST if state in found), "WAITING")


def word_of(step: StepRecord) -> str:
    """Return a step's state in words: ``failed in cell 4``."""
    word = step.state.lower()
    if step.failure is not None and step.failure.cell is not None:
        word += f" in cell {step.failure.cell}"
    return f"{word} (try {step.attempts})" if step.attempts > 1 else word


def words_of(steps: Sequence[StepRecord]) -> str:
    """Return the states of several steps in words: ``1 failed, 11 succeeded``."""
    states = [step.state for step in steps]
    counts = [(state, states.count(state)) for state in _GRAVEST if state in states]
    if len(counts) == 1:
        return f"all {len(states)} {counts[0][0].lower()}"
    return ", ".join(f"{count} {state.lower()}" for state, count in counts)


def gist_of(steps: Sequence[StepRecord]) -> str:
    """Return the gravest state of several steps in words: ``1 of 12 failed``."""
    state = state_of(steps)
    if state == "WAITING" and any(step.state in DONE for step in steps):
        return f"{sum(step.state in DONE for step in steps)} of {len(steps)} done"
    count = sum(step.state == state for step in steps)
    return f"{f'all {count}' if count == len(steps) else f'{count} of {len(steps)}'} {state.lower()}"


def seconds_of(step: StepRecord, now: datetime) -> float | None:
    """Return how long a step took, or has taken until now; a skipped one took no time."""
    if step.state == "SKIPPED" or step.started is None:
        return None
    return ((step.ended or now) - step.started).total_seconds()


def duration(seconds: float | None) -> str:
    """Return a time to read at a glance: whole seconds from 10 s on, so that it does not flicker.

    Examples
    --------
    >>> duration(0.234), duration(4.26), duration(75.2), duration(3725), duration(None)
    ('0.2 s', '4.3 s', '1 min 15 s', '1 h 2 min', '')
    """
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def cells_of(step: StepRecord) -> str:
    """Return how many cells are done, of all: ``3/8``."""
    return f"{step.cells[0]}/{step.cells[1]}" if step.cells[1] else ""


def run_seconds(record: RunRecord, now: datetime | None = None) -> float:
    """Return how long a run took, or has taken until now."""
    return ((record.ended or now or datetime.now(UTC)) - record.started).total_seconds()


def headline_of(record: RunRecord) -> str:
    """Return the answer in words: what ran, what was skipped, what failed."""
    count = {state: sum(step.state == state for step in record.steps) for state in ENDED}
    done, total = sum(count[state] for state in DONE), len(record.steps)
    took = duration(run_seconds(record))
    if record.state == "RUNNING":
        return f"{record.pipeline} is running: {done} of {counted(total, 'step')} done in {took}"
    if record.state == "STOPPED":
        return f"{record.pipeline} was stopped after {took}: {done} of {counted(total, 'step')} done"
    if record.state == "FAILED":
        return f"{record.pipeline} failed{_failed(record)} after {took}{_left(count)}"
    if not count["SUCCEEDED"]:
        return f"{record.pipeline} is up to date: {_all(total)} skipped in {took}"
    skipped = f", {count['SKIPPED']} skipped" if count["SKIPPED"] else ""
    return f"{record.pipeline}: {counted(count['SUCCEEDED'], 'step')} ran{skipped} in {took}"


def counts_of(record: RunRecord) -> str:
    """Return what became of a run's steps: ``5 ran, 1 skipped``."""
    count = {state: sum(step.state == state for step in record.steps) for state in ENDED}
    said = (("SUCCEEDED", "ran"), ("FAILED", "failed"), *_SAID[1:])
    return ", ".join(f"{count[state]} {word}" for state, word in said if count[state])


def _failed(record: RunRecord) -> str:
    failed = [step for step in record.steps if step.state == "FAILED"]
    if len(failed) != 1:
        return f" in {', '.join(step.name for step in failed)}" if failed else ""
    cell = failed[0].failure.cell if failed[0].failure else None
    return f" in {failed[0].name}" + (f", cell {cell}" if cell is not None else "")


def _left(count: dict[str, int]) -> str:
    parts = [f"{count[state]} {word}" for state, word in _SAID if count[state]]
    return f": {', '.join(parts)}" if parts else ""


_SAID: Final = (
    ("SUCCEEDED", "succeeded"),
    ("SKIPPED", "skipped"),
    ("STOPPED", "stopped"),
    ("NOT RUN", "not run"),
)


def _all(total: int) -> str:
    return "its only step was" if total == 1 else f"all {total} steps were"
