"""A run of a pipeline as runs of MLflow: one for the whole, below it one for each step that ran.

Each is found again by its tags, so that a mirror that was cut off goes on where it was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.store.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord

NOT_IN_NAMES: Final = re.compile(r"[^\w\-./: ]")
LONGEST: Final = 500  # what every release of MLflow takes as a value
AT_ONCE: Final = 100
AT_MOST: Final = 10_000
WHOLE: Final = ""
STATUS: Final = {"SUCCEEDED": "FINISHED", "SKIPPED": "FINISHED", "FAILED": "FAILED", "STOPPED": "KILLED"}
RAN: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


@dataclass(frozen=True)
class Shown:
    """One run of MLflow as it is to be, all of it decided.

    Parameters
    ----------
    key : mapping
        The tags that it is found by.
    name : str
        How MLflow calls it.
    started, ended : datetime or None
        When.
    status : str
        MLflow's word for how it ended; ``RUNNING`` while it has not.
    tags, parameters, metrics : mapping
        What stands in it.
    documents : mapping
        JSON to keep beside it, by the name of the file.
    files : tuple of Path
        Files to keep beside it.
    """

    key: Mapping[str, str]
    name: str
    started: datetime | None
    ended: datetime | None
    status: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    documents: Mapping[str, Any]
    files: tuple[Path, ...] = ()


def shown_run(record: RunRecord, environment: Mapping[str, str], files: Iterable[Path] = ()) -> Shown:
    """Return the whole run as MLflow is to show it; what it adds up to only when it has ended."""
    return Shown(
        key={"mlops.run": record.id, "mlops.kind": "pipeline"},
        name=record.id,
        started=record.started,
        ended=record.ended,
        status=STATUS.get(record.state, "RUNNING"),
        tags={
            "mlops.pipeline": record.pipeline,
            "mlops.state": record.state,
            "mlops.cause": record.cause,
            "mlflow.source.name": str(record.file),
            "mlflow.user": str((record.owner or {}).get("who", "")),
            **commit_tags(record),
        },
        parameters=texts(record.parameters),
        metrics=sums(record) if record.ended else {},
        documents={"steps.json": steps_of(record), "environment.json": environment} if record.ended else {},
        files=tuple(file for file in files if record.ended and file.exists()),
    )


def sums(record: RunRecord) -> dict[str, float]:
    """Return how long a run took, and how many of its steps ended in which state."""
    states = [step.state for step in record.steps]
    counts = {f"steps {state.lower()}": float(states.count(state)) for state in states}
    return counts | {"seconds": (record.ended - record.started).total_seconds()} if record.ended else counts


def steps_of(record: RunRecord) -> dict[str, Any]:
    """Return the steps of a run with all that the whole says of them."""
    return {"steps": [told_of(step) for step in record.steps], "needs": dict(record.needs)}


def steps_that_ran(record: RunRecord) -> Iterator[StepRecord]:
    """Yield the steps that have run so far, and are over."""
    for step in record.steps:
        if step.state in RAN and step.started:
            yield step


def shown_step(record: RunRecord, step: StepRecord) -> Shown:
    """Return a step that ran as MLflow is to show it."""
    made_from = step.fingerprint
    parameters = {name: json.loads(text) for name, text in made_from.parameters.items()} if made_from else {}
    failure = {"mlops.failure": f"{step.failure.kind}: {step.failure.message}"} if step.failure else {}
    return Shown(
        key={"mlops.run": record.id, "mlops.kind": "step", "mlops.step": step.name},
        name=step.name,
        started=step.started,
        ended=step.ended,
        status=STATUS[step.state],
        tags={
            "mlops.pipeline": record.pipeline,
            "mlops.state": step.state,
            "mlops.reason": step.reason,
            "mlops.code": made_from.code if made_from else "",
            "mlops.environment": made_from.environment if made_from else "",
            **failure,
            **commit_tags(record),
        },
        parameters=texts(parameters),
        metrics={**numbers(step.values), **measured(step)},
        documents={"made_from.json": facts_of(step), "values.json": dict(step.values)},
        files=tuple(kept_files(step)),
    )


def commit_tags(record: RunRecord) -> dict[str, str]:
    """Return the commit that a run was made at."""
    git = record.git or {}
    dirty = {"mlops.git_dirty": str(git["dirty"]).lower()} if "dirty" in git else {}
    return {"mlflow.source.git.commit": git["commit"], **dirty} if git.get("commit") else {}


def texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as MLflow takes them; what bears a secret's name stays here.

    Examples
    --------
    >>> texts({"month": 1, "db password": "hunter2", "columns": ["a", "b"]})
    {'month': '1', 'db password': '***', 'columns': '["a", "b"]'}
    """
    hidden = masked(dict(parameters))
    return {mlflow_name(name): text_of(hidden[str(name)])[:LONGEST] for name in parameters}


