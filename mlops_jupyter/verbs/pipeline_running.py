"""The verbs that run pipelines: init, run, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mlops_jupyter.errors import StepError, UsageError
from mlops_jupyter.verbs.pipeline_made import PipelineWritten
from mlops_jupyter.verbs.pipeline_report import RunReport, near
from mlops_jupyter.verbs.pipeline_verified import VerifyReport
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.types import Spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline
    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.verbs.types import Assignments, FilePath, StepName


@verb(stage="pipeline", group="pipeline")
def run(
    file: FilePath | None = None,
    *,
    parameters: Annotated[Assignments | None, Spelled("parameter", "p")] = None,
    until: StepName | None = None,
    from_: StepName | None = None,
    jobs: int = 2,
    force: bool = False,
) -> RunReport:
    """Run the steps whose code, inputs, parameters or environment changed; skip the others.

    A step is a notebook, run in a fresh kernel. After a failure the steps that do not need the failed one go
    on, and the next run begins where this one broke. An interrupt stops the kernels; nothing half written
    counts.

    Parameters
    ----------
    file : FilePath, optional
        The pipeline's file; ``pipeline.yaml`` here, or the only one in a folder below, when left out.
    parameters : Assignments, optional
        Of the pipeline: ``-p month=2 -p depth=5``; in Python a mapping. What is left out is as in the file.
    until : StepName, optional
        Run this step and what it needs, and nothing else.
    from_ : StepName, optional
        Run this step and what needs it, also if unchanged; what is before is taken as it is.
    jobs : int
        How many steps at once.
    force : bool
        Run every step, changed or not.

    Returns
    -------
    RunReport
        The run: its steps, why each ran, how long it took, what it gave.

    Raises
    ------
    UsageError
        If the file is wrong; every mistake in it is named with its line. Nothing is run then.
    StepError
        If a step failed: in which cell, why, and where its executed notebook is.
    ConflictError
        If the pipeline runs already.

    Examples
    --------
    >>> mlops.pipeline.run(parameters={"month": 2}).values["train.auc"]  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.running.following import run_pipeline
    from mlops_jupyter.pipelines.running.mirror import let_mirror_end
    from mlops_jupyter.verbs.pipeline_live import screen

    if jobs < 1:
        raise UsageError(f"--jobs cannot be {jobs}", hint="1 runs one step after the other")
    pipeline, shown = read(file, parameters), screen()
    last: RunRecord | None = None

    def listen(record: RunRecord) -> None:
        nonlocal last
        last = record
        shown.show(record)

    try:
        record = run_pipeline(pipeline, until=until, from_=from_, jobs=jobs, force=force, listen=listen)
    except BaseException:
        shown.end(last, RunReport(last) if last else None)
        raise
    report = RunReport(record)
    shown.end(record, None if report.ok else report)
    let_mirror_end(pipeline, record)
    refuse_failure(record)
    return report


@verb(stage="pipeline", group="pipeline")
def init(notebooks: list[FilePath], *, into: FilePath | None = None, force: bool = False) -> PipelineWritten:
    """Write pipeline.yaml for notebooks, from the parameters and files that each names.

    A notebook that reads what another writes comes after it. The file is yours to change.

    Parameters
    ----------
    notebooks : list of FilePath
        The notebooks, or patterns such as ``notebooks/*.ipynb``.
    into : FilePath, optional
        The file to write; ``pipeline.yaml`` beside the notebooks when left out.
    force : bool
        Write over a file that is there.

    Returns
    -------
    PipelineWritten
        The file, and the steps in it.

    Raises
    ------
    UsageError
        If there is no such notebook, or the file is there already.

    Examples
    --------
    >>> mlops.pipeline.init(["notebooks/*.ipynb"])  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.definition.initial import write_initial

    found = [path for word in notebooks for path in _matching(word)]
    file = Path(into) if into else _common_folder(found) / "pipeline.yaml"
    written = write_initial(found, file.absolute(), force)
    return PipelineWritten(written, written.read_text(encoding="utf-8"))


@verb(stage="pipeline", group="pipeline")
def verify(
    file: FilePath | None = None,
    *,
    parameters: Annotated[Assignments | None, Spelled("parameter", "p")] = None,
    until: StepName | None = None,
    jobs: int = 2,
) -> VerifyReport:
    """Run the pipeline twice from nothing, and say which step does not give the same again.

    Both runs are in copies of the project's files, in fresh kernels with different hash seeds, with no result
    of an earlier run: your files and your runs stay as they are.

    Parameters
    ----------
    file : FilePath, optional
        The pipeline's file, as for ``run``.
    parameters : Assignments, optional
        Of the pipeline: ``-p month=2``.
    until : StepName, optional
        Verify this step and what it needs, and nothing else.
    jobs : int
        How many steps at once.

    Returns
    -------
    VerifyReport
        Each step: reproducible or not, at which cell it parts, and the likely reason.

    Raises
    ------
    UsageError
        If the file is wrong; every mistake in it is named with its line. Nothing is run then.
    StepError
        If it was stopped.

    Examples
    --------
    >>> mlops.pipeline.verify().reproducible  # doctest: +SKIP
    True
    """
    from mlops_jupyter.pipelines.running.verifying import verify as verify_pipeline
    from mlops_jupyter.verbs.progress import progress

    pipeline = read(file, parameters)
    with progress(f"verify {pipeline.name}") as report:
        return VerifyReport(verify_pipeline(pipeline, until=until, jobs=jobs, report=report))


def read(file: str | None, parameters: Assignments | None) -> Pipeline:
    """Return the pipeline that is meant, with what was given filled in."""
    from mlops_jupyter.pipelines.definition.finding import find_pipeline
    from mlops_jupyter.pipelines.definition.reading import read_pipeline

    return read_pipeline(find_pipeline(file, Path.cwd()), parameters or {})


def refuse_failure(record: RunRecord) -> None:
    """Raise what the run of a pipeline that did not succeed raises: one line for the reader."""
    if record.state == "SUCCEEDED":
        return
    failed = [step for step in record.steps if step.failure is not None]
    if not failed:
        what = f"{record.pipeline} was stopped" if record.state == "STOPPED" else f"{record.pipeline} failed"
        raise StepError(what, hint="run it again: it goes on where it was")
    first = failed[0]
    cell = f", cell {first.failure.cell}" if first.failure and first.failure.cell is not None else ""
    others = f" (and {', '.join(step.name for step in failed[1:4])})" if failed[1:] else ""
    more = f"see {near(first.executed)}" if first.executed else f"see: mlops pipeline logs {record.id}"
    message = first.failure.message if first.failure else ""
    raise StepError(f"{record.pipeline} failed in {first.name}{cell}{others}", message, more)


def _matching(word: str) -> Iterator[Path]:
    """Yield the notebooks of a path or pattern: a shell has filled patterns in, a notebook has not."""
    import glob

    found = sorted(glob.glob(str(Path(word).expanduser()))) if glob.has_magic(word) else [word]  # noqa: PTH207
    if not found:
        raise UsageError(f"no notebook matches {word!r}")
    yield from (Path(each).absolute() for each in found)


def _common_folder(notebooks: list[Path]) -> Path:
    import os

    if not notebooks:
        raise UsageError("no notebook is named", hint="mlops pipeline init notebooks/*.ipynb")
    return Path(os.path.commonpath([path.parent for path in notebooks]))
