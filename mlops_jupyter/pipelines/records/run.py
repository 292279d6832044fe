"""The nouns of what is remembered: a run, its steps, and what each step's result was made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import Failure

StepState: TypeAlias = Literal["WAITING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "STOPPED", "NOT RUN"]
RunState: TypeAlias = Literal["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]


@dataclass(frozen=True)
class Fingerprint:
    """What a step's result was made from; equal fingerprints, equal results.

    Parameters
    ----------
    code : str
        Digest of the code cells.
    parameters : mapping
        JSON of each parameter, by name.
    inputs : mapping
        Digest of each file, by its path in the pipeline's folder.
    environment : str
        Digest of the installed distributions and of the interpreter.
    variables : mapping
        Digest of each named variable of the environment, never its value.
    upstream : mapping
        Digest of what each step before gave: its outputs and values.
    modules : mapping
        Digest of each local file that its last run imported or ran, by path.
    outputs : tuple of str
        What it promises to write.
    secrets : mapping of str to str
        References of the secrets it may read, by name.
    kernel : str
        The name of its kernel.
    """

    code: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    upstream: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    kernel: str = ""


@dataclass(frozen=True)
class StepRecord:
    """One step of a run.

    Parameters
    ----------
    name : str
        The step's.
    state : str
        How it stands.
    reason : str
        Why it ran or was skipped, in words: ``parameter month changed from 1 to 2``.
    fingerprint : Fingerprint or None
        What it was made from.
    outputs : mapping
        Digest of each file it wrote, by its path in the pipeline's folder.
    values : mapping
        What it gave by ``mlops.output``.
    attempts : int
        How often it was tried.
    started, ended : datetime or None
        In UTC; of a skipped step when its result was made.
    cells : tuple of int
        Done, of all.
    failure : Failure or None
        Why it failed.
    executed : Path or None
        The executed notebook; of a skipped step that of the run whose result stands.
    from_run : str
        The run whose result a skipped step stands on.
    peak_bytes : int
        The most memory that its kernel held, as far as seen.
    reads : tuple of str
        Names of the values of other steps it asked for: ``train.rows``.
    mark : str
        Names this very result: what steps after it depend on when it gave neither outputs nor values.
    unsound : str
        Why its result does not count for skipping, in words: ``input a.csv changed while it ran``.
    """

    name: str
    state: StepState = "WAITING"
    reason: str = ""
    fingerprint: Fingerprint | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    cells: tuple[int, int] = (0, 0)
    failure: Failure | None = None
    executed: Path | None = None
    from_run: str = ""
    peak_bytes: int = 0
    reads: tuple[str, ...] = ()
    mark: str = ""
    unsound: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it has not ended, or never ran."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline.

    Parameters
    ----------
    id : str
        ``20261121T141500Z-3f2a``: when it began, and a mark that makes it the only one.
    pipeline : str
        The pipeline's name.
    file : Path
        The file it was read from.
    state : str
        How it stands.
    parameters : mapping
        Of the pipeline.
    steps : tuple of StepRecord
        In the order of the pipeline.
    started, ended : datetime
        In UTC.
    cause : str
        What began it: ``run``, ``schedule NAME``, ``verify``.
    git : mapping or None
        The commit, and whether there were changes.
    needs : mapping
        What each step needs, by name: the graph as it was.
    mlflow_run : str
        The parent run in MLflow, once it is there.
    owner : mapping or None
        The process that runs it: ``pid``, ``create_time``, ``host``, ``who``.
    """

    id: str
    pipeline: str
    file: Path
    state: RunState
    parameters: Mapping[str, Any]
    steps: tuple[StepRecord, ...]
    started: datetime
    ended: datetime | None = None
    cause: str = "run"
    git: Mapping[str, Any] | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mlflow_run: str = ""
    owner: Mapping[str, Any] | None = None

    def step(self, name: str) -> StepRecord:
        """Return a step's record by its name; `KeyError` when there is none."""
        return {step.name: step for step in self.steps}[name]
