"""What became of a step that ran: what it wrote, what it read, and whether its result counts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.records.contents import is_below, name_in
from mlops_jupyter.pipelines.records.environment import remember
from mlops_jupyter.pipelines.records.fingerprints import inputs_of, upstream
from mlops_jupyter.pipelines.records.planning import looking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
    from mlops_jupyter.pipelines.execution.job import Outcome
    from mlops_jupyter.pipelines.records.planning import Look
    from mlops_jupyter.pipelines.records.run import Fingerprint, StepRecord
    from mlops_jupyter.store.direct import Kept


def settle(
    pipeline: Pipeline,
    step: Step,
    record: StepRecord,
    outcome: Outcome,
    done: Mapping[str, StepRecord],
    store: Kept,
) -> StepRecord:
    """Return a step's record with what came of its run.

    One that did not write what it promises has failed. One whose inputs or modules changed while it ran has
    succeeded, but its result does not count the next time.

    Parameters
    ----------
    pipeline, step : Pipeline, Step
        Which step.
    record : StepRecord
        As it ran: its fingerprint was taken before, and it says when it started.
    outcome : Outcome
        How it ended.
    done : mapping of str to StepRecord
        The steps before, as they ended in this run.
    store : Store or Ledger
        The workspace's.
    """
    ended = replace(
        record,
        state=outcome.state,
        values=dict(outcome.values),
        failure=outcome.failure,
        reads=tuple(outcome.reads),
        peak_bytes=outcome.peak_bytes,
        mark=uuid.uuid4().hex,
    )
    if outcome.state != "SUCCEEDED":
        return ended
    with looking(pipeline, store) as look:
        return with_result(look, step, ended, outcome, done)


def with_result(
    look: Look, step: Step, record: StepRecord, outcome: Outcome, done: Mapping[str, StepRecord]
) -> StepRecord:
    """Return the record of a step that succeeded with digests of what it wrote and read."""
    outputs = look.outputs(step.outputs)
    if missing := [name for name in step.outputs if not any(is_below(each, [name]) for each in outputs)]:
        message = f"{', '.join(missing)}: promised as output, and not written"
        return replace(record, state="FAILED", failure=Failure("output", message), outputs=outputs)
    if record.fingerprint is None:
        return replace(record, outputs=outputs)
    modules = {name: look.contents.file(path) for name, path in named(look, outcome.modules).items()}
    remember(look.connection, look.environment(record.fingerprint.kernel))
    unsound = changed_meanwhile(look, step, record, record.fingerprint, modules)
    given = upstream(step, record.reads, done)
    made_from = replace(record.fingerprint, modules=modules, upstream=given)
    return replace(record, outputs=outputs, fingerprint=made_from, unsound=unsound)


def named(look: Look, modules: Iterable[str]) -> dict[str, Path]:
    """Return paths by their names in the pipeline's folder."""
    return {name_in(look.pipeline.folder, path): path for path in map(Path, modules)}


def changed_meanwhile(
    look: Look, step: Step, record: StepRecord, before: Fingerprint, modules: Mapping[str, str]
) -> str:
    """Say what a step read that is not what it was when the step began; nothing when all is."""
    folder = look.pipeline.folder
    inputs = inputs_of(look.pipeline, step, look.contents)
    for name in {**before.inputs, **inputs}:
        if before.inputs.get(name) != inputs.get(name):
            return f"input {name} changed while it ran"
    for name, digest in modules.items():
        known = before.modules.get(name)
        if known != digest and (known is not None or is_younger(folder / name, record)):
            return f"module {name} changed while it ran"
    return ""


def is_younger(path: Path, record: StepRecord) -> bool:
    """Whether a file was written after a step began: what it read of it then is not known."""
    started = record.started.timestamp() if record.started else 0.0
    try:
        return path.stat().st_mtime >= started
    except OSError:
        return True
