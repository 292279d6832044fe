"""All that a run needs before its first step: its record, its folder, the notebooks as they are now."""

from __future__ import annotations

import getpass
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.commits import git_state
from mlops_jupyter.pipelines.definition.reading import check_inputs
from mlops_jupyter.pipelines.records.history import begin_run, end_run, open_runs, runs
from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
from mlops_jupyter.store.settings import settings

from .folders import keep_file, keep_notebooks, new_run, run_folder
from .keeping import reserve_room
from .order import Order

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.definition.pipeline import Pipeline
    from mlops_jupyter.pipelines.records.planning import Decision, Plan
    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.owners import Owner

NOT_MIRRORED = "none"
LOOKED_BACK = 3


def end_stale(store: Kept, pipeline: str) -> None:
    """Write down as stopped what runs no more although its record says so: its runner was killed.

    For who has claimed the pipeline, or knows that nobody has.
    """
    for run in open_runs(store, pipeline):
        end_run(store, run.id, "STOPPED")


def unchanged(store: Kept, pipeline: Pipeline, planned: Plan, cause: str) -> RunRecord:
    """Record a run that had nothing to do."""
    run = new_run(store.workspace, pipeline.name)
    record = record_of(pipeline, planned, run, cause)
    ended = replace(record, state="SUCCEEDED", ended=datetime.now(UTC), mlflow_run=NOT_MIRRORED)
    begin_run(store, ended)
    return ended


def begun(store: Kept, pipeline: Pipeline, planned: Plan, cause: str, owner: Owner) -> Order:
    """Make all that a run needs, and record that it has begun."""
    chosen = replace(pipeline, steps=tuple(step for step in pipeline.steps if step.name in planned.steps))
    check_inputs(pipeline, planned.to_run)
    running = [step for step in chosen.steps if planned.steps[step.name].run]
    run = new_run(store.workspace, pipeline.name)
    folder = run_folder(store.workspace, pipeline.name, run)
    reserve_room(folder)
    keep_file(pipeline.file, folder)
    sources = keep_notebooks([step.notebook for step in running], folder)
    record = replace(
        record_of(chosen, planned, run, cause), git=git_state(pipeline.folder), owner=facts_of(owner)
    )
    begin_run(store, record)
    return Order(
        pipeline=chosen,
        record=record,
        sources=sources,
        seconds=durations(store, pipeline.name),
        workspace=store.workspace.root,
        owner=owner,
        mirror=pipeline.mlflow,
        tracking=settings().tracking_uri,
    )


def record_of(pipeline: Pipeline, planned: Plan, run: str, cause: str) -> RunRecord:
    """Return the record of a run that is about to begin."""
    return RunRecord(
        id=run,
        pipeline=pipeline.name,
        file=pipeline.file,
        state="RUNNING",
        parameters=pipeline.parameters,
        steps=tuple(at_first(decision) for decision in planned.steps.values()),
        started=datetime.now(UTC),
        cause=cause,
        needs={step.name: step.needs for step in pipeline.steps if step.name in planned.steps},
        mlflow_run="" if pipeline.mlflow else NOT_MIRRORED,
    )


def at_first(decision: Decision) -> StepRecord:
    """Return the record of a step before the run; of one that may run nothing is known but why."""
    if not decision.run:
        return decision.record
    return StepRecord(decision.record.name, reason=decision.reason)


def durations(store: Kept, pipeline: str) -> dict[str, float]:
    """Return how long each step took when it last succeeded, of the last runs."""
    steps = [step for run in reversed(runs(store, pipeline, LOOKED_BACK)) for step in run.steps]
    return {step.name: step.seconds for step in steps if step.state == "SUCCEEDED" and step.seconds}


def facts_of(owner: Owner) -> dict[str, Any]:
    """Return who runs it, for the record."""
    return {
        "pid": owner.pid,
        "create_time": owner.create_time,
        "host": owner.host,
        "who": user_name(),
    }


def user_name() -> str:
    """Return who we are; in a container a user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
