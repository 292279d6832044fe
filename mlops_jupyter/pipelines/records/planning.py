"""Which steps run, and why; what the others stand on.

A step is skipped when the last time it ran it succeeded, what it was made from is as it was, and what it
wrote is there as it wrote it. That last time alone counts: an older result may have been written over since,
where no file shows it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines.records.code_changes import code_change
from mlops_jupyter.pipelines.records.contents import contents, is_below
from mlops_jupyter.pipelines.records.environment import remembered
from mlops_jupyter.pipelines.records.fingerprints import fingerprint
from mlops_jupyter.pipelines.records.history import good, last_attempt, refuse_other_file
from mlops_jupyter.pipelines.records.kernelspecs import environment_of
from mlops_jupyter.pipelines.records.reasons import Change, changes, in_words, installations
from mlops_jupyter.pipelines.records.run import StepRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
    from mlops_jupyter.pipelines.records.contents import Contents
    from mlops_jupyter.pipelines.records.environment import Environment
    from mlops_jupyter.pipelines.records.run import Fingerprint
    from mlops_jupyter.store.direct import Kept

FORCED = "forced"
NEVER = "never run"


@dataclass(frozen=True)
class Decision:
    """Whether a step runs.

    Parameters
    ----------
    run : bool
        It does.
    reason : str
        Why, in words.
    record : StepRecord
        As it stands by this decision: `WAITING` with what it will be made from, or `SKIPPED` with the result
        that stands.
    settled : bool
        Nothing that runs before it can change it. One that is not settled is asked for again by `decide`
        when all it needs is done.
    """

    run: bool
    reason: str
    record: StepRecord
    settled: bool = True


@dataclass(frozen=True)
class Plan:
    """What is to be done for each step that was asked for, in the pipeline's order."""

    steps: Mapping[str, Decision]

    @property
    def to_run(self) -> tuple[str, ...]:
        """The steps that run, or may."""
        return tuple(name for name, decision in self.steps.items() if decision.run)


class Look:
    """The state that decisions are made of, looked at but once.

    Parameters
    ----------
    pipeline : Pipeline
        Whose steps.
    contents : Contents
        Digests of files.
    notebooks : mapping of Path to Path
        Each notebook as it was when the run began.
    """

    def __init__(self, pipeline: Pipeline, contents: Contents, notebooks: Mapping[Path, Path]) -> None:
        self.pipeline, self.contents, self.notebooks = pipeline, contents, notebooks
        self._environments: dict[str, Environment] = {}

    @property
    def connection(self) -> sqlite3.Connection:
        """To the store."""
        return self.contents.connection

    def environment(self, kernel: str) -> Environment:
        """Return what is installed for a kernel."""
        if kernel not in self._environments:
            self._environments[kernel] = environment_of(kernel, self.contents)
        return self._environments[kernel]

    def fingerprint(
        self, step: Step, previous: StepRecord | None, done: Mapping[str, StepRecord]
    ) -> Fingerprint:
        """Look at what a step's result would be made from."""
        return fingerprint(
            self.pipeline,
            step,
            previous,
            done,
            self.contents,
            environment=lambda kernel: self.environment(kernel).digest,
            source=self.notebooks.get(step.notebook),
        )

    def outputs(self, names: Collection[str]) -> dict[str, str]:
        """Return the digest of each output that is there."""
        found = self.contents.tree(self.pipeline.folder, names)
        return {name: digest for name, digest in found.items() if digest}


@contextmanager
def looking(pipeline: Pipeline, store: Kept, notebooks: Mapping[Path, Path] | None = None) -> Iterator[Look]:
    """Yield the state that decisions are made of."""
    with contents(store) as known:
        yield Look(pipeline, known, notebooks or {})


def plan(
    pipeline: Pipeline,
    selection: tuple[Collection[str], Collection[str]] | None,
    store: Kept,
    *,
    force: bool = False,
    notebooks: Mapping[Path, Path] | None = None,
) -> Plan:
    """Decide for each step whether it runs; nothing is written but digests of files.

    Parameters
    ----------
    pipeline : Pipeline
        In an order that honours what each step needs.
    selection : tuple of names, names
        Which are to run if they must, and which are taken as they are; all are to run when it is None.
    store : Store or Ledger
        The workspace's.
    force : bool
        Run also what is unchanged.
    notebooks : mapping of Path to Path
        Copies of the notebooks, made when the run began.

    Raises
    ------
    NotFoundError
        When a step that is to be taken as it is has no result.
    ConflictError
        When another file's pipeline bears this name.
    """
    wanted, taken = selection or ([step.name for step in pipeline.steps], ())
    decisions: dict[str, Decision] = {}
    with looking(pipeline, store, notebooks) as look:
        refuse_other_file(look.connection, pipeline.name, pipeline.file)
        for step in pipeline.steps:
            if step.name in taken:
                decisions[step.name] = as_it_is(look, step)
            elif step.name in wanted:
                decisions[step.name] = decided(look, step, decisions, force=force)
    return Plan(decisions)


def decide(
    pipeline: Pipeline,
    step: Step,
    done: Mapping[str, StepRecord],
    store: Kept,
    *,
    force: bool = False,
    notebooks: Mapping[Path, Path] | None = None,
) -> Decision:
    """Decide whether a step runs now that all it needs is done.

    Parameters
    ----------
    pipeline, step : Pipeline, Step
        Which step.
    done : mapping of str to StepRecord
        The steps before as they ended in this run, skipped ones with the result they stand on.
    store, force, notebooks
        As for `plan`.
    """
    with looking(pipeline, store, notebooks) as look:
        return decision(look, step, done, force=force)


