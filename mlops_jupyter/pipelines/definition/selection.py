"""Which steps a run is about: all, or those that ``--until`` and ``--from`` leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.graph import followers_of, reached

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.definition.pipeline import Pipeline


def select(
    pipeline: Pipeline, until: str | None = None, from_: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which steps to run, and which to take as they are.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    until : str or None
        It and all that it needs. Of a matrix, ``train`` is all of its steps.
    from_ : str or None
        It and all that need it; what these need beside is taken as it is.

    Returns
    -------
    tuple
        Names to run and names whose last results are taken, both in the order of the pipeline.

    Raises
    ------
    UsageError
        When there is no such step, or nothing is both from the one and until the other.
    """
    needs = {step.name: step.needs for step in pipeline.steps}
    run = set(needs)
    if until is not None:
        run &= reached(needs, steps_called(pipeline, until, "--until"))
    if from_ is not None:
        run &= reached(followers_of(needs), steps_called(pipeline, from_, "--from"))
    if not run:
        raise UsageError(
            f"nothing is from {from_} until {until}",
            f"{until} does not need {from_}",
            f"--from {until} --until {from_}",
        )
    taken = reached(needs, run) - run if from_ is not None else set()
    return tuple(name for name in needs if name in run), tuple(name for name in needs if name in taken)


def steps_called(pipeline: Pipeline, name: str, option: str = "") -> tuple[str, ...]:
    """Return the names of the steps that are called so; of a matrix all of its steps.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    name : str
        A step's name, or that of its matrix.
    option : str
        What it was given for, for the message.

    Raises
    ------
    UsageError
        When there is none.
    """
    found = tuple(step.name for step in pipeline.steps if name in {step.name, step.group})
    if not found:
        known = {step.name for step in pipeline.steps} | {step.group for step in pipeline.steps if step.group}
        said = f"{option} {name}".strip()
        raise UsageError(f"{said}: {pipeline.name} has no step {name!r}", hint=did_you_mean(name, known))
    return found
