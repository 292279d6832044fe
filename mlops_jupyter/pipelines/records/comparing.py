"""What differs between two runs, step by step: what each was made from, and what came of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.definition.notebooks import read_notebook
from mlops_jupyter.pipelines.records.environment import remembered
from mlops_jupyter.pipelines.records.fingerprints import json_of
from mlops_jupyter.pipelines.records.reasons import Change, became, changes, each, installations, valued
from mlops_jupyter.store.direct import connected

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.store.direct import Kept

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class StepDiff:
    """What differs in one step.

    Parameters
    ----------
    name : str
        The step's.
    states : tuple of str or None
        How it stood in each run; None in one that it is no part of.
    made_from : tuple of Change
        What it was made from that is another: code, parameters, inputs, modules, environment.
    outputs : tuple of Change
        What it wrote that is another.
    values : mapping of str to tuple
        What it gave by ``mlops.output`` that is another, in each run; None for a value not given.
    code : str
        The unified diff of its code cells; empty when they are the same, or a copy of them is gone.
    seconds : tuple of float or None
        How long it took.
    """

    name: str
    states: tuple[str | None, str | None]
    made_from: tuple[Change, ...] = ()
    outputs: tuple[Change, ...] = ()
    values: Mapping[str, tuple[Any, Any]] | None = None
    code: str = ""
    seconds: tuple[float | None, float | None] = (None, None)

    @property
    def same(self) -> bool:
        """Whether it is a part of both, was made from the same, and gave the same."""
        return None not in self.states and not (self.made_from or self.outputs or self.values)


@dataclass(frozen=True)
class RunDiff:
    """What differs between two runs.

    Parameters
    ----------
    before, after : RunRecord
        The runs.
    parameters : tuple of Change
        Parameters of the pipeline that are another.
    steps : tuple of StepDiff
        Every step of either, in the order of the second.
    """

    before: RunRecord
    after: RunRecord
    parameters: tuple[Change, ...]
    steps: tuple[StepDiff, ...]

    @property
    def differing(self) -> tuple[StepDiff, ...]:
        """The steps that are not the same."""
        return tuple(step for step in self.steps if not step.same)


def diff(store: Kept, before: RunRecord, after: RunRecord) -> RunDiff:
    """Compare two runs, also such of two pipelines.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    before, after : RunRecord
        The runs.
    """
    first, second = ({step.name: step for step in run.steps} for run in (before, after))
    names = [*second, *(name for name in first if name not in second)]
    parameters = each("parameter", texts(before.parameters), texts(after.parameters), valued)
    with connected(store) as connection:
        steps = tuple(compared(connection, name, first.get(name), second.get(name)) for name in names)
    return RunDiff(before, after, tuple(parameters), steps)


def compared(
    connection: sqlite3.Connection, name: str, before: StepRecord | None, after: StepRecord | None
) -> StepDiff:
    """Compare one step of two runs."""
    states = (before.state if before else None, after.state if after else None)
    if before is None or after is None:
        return StepDiff(name, states)
    return StepDiff(
        name,
        states,
        tuple(made_from(connection, before, after)),
        tuple(each("output", before.outputs, after.outputs, became)),
        differing(before.values, after.values),
        code_diff(before, after),
        (before.seconds, after.seconds),
    )


def made_from(connection: sqlite3.Connection, before: StepRecord, after: StepRecord) -> Iterator[Change]:
    """Yield what two results were made from that is not the same."""
    if before.fingerprint is None or after.fingerprint is None:
        return
    for change in changes(before.fingerprint, after.fingerprint):
        if change.kind == "environment":
            yield from reinstalled(
                connection, change, before.fingerprint.environment, after.fingerprint.environment
            )
        else:
            yield change


def reinstalled(connection: sqlite3.Connection, change: Change, before: str, after: str) -> Iterator[Change]:
    """Yield the distributions that are of another version, where it is known what was installed."""
    first, second = remembered(connection, before), remembered(connection, after)
    yield from installations(first.packages, second.packages) if first and second else [change]


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as their JSON."""
    return {name: json_of(value) for name, value in values.items()}


def differing(before: Mapping[str, Thing], after: Mapping[str, Thing]) -> dict[str, tuple[Any, Any]]:
    """Return what is another, by name, as it was and as it is."""
    return {
        name: (before.get(name), after.get(name))
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    }


def code_diff(before: StepRecord, after: StepRecord) -> str:
    """Return the unified diff of the code cells of two executed notebooks; nothing where one is gone."""
    if before.fingerprint and after.fingerprint and before.fingerprint.code == after.fingerprint.code:
        return ""
    first, second = code_of(before.executed), code_of(after.executed)
    if first is None or second is None:
        return ""
    name = after.name
    return "\n".join(difflib.unified_diff(first, second, f"{name} before", f"{name} after", lineterm=""))


def code_of(executed: Path | None) -> list[str] | None:
    """Return the lines of an executed notebook's code cells, each under a line of its own."""
    if executed is None or not executed.exists():
        return None
    try:
        cells = read_notebook(executed).code
    except MlopsError:
        return None
    return [line for cell in cells for line in ("# %%", *cell.splitlines())]
