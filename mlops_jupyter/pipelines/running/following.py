"""A run from the side of who asked for it: planned here, run by a process of its own, followed to the end.

A run that finds every step unchanged ends here: no process is started, and nothing heavy is imported.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.definition.selection import select
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.records.history import end_run, save_step
from mlops_jupyter.pipelines.records.planning import plan
from mlops_jupyter.store.direct import Ledger, connected
from mlops_jupyter.store.workspace import Workspace, open_workspace

from .beginning import begun, end_stale, unchanged
from .claims import claimed
from .events import RunEnded, events
from .folders import run_folder
from .pool import ended_without_a_word
from .starting import LOG, started, stopped_by_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline
    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.store.direct import Kept

    from .order import Order

CLOCK_SECONDS = 1.0


def ignore(_record: RunRecord) -> None:
    """Listen to nothing."""


def run_pipeline(
    pipeline: Pipeline,
    *,
    until: str | None = None,
    from_: str | None = None,
    jobs: int = 2,
    force: bool = False,
    cause: str = "run",
    listen: Callable[[RunRecord], None] = ignore,
    workspace: Workspace | None = None,
    hash_seed: str = "",
) -> RunRecord:
    """Run a pipeline to its end: the steps that must run, as many at once as there are jobs.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    until : str, optional
        The last step that is wanted, with all that it needs.
    from_ : str, optional
        Run this step and all that need it, even if nothing changed; take those before it as they are.
    jobs : int
        How many steps may run at once.
    force : bool
        Run also what is unchanged.
    cause : str
        What began the run: ``run``, ``schedule NAME``.
    listen : callable
        Told the whole record each time that a step changes, and each second. While it works, nobody waits
        for it.
    workspace : Workspace, optional
        Where records go; the one seen from the working folder when left out.
    hash_seed : str
        ``PYTHONHASHSEED`` of every kernel, which then starts from nothing; empty for the default.

    Returns
    -------
    RunRecord
        How it ended. A step that failed is no exception here, and neither is Ctrl-C: it stops the run.

    Raises
    ------
    ConflictError
        When the pipeline is being run, or another file's bears its name.
    UsageError
        When an input is missing that no step makes, or a step is not known.
    WorkspaceError
        When the workspace cannot be written, be it before the run or at its end.
    """
    if jobs < 1:
        raise UsageError(f"--jobs cannot be {jobs}", hint="write 1 or more")
    store = Ledger(workspace or open_workspace())
    selection = select(pipeline, until, from_)
    with connected(store), claimed(store, pipeline.name) as owner:
        end_stale(store, pipeline.name)
        planned = plan(pipeline, selection, store, force=force or from_ is not None)
        if not planned.to_run:
            return unchanged(store, pipeline, planned, cause)
        order = begun(store, pipeline, planned, cause, owner)
        order = replace(order, forced=force or from_ is not None, jobs=jobs, hash_seed=hash_seed)
        return followed(order, store, listen)


def followed(order: Order, store: Kept, listen: Callable[[RunRecord], None]) -> RunRecord:
    """Start the runner, and listen to it until it has ended."""
    record, ended = order.record, None
    with started(order) as runner, stopped_by_interrupt(runner):
        listen(record)
        for event in events(runner.stdout, CLOCK_SECONDS):
            if isinstance(event, RunEnded):
                ended = event
                continue
            record = with_step(record, event.record) if event else record
            listen(record)
    if ended is None:
        return broken_off(store, order, record, runner.returncode)
    if ended.trouble:
        raise ended.trouble
    listen(ended.record)
    return ended.record


def with_step(record: RunRecord, changed: StepRecord) -> RunRecord:
    """Return a run's record with one step as it stands now."""
    return replace(
        record, steps=tuple(changed if step.name == changed.name else step for step in record.steps)
    )


def broken_off(store: Kept, order: Order, record: RunRecord, code: int) -> RunRecord:
    """Record that a runner ended without a word, and with which steps under way."""
    what = ended_without_a_word(code, "the process that ran the pipeline")
    why = what if code < 0 else f"{what} but: {last_words(order)}"
    for step in record.steps:
        if step.state == "RUNNING":
            stopped = replace(step, state="STOPPED", ended=datetime.now(UTC), failure=Failure("runner", why))
            save_step(store, record.id, stopped)
        elif step.state == "WAITING":
            save_step(store, record.id, replace(step, state="NOT RUN", reason=why))
    return end_run(store, record.id, "STOPPED")


def last_words(order: Order) -> str:
    """Return the last line that the runner wrote where its failures go."""
    log = run_folder(Workspace(order.workspace), order.record.pipeline, order.record.id) / LOG
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "nothing")[:300]
