"""What a run of a pipeline did: its graph, its steps, why each ran, and what failed where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mlops_jupyter.errors import NotFoundError, did_you_mean
from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.pipeline_graph import graph_of
from mlops_jupyter.verbs.pipeline_lanes import each_step, letters, width_of
from mlops_jupyter.verbs.results import (
    Branch,
    Code,
    Facts,
    Note,
    Picture,
    Quantity,
    Result,
    Status,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.verbs.pipeline_lanes import Row
    from mlops_jupyter.verbs.results import Block

_MOST_ROWS: Final = 60
_MOST_ODD, _MOST_LONG = 30, 10
_MOST_LANES: Final = 8  # in a text; more are none
_MLFLOW_ID: Final = 32
_LONGEST: Final = 60  # letters of a value


@dataclass(frozen=True)
class RunReport(Result):
    """A run of a pipeline.

    Parameters
    ----------
    record : RunRecord
        The run as it is recorded.
    unseen : str
        Why MLflow does not show it yet; empty when it does, will, or is not to.

    Examples
    --------
    >>> run = mlops.pipeline.run()  # doctest: +SKIP
    >>> run.ok, run.values["train.auc"], run.step("train").seconds  # doctest: +SKIP
    """

    record: RunRecord
    unseen: str = ""

    @property
    def id(self) -> str:
        """What names the run: ``20261121T141500Z-3f2a``."""
        return self.record.id

    @property
    def state(self) -> str:
        """How it stands: ``SUCCEEDED``, ``FAILED``, ``STOPPED`` or ``RUNNING``."""
        return self.record.state

    @property
    def ok(self) -> bool:
        """Whether every step succeeded or was skipped."""
        return self.state == "SUCCEEDED"

    @property
    def seconds(self) -> float:
        """How long it took."""
        return words.run_seconds(self.record)

    @property
    def values(self) -> dict[str, Any]:
        """What the steps gave by ``mlops.output``: ``{"train.rows": 336776}``."""
        steps = self.record.steps
        return {f"{step.name}.{name}": value for step in steps for name, value in step.values.items()}

    @property
    def ran(self) -> tuple[str, ...]:
        """The steps that ran, well or not."""
        return tuple(s.name for s in self.record.steps if s.state in ("SUCCEEDED", "FAILED", "STOPPED"))

    @property
    def skipped(self) -> tuple[str, ...]:
        """The steps whose results stand."""
        return tuple(step.name for step in self.record.steps if step.state == "SKIPPED")

    def step(self, name: str) -> StepRecord:
        """Return one step.

        Raises
        ------
        NotFoundError
            When there is no such step; the message lists the nearest.
        """
        names = [step.name for step in self.record.steps]
        if name not in names:
            raise NotFoundError(f"no step named {name!r}", hint=did_you_mean(name, names))
        return self.record.step(name)

    @property
    def headline(self) -> str:
        """What ran, what was skipped, what failed."""
        return words.headline_of(self.record)

    def blocks(self) -> Iterable[Block]:
        """Yield the graph, the steps, what failed, values and where to find more."""
        yield Picture(self._picture)
        yield self._table()
        yield from self._failures()
        if self.unseen:
            yield Note(f"not in MLflow yet: {self.unseen}; it is tried again", "warn")
        if self.values:
            pairs = tuple((name, _short(value)) for name, value in self.values.items())
            yield Facts(pairs, "Values", folded=True)
        yield Facts(tuple(self._facts()), "The run", folded=True)

    def _picture(self) -> str:
        from mlops_jupyter.verbs.pipeline_picture import picture

        return picture(self.record)

    def _table(self) -> Table:
        graph = graph_of(self.record)
        rows = each_step(graph)
        wide = width_of(rows)
        drawn = wide <= _MOST_LANES and len(rows) <= _MOST_ROWS
        steps = {step.name: step for step in self.record.steps}
        shown = rows if len(rows) <= _MOST_ROWS else _notable(rows, steps)
        lines = tuple(
            _line(
                steps[row.name],
                letters(row, words.LETTERS[steps[row.name].state], wide) if drawn else "",
            )
            for row in shown
        )
        title = "What did not go well, what runs, and what took longest" if len(rows) > _MOST_ROWS else ""
        return Table(("step", "state", "why", "cells", "time"), lines, title, "it has no steps")

    def _failures(self) -> Iterator[Block]:
        for step in self.record.steps:
            if step.failure is not None:
                yield Note(f"{step.name}: {step.failure.message}", "bad")
                if step.executed:
                    copy = f"%mlops pipeline logs {_mark(self.id)} {step.name!r} --into FILE"
                    yield Note(f"to open its executed notebook, copy it: {copy}")
                if step.failure.source:
                    yield Code(step.failure.source, "python", f"Cell {step.failure.cell} of {step.name}")
                if step.failure.detail:
                    yield Code(step.failure.detail, "text", f"Traceback of {step.name}", folded=True)
            if step.unsound:
                yield Note(f"{step.name} will run again: {step.unsound}", "warn")

    def _facts(self) -> Iterator[tuple[str, Any]]:
        record = self.record
        yield "run", record.id
        yield "began", record.started
        if record.cause != "run":
            yield "by", record.cause
        yield "pipeline", near(record.file)
        if record.parameters:
            yield "parameters", dict(record.parameters)
        if record.git:
            changed = " with changes" if record.git.get("dirty") else ""
            yield "commit", f"{str(record.git.get('commit', ''))[:12]}{changed}"
        if len(record.mlflow_run) == _MLFLOW_ID:  # else a word for that it is not shown there
            yield "in MLflow", record.mlflow_run
        executed = [step.executed for step in record.steps if step.executed and not step.from_run]
        if executed:
            folder = executed[0].parent.parent
            yield "executed notebooks", f"{near(folder)}/STEP/{executed[0].name}"
        yield "outputs of a step", f"mlops pipeline logs {_mark(record.id)} STEP"
        yield "a step's notebook", f"mlops pipeline logs {_mark(record.id)} STEP --into FILE"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values, with what is reckoned from it."""
        return {**super().to_dict()["record"], "ok": self.ok, "seconds": self.seconds}


