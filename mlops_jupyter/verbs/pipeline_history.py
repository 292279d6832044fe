"""The verbs that look at runs of pipelines, and remove old ones: runs, show, diff, logs, clean."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import NotFoundError, UsageError, WorkspaceError
from mlops_jupyter.verbs.pipeline_listed import LogsReport, RunDiffReport, RunsCleaned, RunsReport
from mlops_jupyter.verbs.pipeline_report import RunReport
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.verbs.types import FilePath, PipelineName, RunName, StepName


@verb(stage="pipeline", group="pipeline")
def runs(pipeline: PipelineName | None = None, *, limit: int = 20) -> RunsReport:
    """List the last runs: how each ended, how long it took, what began it.

    Parameters
    ----------
    pipeline : PipelineName, optional
        Only its runs; those of all pipelines when left out.
    limit : int
        How many.

    Returns
    -------
    RunsReport
        One row a run, from new to old.

    Examples
    --------
    >>> mlops.pipeline.runs("delays").runs[0].state  # doctest: +SKIP
    'SUCCEEDED'
    """
    from mlops_jupyter.pipelines.records import history

    if limit < 1:
        raise UsageError(f"--limit cannot be {limit}", hint="write 1 or more")
    return RunsReport(tuple(history.runs(ledger(), pipeline, limit)), pipeline or "")


@verb(stage="pipeline", group="pipeline")
def show(run: RunName = "last") -> RunReport:
    """Show one run: its graph, why each step ran, what failed and where.

    Parameters
    ----------
    run : RunName
        Its ID, the begin of it, the mark at its end, or ``last``.

    Returns
    -------
    RunReport
        The run.

    Raises
    ------
    NotFoundError
        If there is no such run, or more than one.

    Examples
    --------
    >>> mlops.pipeline.show().step("train").reason  # doctest: +SKIP
    'parameter month changed from 1 to 2'
    """
    from mlops_jupyter.pipelines.records.history import run_record
    from mlops_jupyter.pipelines.running.mirror import note_of, show_later

    store = ledger()
    record = run_record(store, run)
    unseen = "" if record.mlflow_run else note_of(store.workspace, record)
    if unseen:
        show_later(store.workspace)
    return RunReport(record, unseen)


@verb(stage="pipeline", group="pipeline")
def diff(run_a: RunName, run_b: RunName = "last") -> RunDiffReport:
    """Show what differs between two runs: parameters, inputs, code, environment, values, times.

    Parameters
    ----------
    run_a : RunName
        The first run.
    run_b : RunName
        The second.

    Returns
    -------
    RunDiffReport
        Step by step, what each was made from and what came of it.

    Raises
    ------
    NotFoundError
        If there is no such run.

    Examples
    --------
    >>> [step.name for step in mlops.pipeline.diff("3f2a").diff.differing]  # doctest: +SKIP
    ['train']
    """
    from mlops_jupyter.pipelines.records.comparing import diff as compare
    from mlops_jupyter.pipelines.records.history import run_record

    store = ledger()
    return RunDiffReport(compare(store, run_record(store, run_a), run_record(store, run_b)))


@verb(stage="pipeline", group="pipeline")
def logs(run: RunName = "last", step: StepName | None = None, *, into: FilePath | None = None) -> LogsReport:
    """Show what the cells of a run's steps printed.

    Parameters
    ----------
    run : RunName
        Its ID, the begin of it, the mark at its end, or ``last``.
    step : StepName, optional
        Only this step; all that ran when left out.
    into : FilePath, optional
        Copy the step's executed notebook to this file as well, as a page where it ends in ``.html``: the
        run's own is in a hidden folder, which JupyterLab does not show.

    Returns
    -------
    LogsReport
        The cells that printed something.

    Raises
    ------
    NotFoundError
        If there is no such run or step, or it printed nothing.

    Examples
    --------
    >>> print(mlops.pipeline.logs("last", "train"))  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.records.history import run_record
    from mlops_jupyter.pipelines.records.logs import cell_logs, executed_of

    record = run_record(ledger(), run)
    if into:
        copy_notebook(executed_of(record, _one(step)), Path(into))
    names = [step] if step else [each.name for each in record.steps if each.state != "SKIPPED"]
    found, missing = {}, {}
    for name in names:
        try:
            cells = cell_logs(executed_of(record, name))
        except NotFoundError as failure:
            if step:
                raise
            missing[name] = failure.why or failure.what
        else:
            found[name] = tuple(cell for cell in cells if cell.text.strip())
    return LogsReport(record.id, record.pipeline, found, missing, into or "")


def _one(step: str | None) -> str:
    if step is None:
        raise UsageError(
            "--into copies the notebook of one step", hint="name it: mlops pipeline logs last STEP"
        )
    return step


def copy_notebook(executed: Path, into: Path) -> None:
    """Copy an executed notebook to where it can be opened; over nothing that is there."""
    from mlops_jupyter.pipelines.execution.page import page

    try:
        if into.exists():
            raise UsageError(f"{into} is there already", hint="name another file")
        source = page(executed) if into.suffix == ".html" else executed
        into.write_bytes(source.read_bytes())
    except OSError as failure:
        raise WorkspaceError(f"{into} cannot be written", failure.strerror or str(failure)) from failure


@verb(stage="pipeline", group="pipeline", audited=True)
def clean(pipeline: PipelineName | None = None, *, keep: int = 20, older: str | None = None) -> RunsCleaned:
    """Remove old runs, their executed notebooks too, but none that a step's result stands on.

    What ``verify`` kept goes as well.

    Parameters
    ----------
    pipeline : PipelineName, optional
        Only its runs; those of all pipelines when left out.
    keep : int
        How many of the last runs of each pipeline stay.
    older : str, optional
        Remove only what ended so long ago: ``30d``, ``12h``.

    Returns
    -------
    RunsCleaned
        What went and what stays.

    Examples
    --------
    >>> mlops.pipeline.clean(keep=5, older="30d")  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.records.cleaning import clean as remove

    if keep < 0:
        raise UsageError(f"--keep cannot be {keep}", hint="0 keeps only what results stand on")
    age = timedelta(seconds=seconds_of(older, "older")) if older else None
    return RunsCleaned(remove(ledger(), keep, age, pipeline))


def ledger() -> Ledger:
    """Return the workspace's store, read and written without SQLAlchemy."""
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.workspace import open_workspace

    return Ledger(open_workspace())