def decided(look: Look, step: Step, before: Mapping[str, Decision], *, force: bool) -> Decision:
    """Decide ahead: of a step behind one that runs, only what does not depend on that one is certain."""
    done = {name: each.record for name, each in before.items() if not each.run}
    running = [name for name in step.needs if name in before and before[name].run]
    now = decision(look, step, done, force=force, unknown=running)
    if not running:
        return now
    if now.run:
        return replace(now, settled=True)
    reason = f"if {' or '.join(running)} gives something new"
    record = StepRecord(step.name, "WAITING", reason, now.record.fingerprint)
    return Decision(run=True, reason=reason, record=record, settled=False)


def decision(
    look: Look,
    step: Step,
    done: Mapping[str, StepRecord],
    *,
    force: bool = False,
    unknown: Collection[str] = (),
) -> Decision:
    """Decide by all that is known now; what the `unknown` steps will give is left out."""
    last = last_attempt(look.connection, look.pipeline.name, step.name)
    now = look.fingerprint(step, last, done)
    reason = FORCED if force else reason_to_run(look, step, last, now, unknown)
    if reason or last is None:
        return Decision(run=True, reason=reason, record=StepRecord(step.name, "WAITING", reason, now))
    return skipped(last, now)


def skipped(last: StepRecord, now: Fingerprint) -> Decision:
    """Return the decision that a result stands."""
    reason = f"unchanged since run {last.from_run}"
    return Decision(
        run=False, reason=reason, record=replace(last, state="SKIPPED", reason=reason, fingerprint=now)
    )


def reason_to_run(
    look: Look, step: Step, last: StepRecord | None, now: Fingerprint, unknown: Collection[str]
) -> str:
    """Say why a step must run; nothing when it need not."""
    if last is None or last.fingerprint is None:
        return NEVER
    if last.state != "SUCCEEDED":
        return f"{'failed' if last.state == 'FAILED' else 'was stopped'} in run {last.from_run}"
    if last.unsound:
        return last.unsound
    found = [
        *(
            change
            for change in changes(last.fingerprint, now)
            if not unknown or is_certain(look, change, unknown)
        ),
        *lost(last.outputs, look.outputs(step.outputs)),
    ]
    return in_words(list(in_detail(look, step, last, now, without_echoes(step, look.pipeline, found))))


def without_echoes(step: Step, pipeline: Pipeline, found: list[Change]) -> list[Change]:
    """Return changes without those that say in general what an input's says by name."""
    inputs = [change.name for change in found if change.kind == "input"]
    echoed = {need for need in step.needs for name in inputs if is_below(name, made_by(pipeline, [need]))}
    return [change for change in found if not (change.kind == "upstream" and change.name in echoed)]


def is_certain(look: Look, change: Change, unknown: Collection[str]) -> bool:
    """Whether a change stays one, whatever the `unknown` steps will give."""
    if change.kind == "input":
        return not is_below(change.name, made_by(look.pipeline, unknown))
    return change.kind != "upstream"


def in_detail(
    look: Look, step: Step, last: StepRecord, now: Fingerprint, found: list[Change]
) -> Iterator[Change]:
    """Yield changes: of code by its cells, of the environment by its distributions, where these are known."""
    for change in found:
        if change.kind == "code":
            notebook = look.notebooks.get(step.notebook, step.notebook)
            yield replace(change, words=code_change(last.executed, notebook))
        elif change.kind == "environment" and last.fingerprint:
            known = remembered(look.connection, last.fingerprint.environment)
            later = look.environment(now.kernel).packages
            yield from installations(known.packages, later) if known else [change]
        else:
            yield change


def lost(written: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Change]:
    """Yield what is not there as it was written."""
    for name, digest in written.items():
        if there.get(name) != digest:
            yield Change("output", name, f"output {name} {'was changed' if name in there else 'is gone'}")
    for name in there:
        if name not in written:
            yield Change("output", name, f"output {name} was added")


def made_by(pipeline: Pipeline, steps: Collection[str]) -> list[str]:
    """Return what some steps promise to write."""
    return [name for step in pipeline.steps if step.name in steps for name in step.outputs]


def as_it_is(look: Look, step: Step) -> Decision:
    """Take a step's last result, whatever changed since.

    Raises
    ------
    NotFoundError
        When there is none, or its files are gone.
    """
    last = good(look.connection, look.pipeline.name, step.name)
    if last is None:
        raise no_result(step, "it never succeeded here")
    there = look.outputs(step.outputs)
    if gone := [name for name in last.outputs if name not in there]:
        raise no_result(step, f"{gone[0]} is gone")
    tried = last_attempt(look.connection, look.pipeline.name, step.name)
    if tried and tried.state != "SUCCEEDED" and there != last.outputs:
        raise no_result(step, f"it did not succeed in run {tried.from_run}, and left other files behind")
    reason = f"taken as it is from run {last.from_run}"
    return Decision(
        run=False, reason=reason, record=replace(last, state="SKIPPED", reason=reason, outputs=there)
    )


def no_result(step: Step, why: str) -> NotFoundError:
    """Say that a step has nothing that steps after it could take."""
    return NotFoundError(f"step {step.name} has no result to go on from", why, "run without --from")
