"""Tracking: code run inside an MLflow run that says where its numbers come from."""

from __future__ import annotations

import inspect
import runpy
import textwrap
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs import provenance
from mlops_jupyter.verbs.results import Block, Code, Facts, Quantity, Result, Table
from mlops_jupyter.verbs.sources import open_source
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.types import Cell, Live, Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SHOWN_PARAMETERS: Final = 12


@dataclass(frozen=True)
class TrackedRun(Result):
    """An MLflow run and what it recorded.

    Parameters
    ----------
    run_id, experiment, name : str
        Where to find it in MLflow.
    metrics, parameters : dict
        What was logged, by autolog or by the code.
    data : dict
        Shape and fingerprint of each frame and array the code names.
    git : dict or None
        The commit, and whether there were changes.
    seconds : float
        How long the code ran.
    url : str
        The run's page, where MLflow is a server; else the command that opens one.
    value : object
        What a function returned; not recorded.
    """

    run_id: str
    experiment: str
    name: str
    metrics: dict[str, float]
    parameters: dict[str, str]
    data: dict[str, dict[str, Any]]
    git: dict[str, Any] | None
    seconds: float
    url: str
    value: Any = field(default=None, repr=False, compare=False)

    @property
    def headline(self) -> str:
        """The run's name, and how much it recorded."""
        count = f"{len(self.metrics)} metrics and {len(self.parameters)} parameters"
        return f"tracked as {self.name}: {count}"

    def blocks(self) -> Iterable[Block]:
        """Yield metrics, data, parameters and where the run is found."""
        if self.metrics:
            yield Facts(tuple(sorted(self.metrics.items())), "Metrics")
        rows = tuple((n, " x ".join(map(str, d["shape"])), d["fingerprint"]) for n, d in self.data.items())
        if rows:
            yield Table(("data", "shape", "fingerprint"), rows)
        if self.parameters:
            shown = tuple(sorted(self.parameters.items()))
            yield Facts(shown, f"{len(shown)} parameters", folded=len(shown) > _SHOWN_PARAMETERS)
        yield Facts(tuple(self._facts()))
        if not self.url.startswith("http"):
            yield Code(self.url, "shell", "To see it in MLflow", folded=True)

    def _facts(self) -> Iterator[tuple[str, Any]]:
        yield "run", self.run_id
        yield "experiment", self.experiment
        yield "code ran", Quantity(self.seconds, "s")
        if self.git:
            yield "commit", self.git["commit"][:10] + (" with changes" if self.git["dirty"] else "")
        if self.url.startswith("http"):
            yield "page", self.url

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was recorded: not the value."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "value"}


@dataclass(frozen=True)
class _Tracked:
    run_id: str
    objects: dict[str, int]


_runs: list[_Tracked] = []


def last_run(name: str | None = None, value: object = None) -> str | None:
    """Return the latest tracked run of this process.

    Parameters
    ----------
    name : str, optional
        Only runs whose code names this variable.
    value : object
        What the variable is now: a run that left another object there does not count.
    """
    if name is None:
        return _runs[-1].run_id if _runs else None
    return next((run.run_id for run in reversed(_runs) if run.objects.get(name) == id(value)), None)


@verb(stage="track")
def track(cell: Live[Cell], *, name: str | None = None, experiment: str | None = None) -> TrackedRun:
    """Run a cell inside an MLflow run that records where its numbers come from.

    Recorded: parameters and metrics (autolog, without the models), the source of the cell, the git commit
    and whether there were changes, a fingerprint of each data frame the cell names, the versions of the
    libraries.
    A cell that fails is a failed run, and fails the notebook.

    Parameters
    ----------
    cell : Live[Cell]
        The body of the cell under ``%%mlops track``; in Python a function to call; in a shell a Python file.
    name : str, optional
        The run's name. MLflow makes one up when left out.
    experiment : str, optional
        The experiment it belongs to. The project folder's name when left out.

    Returns
    -------
    TrackedRun
        The run, its metrics and parameters.

    Raises
    ------
    UnavailableError
        If MLflow does not answer.

    Examples
    --------
    >>> run = mlops.track(train, name="more trees")  # doctest: +SKIP
    >>> run.metrics["accuracy"]  # doctest: +SKIP
    0.91
    """
    from mlops_jupyter.verbs.runs import recorded_run, summary

    script = _script(cell)
    with recorded_run(script, experiment, name) as run:
        began = time.perf_counter()
        try:
            value, space = _executed(script)
        except BaseException:
            run.describe(script.space)
            raise
        seconds = time.perf_counter() - began
        run.describe(space)
    found = summary(run.run_id)
    _runs.append(
        _Tracked(run.run_id, {n: id(space[n]) for n in provenance.names_in(script.source) if n in space})
    )
    return TrackedRun(**found, data=run.data, git=run.git, seconds=seconds, value=value)


def _script(cell: Any) -> Script:
    """Return what is to be run for a cell, a function or a file."""
    if isinstance(cell, Script):
        return cell
    if isinstance(cell, str | Path):
        found: Script = open_source(Cell, str(cell))
        return found
    if not callable(cell):
        raise UsageError(f"a {type(cell).__name__} cannot be run", hint="give a function or a Python file")
    return Script(_source_of(cell), run=cell, space=getattr(cell, "__globals__", {}))


def _source_of(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return f"# the source of {function!r} is not known\n"


def _executed(script: Script) -> tuple[Any, Mapping[str, Any]]:
    """Run it; return its value and its variables."""
    if script.run is not None:
        return script.run(), script.space
    return None, runpy.run_path(str(script.path), run_name="__main__")
