"""Which steps must run, and what came of those that did, as the store knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.execution.saving import EXECUTED
from mlops_jupyter.pipelines.records.planning import decide
from mlops_jupyter.pipelines.records.settling import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.execution.job import Outcome, StepJob
    from mlops_jupyter.pipelines.records.run import StepRecord
    from mlops_jupyter.store.direct import Kept

    from .order import Order


@dataclass(frozen=True)
class Judge:
    """Decides by the notebooks as they were when the run began, and by the files as they are."""

    store: Kept
    order: Order

    def judged(self, step: Step, records: Mapping[str, StepRecord]) -> StepRecord:
        """Return the record of a step whose needs are done: SKIPPED, or WAITING with what it is made from."""
        again = records[step.name].attempts > 0
        try:
            decision = decide(
                self.order.pipeline,
                step,
                before(step, records),
                self.store,
                force=self.order.forced or again,
                notebooks=self.order.sources,
            )
        except MlopsError as failure:
            return failed(records[step.name], Failure("runner", str(failure)))
        if again:
            return replace(records[step.name], fingerprint=decision.record.fingerprint)
        return decision.record

    def ended(self, job: StepJob, outcome: Outcome, records: Mapping[str, StepRecord]) -> StepRecord:
        """Return the record of a step that has ended."""
        record = records[job.step.name]
        executed = job.folder / EXECUTED
        record = replace(record, executed=executed if executed.exists() else None)
        try:
            done = before(job.step, records)
            settled = settle(self.order.pipeline, job.step, record, outcome, done, self.store)
        except MlopsError as failure:
            return failed(record, Failure("output", str(failure)))
        return replace(settled, ended=datetime.now(UTC))


def before(step: Step, records: Mapping[str, StepRecord]) -> dict[str, StepRecord]:
    """Return the records of what a step needs."""
    return {name: records[name] for name in step.needs if name in records}


def failed(record: StepRecord, failure: Failure) -> StepRecord:
    """Return the record of a step that failed before or after its notebook ran."""
    now = datetime.now(UTC)
    return replace(record, state="FAILED", failure=failure, started=record.started or now, ended=now)
