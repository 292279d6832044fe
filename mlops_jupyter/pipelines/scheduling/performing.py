"""What is done for a firing of a pipeline's schedule, in a process of its own."""

from __future__ import annotations

from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.errors import ConflictError, MlopsError, NotFoundError
from mlops_jupyter.store.firings import Ended

from .schedules import cron_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule

CLOCK_STEPS = timedelta(seconds=2)


def perform(store: Kept, schedule: Schedule, firing: Firing, tell: Callable[[str], None]) -> Ended:
    """Run the pipeline as it is due.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    schedule, firing : Schedule, Firing
        What came due, and when: the run's date.
    tell : callable
        Told the run's id, as soon as there is one.
    """
    try:
        return ended_as(run(store, schedule, firing, tell))
    except ConflictError as busy:
        return Ended("DUE", str(busy))
    except MlopsError as failure:
        return Ended("FAILED", str(failure))


def run(store: Kept, schedule: Schedule, firing: Firing, tell: Callable[[str], None]) -> RunRecord:
    """Read the pipeline, and run it in its folder: settings are looked for from there."""
    from mlops_jupyter.pipelines.definition.reading import read_pipeline
    from mlops_jupyter.pipelines.running.following import run_pipeline

    file = Path(schedule.subject["file"])
    if not file.is_file():
        hint = f"mlops pipeline unschedule {schedule.name}, or put it back"
        raise NotFoundError(f"{file} is gone", hint=hint)
    told: list[str] = []

    def listen(record: RunRecord) -> None:
        if not told:
            told.append(record.id)
            tell(record.id)

    with chdir(file.parent):
        date = firing.due.astimezone(cron_of(schedule).zone)
        pipeline = read_pipeline(file, schedule.subject["parameters"], date)
        return run_pipeline(pipeline, cause=cause_of(schedule), listen=listen, workspace=store.workspace)


def recover(store: Kept, schedule: Schedule, firing: Firing) -> Ended | None:
    """Return what came of a run whose process died; None when it had not begun."""
    from mlops_jupyter.pipelines.records.history import run_record
    from mlops_jupyter.pipelines.running.beginning import end_stale
    from mlops_jupyter.pipelines.running.claims import who_runs

    begun = begun_run(store, schedule, firing)
    if begun is None:
        return None
    if begun.state != "RUNNING":
        return ended_as(begun)
    if who_runs(store, begun.pipeline):  # it is stopping: what ran it ends without who asked for it
        return Ended("RUNNING", "the process that looked after the run was killed", begun.id)
    end_stale(store, begun.pipeline)
    return ended_as(run_record(store, begun.id))


def begun_run(store: Kept, schedule: Schedule, firing: Firing) -> RunRecord | None:
    """Return the run that was begun for a firing, if any was."""
    from mlops_jupyter.pipelines.records.history import runs

    begun = [each for each in runs(store, schedule.subject["pipeline"], 50) if _is_of(each, schedule, firing)]
    return min(begun, key=lambda each: each.started, default=None)


def cause_of(schedule: Schedule) -> str:
    """Return what the record of a run says began it."""
    return f"schedule {schedule.name}"


def ended_as(record: RunRecord) -> Ended:
    """Say how a run ended."""
    if record.state == "SUCCEEDED":
        return Ended("SUCCEEDED", _counted(record), record.id)
    if record.state == "STOPPED":
        return Ended("STOPPED", _why(record) or "it was stopped before its end", record.id)
    return Ended("FAILED", _why(record), record.id)


def _is_of(record: RunRecord, schedule: Schedule, firing: Firing) -> bool:
    if firing.result:
        return record.id == firing.result
    since = (firing.began or firing.due) - CLOCK_STEPS
    return record.cause == cause_of(schedule) and record.started >= since


def _counted(record: RunRecord) -> str:
    ran = sum(step.state == "SUCCEEDED" for step in record.steps)
    skipped = sum(step.state == "SKIPPED" for step in record.steps)
    words = f"{ran} step{'' if ran == 1 else 's'} ran"
    return f"{words}, {skipped} skipped" if skipped else words


def _why(record: RunRecord) -> str:
    failed = [step for step in record.steps if step.failure]
    if not failed or not failed[0].failure:
        return ""
    failure = failed[0].failure
    where = f" in cell {failure.cell}" if failure.cell else ""
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"{failed[0].name} failed{where}: {failure.message}{more}"
