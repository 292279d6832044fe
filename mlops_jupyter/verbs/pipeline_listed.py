"""What is kept of runs: the list of them, what differs between two, what a step printed, what was removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.inventory import counted
from mlops_jupyter.verbs.results import (
    Branch,
    Code,
    Facts,
    Note,
    Quantity,
    Result,
    Sayings,
    Sparkline,
    Status,
    Table,
)
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_jupyter.pipelines.records.cleaning import Cleaned
    from mlops_jupyter.pipelines.records.comparing import RunDiff, StepDiff
    from mlops_jupyter.pipelines.records.logs import CellLog
    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.verbs.results import Block

_TREND: Final = 3  # runs from which on their times are worth a line
_HEAVY: Final = 0.1  # of the time before, and this many seconds: what is less is no change of time


@dataclass(frozen=True)
class RunsReport(Result):
    """The last runs, from new to old.

    Parameters
    ----------
    runs : tuple of RunRecord
        As they are recorded.
    pipeline : str
        The only one whose runs they are; empty for all.
    """

    runs: tuple[RunRecord, ...]
    pipeline: str = ""

    @property
    def headline(self) -> str:
        """How many there are, and how the last one ended."""
        if not self.runs:
            return f"no run{f' of {self.pipeline}' if self.pipeline else ''} yet"
        return f"{counted(len(self.runs), 'run')}; the last: {words.headline_of(self.runs[0])}"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a run, and how long those took that ran anything."""
        columns = ("run", "pipeline", "state", "began", "time", "steps", "by")
        yield Table(columns, tuple(map(_run, self.runs)), empty="%mlops pipeline run makes the first")
        for pipeline in dict.fromkeys(run.pipeline for run in self.runs):
            line = self._times(pipeline)
            if line is not None:
                yield Facts(((f"time of {pipeline}", line),))

    def _times(self, pipeline: str) -> Sparkline | None:
        ran = [r for r in reversed(self.runs) if r.pipeline == pipeline and _worked(r)]
        if len(ran) < _TREND:
            return None
        times = tuple(words.run_seconds(run) for run in ran)
        about = f"the last {len(ran)} runs that ran anything, the newest took {words.duration(times[-1])}"
        return Sparkline(times, mark=words.RUN_MARKS[ran[-1].state], about=about)


def _worked(record: RunRecord) -> bool:
    return record.state != "RUNNING" and any(step.state == "SUCCEEDED" for step in record.steps)


def _run(record: RunRecord) -> tuple[Any, ...]:
    state = Status(record.state.lower(), words.RUN_MARKS[record.state])
    took = Quantity(words.run_seconds(record), "s")
    return record.id, record.pipeline, state, record.started, took, words.counts_of(record), record.cause


@dataclass(frozen=True)
class RunDiffReport(Result):
    """What differs between two runs.

    Parameters
    ----------
    diff : RunDiff
        Step by step: what each was made from, and what came of it.
    """

    diff: RunDiff

    @property
    def headline(self) -> str:
        """Which steps differ."""
        differing = [step.name for step in self.diff.differing]
        pair = f"{self.diff.before.id} and {self.diff.after.id}"
        if not differing:
            return f"{pair} gave the same in all {len(self.diff.steps)} steps"
        names = ", ".join(differing[:5]) + (" …" if len(differing) > 5 else "")
        return f"{pair} differ in {len(differing)} of {counted(len(self.diff.steps), 'step')}: {names}"

    def blocks(self) -> Iterable[Block]:
        """Yield what differs in each step, then the code that changed."""
        if self.diff.parameters:
            yield Facts(tuple((change.name, change.words) for change in self.diff.parameters), "Parameters")
        rows = tuple(map(_difference, self.diff.differing))
        yield Table(("step", "states", "made from", "gave", "time"), rows)
        for step in self.diff.steps:
            if step.code:
                yield Code(step.code, "diff", f"Code of {step.name}", folded=len(rows) > 1)
        others = [step for step in self.diff.steps if step.same and _slower(step)]
        if others:
            times = tuple((step.name, _times(step)) for step in others)
            yield Facts(times, "The same, in another time", folded=True)


def _difference(step: StepDiff) -> tuple[Any, ...]:
    before, after = (state.lower() if state else "-" for state in step.states)
    states = before if before == after else f"{before} → {after}"
    made = Sayings(tuple(change.words for change in step.made_from))
    gave = [change.words for change in step.outputs]
    gave += [f"{name}: {_value(old)} → {_value(new)}" for name, (old, new) in (step.values or {}).items()]
    return (
        step.name,
        states,
        made if step.made_from else "",
        Sayings(tuple(gave)) if gave else "",
        _times(step),
    )


def _value(value: Any) -> str:
    return shown(value).text


def _times(step: StepDiff) -> str:
    before, after = step.seconds
    if before is None or after is None or not _slower(step):
        return words.duration(after if after is not None else before)
    return f"{words.duration(before)} → {words.duration(after)}"


def _slower(step: StepDiff) -> bool:
    before, after = step.seconds
    return before is not None and after is not None and abs(after - before) > max(_HEAVY, _HEAVY * before)


@dataclass(frozen=True)
class LogsReport(Result):
    """What the cells of steps printed.

    Parameters
    ----------
    run, pipeline : str
        The run.
    steps : mapping of str to tuple of CellLog
        The cells that printed something, by step.
    missing : mapping of str to str
        Why there is nothing of the other steps.
    copied : str
        Where a copy of the executed notebook is; empty when none was asked for.
    """

    run: str
    pipeline: str
    steps: dict[str, tuple[CellLog, ...]]
    missing: dict[str, str]
    copied: str = ""

    @property
    def headline(self) -> str:
        """Whose they are."""
        cells = sum(map(len, self.steps.values()))
        of = next(iter(self.steps)) if len(self.steps) == 1 else counted(len(self.steps), "step")
        return f"{self.pipeline}, run {self.run}: {counted(cells, 'cell')} of {of} printed something"

    def blocks(self) -> Iterable[Block]:
        """Yield one block a cell; those of several steps are folded, but where one failed."""
        for step, cells in self.steps.items():
            for cell in cells:
                first = next(iter(cell.source.strip().splitlines()), "")
                title = f"{step}, cell {cell.number}{', failed' if cell.failed else ''}: {first}"
                yield Code(cell.text.rstrip(), "text", title, folded=len(self.steps) > 1 and not cell.failed)
        for step, why in self.missing.items():
            yield Note(f"{step}: {why}")
        if self.copied:
            notebook = (Branch("", self.copied, quote(self.copied)),)
            yield Table(("executed notebook",), (notebook,))


@dataclass(frozen=True)
class RunsCleaned(Result):
    """Old runs that are gone.

    Parameters
    ----------
    cleaned : Cleaned
        The runs, the bytes they took, and those that stay because results stand on them.
    """

    cleaned: Cleaned

    @property
    def headline(self) -> str:
        """How much was freed."""
        if not self.cleaned.runs and not self.cleaned.bytes:
            return "nothing can go"
        size = shown(Quantity(self.cleaned.bytes, "B")).text
        return f"removed {counted(len(self.cleaned.runs), 'run')}: {size} freed"

    def blocks(self) -> Iterable[Block]:
        """Yield what stays, and why."""
        yield from self._standing()

    def _standing(self) -> Iterator[Block]:
        if self.cleaned.standing:
            runs = counted(len(self.cleaned.standing), "old run")
            stays = "stays" if len(self.cleaned.standing) == 1 else "stay"
            yield Note(f"{runs} {stays}: results of steps stand on them: {', '.join(self.cleaned.standing)}")
