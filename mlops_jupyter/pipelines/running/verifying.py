"""Whether a pipeline gives the same when it is run again: twice from nothing, in copies of its project."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mlops_jupyter.errors import StepError
from mlops_jupyter.pipelines.definition.selection import select
from mlops_jupyter.pipelines.records.places import file_name, pipeline_folder
from mlops_jupyter.store.workspace import explained, open_workspace

from .following import run_pipeline
from .private_copy import copied, private_mlflow, root_of
from .same_cells import code_cells, first_other_cell, source_of
from .same_files import difference, different_values
from .suspects import suspects
from .verification import Difference, StepVerification, Verification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.store.workspace import Workspace

HASH_SEEDS: Final = ("1", "2")
SIDES: Final = ("one", "two")  # of one length: a path in a table makes no column wider
SOURCE_LINES: Final = 3
MODULE: Final = "nothing in its cells is known to be random: look at the modules it imports, or at threads"


class Report(Protocol):
    """Hears what is done now."""

    def __call__(self, stage: str, detail: str = "") -> None:
        """Hear that a stage began, or how far it is."""


def quiet(stage: str, detail: str = "") -> None:
    """Report to nobody."""


def verify(
    pipeline: Pipeline,
    *,
    until: str | None = None,
    jobs: int = 2,
    report: Report = quiet,
    workspace: Workspace | None = None,
) -> Verification:
    """Run a pipeline twice from nothing, and compare what came out.

    Each run has a copy of the project's files, a workspace and an MLflow of its own, fresh kernels with
    nothing imported ahead, and another hash seed; the second copy's files are made in the other order. The
    project and its records stay as they are.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    until : str or None
        The last step that is wanted, with all that it needs.
    jobs : int
        How many steps may run at once.
    report : callable
        Hears what is done.
    workspace : Workspace or None
        Where the copies are, and both executed notebooks stay; that seen from the working folder when left
        out.

    Raises
    ------
    UsageError
        When the pipeline cannot be run in a copy, or an input is missing.
    StepError
        When it was stopped.
    """
    began = time.monotonic()
    wanted = select(pipeline, until, None)[0]
    pipeline = replace(pipeline, steps=tuple(step for step in pipeline.steps if step.name in wanted))
    workspace = workspace or open_workspace()
    before = _signatures(pipeline)
    with _room(workspace, pipeline.name) as room:
        runs = tuple(_side(pipeline, room, at, jobs, report) for at in range(2))
        report("compare")
        kept = pipeline_folder(workspace, pipeline.name) / "verified"
        steps = _verified(pipeline, room, runs, kept)
    after = _signatures(pipeline)
    touched = tuple(
        sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    )
    return Verification(pipeline.name, steps, time.monotonic() - began, touched)


@contextmanager
def _room(workspace: Workspace, name: str) -> Iterator[Path]:
    """Yield a folder for the copies, gone at the end; those of verifications that were killed go as well."""
    import psutil

    parent = pipeline_folder(workspace, name)
    with explained(workspace.root):
        parent.mkdir(parents=True, exist_ok=True)
        for old in parent.glob("verify-*"):
            if not psutil.pid_exists(int(old.name.split("-")[1])):
                shutil.rmtree(old, ignore_errors=True)
        room = Path(tempfile.mkdtemp(prefix=f"verify-{os.getpid()}-", dir=parent))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _side(pipeline: Pipeline, room: Path, at: int, jobs: int, report: Report) -> RunRecord:
    stage = f"run {SIDES[at]}"
    report(stage)
    copy, workspace = copied(pipeline, room / SIDES[at], backwards=at == 1)

    def listen(record: RunRecord) -> None:
        done = sum(step.state not in {"WAITING", "RUNNING"} for step in record.steps)
        report(stage, f"{done} of {len(record.steps)} steps")

    with private_mlflow():
        record = run_pipeline(
            copy,
            jobs=jobs,
            force=True,
            cause="verify",
            listen=listen,
            workspace=workspace,
            hash_seed=HASH_SEEDS[at],
        )
    if record.state == "STOPPED":
        raise StepError(f"verifying {pipeline.name} was stopped in its {'second' if at else 'first'} run")
    return record


def _signatures(pipeline: Pipeline) -> dict[str, tuple[int, int]]:
    """Return size and time of each output file of the project."""
    made: dict[str, tuple[int, int]] = {}
    for step in pipeline.steps:
        for output in step.outputs:
            path = pipeline.folder / output
            for file in [path] if path.is_file() else path.rglob("*"):
                status = file.stat()
                made[os.path.relpath(file, pipeline.folder)] = (status.st_size, status.st_mtime_ns)
    return made


def _verified(
    pipeline: Pipeline, room: Path, runs: tuple[RunRecord, ...], kept: Path
) -> tuple[StepVerification, ...]:
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    folders = tuple(room / side / os.path.relpath(pipeline.folder, root_of(pipeline)) for side in SIDES)
    found: dict[str, StepVerification] = {}
    for step in pipeline.steps:
        both = runs[0].step(step.name), runs[1].step(step.name)
        made = _compared(step, both, folders, room)
        if made.verdict == "DIFFERENT":
            made = _behind(step, made, found)
        found[step.name] = replace(made, executed=_kept(step, both, kept))
    return tuple(found.values())


def _behind(step: Step, made: StepVerification, found: dict[str, StepVerification]) -> StepVerification:
    """Return what differs because of a step before as what follows from it."""
    causes = [name for name in step.needs if found[name].verdict in {"DIFFERENT", "FOLLOWS"}]
    if not causes:
        return made
    return replace(made, verdict="FOLLOWS", why=f"it stands on {', '.join(causes)}", cell=None, source="")


def _kept(step: Step, both: tuple[StepRecord, StepRecord], kept: Path) -> tuple[Path, ...]:
    made = []
    for at, record in enumerate(both, 1):
        if record.executed and record.executed.is_file():
            made.append(kept / f"{file_name(step.name)}.{at}.ipynb")
            shutil.copyfile(record.executed, made[-1])
    return tuple(made)


def _compared(
    step: Step, both: tuple[StepRecord, StepRecord], folders: tuple[Path, ...], room: Path
) -> StepVerification:
    failed = [at for at, record in enumerate(both) if record.state == "FAILED"]
    if failed:
        failure = both[failed[0]].failure
        where = "in both runs" if len(failed) == 2 else f"in the {('first', 'second')[failed[0]]} run only"
        cell, source = (failure.cell, failure.source) if failure else (None, "")
        return StepVerification(step.name, "FAILED", (), cell, source, f"it failed {where}", failure=failure)
    if any(record.state != "SUCCEEDED" for record in both):
        return StepVerification(
            step.name, "NOT RUN", why=next(record.reason for record in both if record.reason)
        )
    differences = [*_outputs(step, folders), *_values(both)]
    shown = _shown(both, room)
    if shown is None:
        return _judged(step, both, differences, None)
    cell, detail = shown
    return _judged(step, both, [*differences, Difference(f"what cell {cell} shows", detail)], cell)


def _outputs(step: Step, folders: tuple[Path, ...]) -> Iterator[Difference]:
    for output in step.outputs:
        told = difference(folders[0] / output, folders[1] / output)
        if told:
            yield Difference(f"output {output}", told)


def _values(both: tuple[StepRecord, StepRecord]) -> Iterator[Difference]:
    for name, told in different_values(dict(both[0].values), dict(both[1].values)).items():
        yield Difference(f"value {name}", told)


def _shown(both: tuple[StepRecord, StepRecord], room: Path) -> tuple[int, str] | None:
    one, two = both[0].executed, both[1].executed
    return first_other_cell(one, two, (room / SIDES[0], room / SIDES[1])) if one and two else None


def _judged(
    step: Step, both: tuple[StepRecord, StepRecord], differences: list[Difference], shown: int | None
) -> StepVerification:
    if not differences:
        return StepVerification(step.name, "SAME")
    only_shown = shown is not None and len(differences) == 1
    cell, source, why = _blamed(both[0].executed, shown)
    return StepVerification(
        step.name, "SHOWS OTHER" if only_shown else "DIFFERENT", tuple(differences), cell, source, why
    )


def _blamed(executed: Path | None, shown: int | None) -> tuple[int | None, str, str]:
    """Return the cell where two runs most likely part: the first suspect, else the one that shows it."""
    sources = {number: source_of(cell) for number, cell in code_cells(executed)} if executed else {}
    found = suspects(sources.items())
    early = [suspect for suspect in found if shown is None or suspect.cell <= shown]
    first = next(iter(early), None)
    cell = first.cell if first else shown
    lines = sources.get(cell or 0, "").strip().split("\n")[:SOURCE_LINES]
    return cell, "\n".join(lines), first.words if first else MODULE
