"""A project whose steps run in this process: what is decided and recorded is real, the work is a function."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
from mlops_jupyter.pipelines.execution.job import Failure, Outcome
from mlops_jupyter.pipelines.records.history import begin_run, end_run, save_step
from mlops_jupyter.pipelines.records.planning import decide, plan
from mlops_jupyter.pipelines.records.run import RunRecord
from mlops_jupyter.pipelines.records.settling import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.records.planning import Plan
    from mlops_jupyter.pipelines.records.run import StepRecord
    from mlops_jupyter.store.direct import Kept

    Work: TypeAlias = Callable[[Step, dict[str, Any]], Outcome]

MOMENTS = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)
NUMBERS = itertools.count(1)


def write(path: Path, text: str) -> Path:
    """Write a file at a time of its own: a test edits faster than a clock ticks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    moment = next(MOMENTS)
    os.utime(path, ns=(moment, moment))
    return path


def notebook_text(*sources: str, kernel: str = "python3", printed: str = "", notes: str = "") -> str:
    """Return a notebook with code cells, and what does not count beside them."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": notes}]
    cells += [
        {"cell_type": "code", "metadata": {}, "source": each, "outputs": outputs, "execution_count": None}
        for each in sources
    ]
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4})


class Project:
    """A folder with a pipeline in it, and the store of its workspace."""

    def __init__(self, folder: Path, store: Kept, name: str = "delays") -> None:
        self.folder, self.store, self.name = folder, store, name
        self.steps: dict[str, Step] = {}
        write(folder / "pipeline.yaml", "steps: {}")

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(self.name, self.folder / "pipeline.yaml", self.folder, {}, tuple(self.steps.values()))

    def step(self, name: str, *, code: str = "pass", **facts: Any) -> Step:
        """Add a step, or put another in its place."""
        notebook = write(self.folder / f"{name.partition('[')[0]}.ipynb", notebook_text(code))
        self.steps[name] = Step(name, notebook, **facts)
        return self.steps[name]

    def change(self, name: str, **facts: Any) -> None:
        self.steps[name] = replace(self.steps[name], **facts)

    def write(self, name: str, text: str) -> Path:
        return write(self.folder / name, text)

    def plan(self, **options: Any) -> Plan:
        return plan(self.pipeline, options.pop("selection", None), self.store, **options)

    def reasons(self, **options: Any) -> dict[str, str]:
        """Return why each step would run; those that would not are left out."""
        decisions = self.plan(**options).steps
        return {name: decision.reason for name, decision in decisions.items() if decision.run}

    def run(self, work: Work | None = None, *, cause: str = "run", **options: Any) -> RunRecord:
        """Run what must run, in this process."""
        force = options.get("force", False)
        decisions = self.plan(**options).steps
        run = f"run-{next(NUMBERS):04}"
        first = tuple(decision.record for decision in decisions.values())
        begun = RunRecord(
            run, self.name, self.pipeline.file, "RUNNING", {}, first, datetime.now(UTC), cause=cause
        )
        begin_run(self.store, begun)
        done: dict[str, StepRecord] = {}
        for name in decisions:
            record = decisions[name].record
            if decisions[name].run:
                record = self._ran(self.steps[name], run, done, work or self.writing, force=force)
            done[name] = record
            save_step(self.store, run, record)
        failed = any(record.state in ("FAILED", "NOT RUN") for record in done.values())
        return end_run(self.store, run, "FAILED" if failed else "SUCCEEDED")

    def _ran(
        self, step: Step, run: str, done: Mapping[str, StepRecord], work: Work, *, force: bool
    ) -> StepRecord:
        before = {name: done[name] for name in step.needs if name in done}
        decision = decide(self.pipeline, step, before, self.store, force=force)
        if any(record.state not in ("SUCCEEDED", "SKIPPED") for record in before.values()):
            return replace(decision.record, state="NOT RUN")
        if not decision.run:
            return decision.record
        executed = (
            self.store.workspace.root / "pipelines" / self.name / "runs" / run / step.name / "executed.ipynb"
        )
        begun = replace(decision.record, state="RUNNING", started=datetime.now(UTC), executed=executed)
        save_step(self.store, run, begun)
        write(executed, step.notebook.read_text(encoding="utf-8"))
        values = {
            f"{name}.{key}": value for name, each in before.items() for key, value in each.values.items()
        }
        ended = settle(self.pipeline, step, begun, work(step, values), before, self.store)
        return replace(ended, ended=datetime.now(UTC))

    def writing(self, step: Step, _values: Mapping[str, Any]) -> Outcome:
        """Do as a step does whose notebook writes what it promises."""
        for name in step.outputs:
            self.write(name, f"of {step.name}")
        return Outcome("SUCCEEDED", 1.0)


def states(record: RunRecord) -> dict[str, str]:
    """Return how each step of a run stands."""
    return {step.name: step.state for step in record.steps}


def ran(record: RunRecord) -> list[str]:
    """Return the steps that ran, well or not."""
    return [step.name for step in record.steps if step.state in ("SUCCEEDED", "FAILED", "STOPPED", "RUNNING")]


def failing(names: Collection[str], otherwise: Work) -> Work:
    """Return the work that fails in some steps."""

    def work(step: Step, values: dict[str, Any]) -> Outcome:
        if step.name in names:
            return Outcome("FAILED", 1.0, Failure("error", "ValueError: no rows", 3))
        return otherwise(step, values)

    return work
