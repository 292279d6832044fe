"""The steps of one run: each begins when all it needs is done, and every change is kept before it is told."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.execution.job import Failure, Outcome, Progress, StepJob
from mlops_jupyter.store.workspace import Workspace, explained

from .folders import run_folder, set_aside, step_folder
from .progressing import can_begin, doomed, pause, run_state
from .urgency import urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord

    from .judging import Judge
    from .order import Order
    from .pool import Pool, Told

STOPPED: Final = "the run was stopped"
ATTENTION_SECONDS: Final = 5.0
NOT_RETRIED: Final = frozenset({"disk", "no kernel"})


def job_of(order: Order, step: Step) -> StepJob:
    """Return a step's first try, without what it is given by others."""
    run = order.record
    return StepJob(
        step=step,
        run=run.id,
        pipeline=run.pipeline,
        root=order.pipeline.folder,
        workspace=order.workspace,
        folder=step_folder(run_folder(Workspace(order.workspace), run.pipeline, run.id), step.name),
        source=order.sources.get(step.notebook),
        hash_seed=order.hash_seed,
    )


class Steps:
    """The steps of one run, and how each stands.

    Parameters
    ----------
    order : Order
        What is to be run.
    pool : Pool
        Runs them.
    judge : Judge
        Says which must run, and what their results are made from.
    keep : callable
        Told each record as it changes.
    """

    def __init__(self, order: Order, pool: Pool, judge: Judge, keep: Callable[[StepRecord], None]) -> None:
        self._order, self._pool, self._judge, self._keep = order, pool, judge, keep
        self._steps = {step.name: step for step in order.pipeline.steps}
        self._urgency = urgency(order.pipeline.steps, order.seconds)
        self._due: dict[str, float] = {}
        self._stopping, self._why = False, STOPPED
        self.records = {record.name: record for record in order.record.steps}

    @property
    def over(self) -> bool:
        """Whether nothing runs, and nothing is left to run."""
        waiting = any(record.state in {"WAITING", "RUNNING"} for record in self.records.values())
        return not self._pool.jobs and (self._stopping or not waiting)

    @property
    def stopping(self) -> bool:
        """Whether the run was told to stop."""
        return self._stopping

    @property
    def patience(self) -> float:
        """Seconds after which there is something to do even if nothing is told."""
        now = time.monotonic()
        return max(0.0, min([ATTENTION_SECONDS, *(due - now for due in self._due.values())]))

    def advance(self) -> None:
        """Begin every step that can begin, skip those that need not, give up those that never can."""
        if self._stopping:
            self._pool.kill_late()
            return
        while (step := self._next()) is not None:
            self._begin(step)
        for record in list(doomed(self._steps.values(), self.records)):
            self._change(record)

    def take(self, told: Told) -> None:
        """Take in what a step's process told."""
        if isinstance(told.news, Progress):
            self._progressed(told.job, told.news)
        elif self._is_tried_again(told.job, told.news):
            self._try_later(told.job, told.news)
        else:
            self._change(self._judge.ended(told.job, told.news, self.records))

    def stop(self, why: str = STOPPED) -> None:
        """Stop what runs, and begin nothing more."""
        if not self._stopping:
            self._stopping, self._why = True, why
            self._pool.stop()

    def ended(self) -> RunRecord:
        """Return the record of the whole run, now that it is over."""
        for record in self.records.values():
            if record.state in {"WAITING", "RUNNING"}:
                self._change(replace(record, state="NOT RUN", reason=self._why))
        steps = tuple(self.records[step.name] for step in self._order.record.steps)
        return replace(self._order.record, state=run_state(steps), steps=steps, ended=datetime.now(UTC))

    @property
    def _room(self) -> int:
        taken = (min(job.step.resources.cpus, self._order.jobs) for job in self._pool.jobs)
        return self._order.jobs - sum(taken)

    def _next(self) -> Step | None:
        ready = max(self._ready(), key=lambda step: self._urgency[step.name], default=None)
        # when there is no room for it, none is looked for that is smaller: a big one would wait for ever
        return ready if ready and self._room >= min(ready.resources.cpus, self._order.jobs) else None

    def _ready(self) -> Iterator[Step]:
        now = time.monotonic()
        for step in self._steps.values():
            waiting = self.records[step.name].state == "WAITING" and self._due.get(step.name, now) <= now
            if waiting and can_begin(step, self.records):
                yield step

    def _begin(self, step: Step) -> None:
        record = self._judge.judged(step, self.records)
        if record.state == "WAITING":
            record = self._started(step, record)
        self._change(record)

    def _started(self, step: Step, record: StepRecord) -> StepRecord:
        attempt = record.attempts + 1
        now = datetime.now(UTC)
        begun = replace(record, attempts=attempt, started=record.started or now)
        try:
            job = self._job(step, attempt)
            self._pool.start(job)
        except (MlopsError, OSError) as failure:
            return replace(begun, state="FAILED", ended=now, failure=Failure("disk", str(failure)))
        return replace(begun, state="RUNNING", executed=job.folder / "executed.ipynb")

    def _job(self, step: Step, attempt: int) -> StepJob:
        job = replace(job_of(self._order, step), values=self._values(step), attempt=attempt)
        with explained(self._order.workspace):
            job.folder.mkdir(parents=True, exist_ok=True)
            if attempt > 1:
                set_aside(job.folder, attempt - 1)
        return job

    def _values(self, step: Step) -> dict[str, Any]:
        given = [self.records[name] for name in step.needs if name in self.records]
        return {f"{record.name}.{name}": value for record in given for name, value in record.values.items()}

    def _progressed(self, job: StepJob, progress: Progress) -> None:
        self._change(replace(self.records[job.step.name], cells=(progress.done, progress.total)))

    def _is_tried_again(self, job: StepJob, outcome: Outcome) -> bool:
        worth = outcome.failure is not None and outcome.failure.kind not in NOT_RETRIED
        return worth and outcome.state == "FAILED" and job.attempt <= job.step.retries and not self._stopping

    def _try_later(self, job: StepJob, outcome: Outcome) -> None:
        self._due[job.step.name] = time.monotonic() + pause(job.attempt)
        record = self.records[job.step.name]
        self._change(replace(record, state="WAITING", failure=outcome.failure))

    def _change(self, record: StepRecord) -> None:
        self.records[record.name] = record
        self._keep(record)