def text_of(value: Any) -> str:
    """Return a value as text; one that is text already stays as it is."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return those of a step's values that are numbers.

    Examples
    --------
    >>> numbers({"rows": 3, "f1 (macro)": 0.5, "ok": True, "name": "x"})
    {'rows': 3.0, 'f1 _macro_': 0.5}
    """
    return {
        mlflow_name(name): float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def measured(step: StepRecord) -> dict[str, float]:
    """Return what was measured of a step's run."""
    found = {"seconds": step.seconds, "attempts": step.attempts, "peak_bytes": step.peak_bytes}
    return {f"step.{name}": float(value) for name, value in found.items() if value}


def mlflow_name(name: object) -> str:
    """Return a name with the signs that MLflow's names may have."""
    return NOT_IN_NAMES.sub("_", str(name))[:250]


def facts_of(step: StepRecord) -> dict[str, Any]:
    """Return what a step's result was made from and what it wrote, by digests."""
    made_from = vars(step.fingerprint) if step.fingerprint else {}
    return {**{name: plain(value) for name, value in made_from.items()}, "wrote": dict(step.outputs)}


def plain(value: Any) -> Any:
    """Return a mapping as JSON knows it."""
    return dict(value) if hasattr(value, "items") else value


def told_of(step: StepRecord) -> dict[str, Any]:
    """Return what the whole run says of one of its steps."""
    failure = step.failure.message if step.failure else None
    facts = {"seconds": step.seconds, "from_run": step.from_run or None, "failure": failure}
    return {"name": step.name, "state": step.state, "reason": step.reason, **facts}


def kept_files(step: StepRecord) -> Iterator[Path]:
    """Yield the executed notebook, and its page where it was made."""
    if step.executed and step.executed.exists():
        yield step.executed
        page = step.executed.with_suffix(".html")
        if page.exists():
            yield page


def made_before(client: Any, experiment: str, run: str) -> dict[str, str]:
    """Return the runs of MLflow that an earlier mirror of the same run made, by the step they show."""
    found = client.search_runs([experiment], f"tags.`mlops.run` = '{run}'", max_results=AT_MOST)
    tags = [(each.data.tags, each.info.run_id) for each in found]
    return {each.get("mlops.step", WHOLE): made for each, made in tags if "mlops.kind" in each}


def show(client: Any, experiment: str, shown: Shown, made: dict[str, str]) -> None:
    """Make or complete a run of MLflow; `made` are those that are there, by the step they show."""
    step = shown.key.get("mlops.step", WHOLE)
    if step not in made:
        below = {"mlflow.parentRunId": made[WHOLE]} if step != WHOLE else {}
        tags = {**shown.key, **below, "mlflow.runName": shown.name}
        run = client.create_run(experiment, milliseconds(shown.started), tags, shown.name)
        made[step] = str(run.info.run_id)
    fill(client, made[step], shown)


def fill(client: Any, run: str, shown: Shown) -> None:
    """Log all that is to stand in a run of MLflow, and end it when it has ended."""
    for part in parts(shown):
        client.log_batch(run, **part)
    for name, document in shown.documents.items():
        client.log_dict(run, document, name)
    for file in shown.files:
        client.log_artifact(run, str(file))
    if shown.status != "RUNNING":
        client.set_terminated(run, shown.status, milliseconds(shown.ended))


def parts(shown: Shown) -> Iterator[dict[str, Any]]:
    """Yield tags, metrics and parameters in portions that MLflow takes at once."""
    from mlflow.entities import Metric, Param, RunTag

    at = milliseconds(shown.ended) or 0
    yield {"tags": [RunTag(name, text[:LONGEST]) for name, text in shown.tags.items() if text]}
    for metrics in portions(shown.metrics.items()):
        yield {"metrics": [Metric(name, value, at, 0) for name, value in metrics]}
    for parameters in portions(shown.parameters.items()):
        yield {"params": [Param(name, text) for name, text in parameters]}


def portions(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield all in lists of as many as MLflow takes at once."""
    left = list(items)
    for begin in range(0, len(left), AT_ONCE):
        yield left[begin : begin + AT_ONCE]


def milliseconds(when: datetime | None) -> int | None:
    """Return a time as MLflow writes it."""
    return round(when.timestamp() * 1000) if when else None