def _mark(run: str) -> str:
    """Return the mark at the end of a run's ID, by which it can be named as well."""
    return run.rpartition("-")[2]


def _line(step: StepRecord, lanes: str) -> tuple[Any, ...]:
    state = Status(words.word_of(step), words.MARKS[step.state])
    took = words.seconds_of(step, datetime.now(UTC))
    cells = words.cells_of(step) if step.state not in ("SKIPPED", "WAITING", "NOT RUN") else ""
    time = None if took is None else Quantity(took, "s")
    return Branch(lanes, step.name, _link(step)), state, step.reason, cells, time


def _notable(rows: Sequence[Row], steps: Mapping[str, StepRecord]) -> list[Row]:
    """Return, of very many, those to tell of: what did not go well, what runs, and what took longest."""
    now = datetime.now(UTC)
    odd = [row for row in rows if steps[row.name].state in ("FAILED", "STOPPED", "RUNNING")][:_MOST_ODD]
    others = [row for row in rows if row not in odd and words.seconds_of(steps[row.name], now) is not None]
    others.sort(key=lambda row: words.seconds_of(steps[row.name], now) or 0.0, reverse=True)
    return odd + others[:_MOST_LONG]


def _link(step: StepRecord) -> str:
    """Return where the executed notebook is, if a Jupyter server shows it: none in hidden folders."""
    where = "" if step.executed is None else near(step.executed)
    hidden = any(part.startswith(".") and part != ".." for part in where.split("/"))
    return "" if hidden else quote(where)


def near(path: Path) -> str:
    """Return a path as it is written from here, if it is below, or beside not far away."""
    try:
        written = os.path.relpath(path, Path.cwd())
    except (OSError, ValueError):  # the folder is gone; another drive
        return str(path)
    return str(path) if Path(written).parts[:3] == ("..",) * 3 else Path(written).as_posix()


def _short(value: Any) -> str:
    from mlops_jupyter.verbs.values import shown

    text = shown(value).text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
