"""Names of pipelines, steps, runs and schedules for completion: read where they are, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from mlops_jupyter.verbs.types import Assignments, PipelineName, RunName, ScheduleName, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What each kind of word is called in a list of completions.
KINDS: Final[dict[type, str]] = {
    StepName: "step",
    RunName: "run",
    PipelineName: "pipeline",
    ScheduleName: "schedule",
    Assignments: "parameter",
}
_MOST_RUNS: Final = 30


def names_for(kind: type, file: str | None) -> Iterable[str]:
    """Return what can stand for a word of this kind.

    Parameters
    ----------
    kind : type
        One of `KINDS`.
    file : str or None
        The pipeline's file as it is written on the line so far.
    """
    sources: dict[type, Callable[[], Iterable[str]]] = {
        StepName: lambda: _steps(_written(file)),
        Assignments: lambda: (f"{name}=" for name in _written(file).get("parameters") or ()),
        RunName: _runs,
        PipelineName: _pipelines,
        ScheduleName: _schedules,
    }
    return sources[kind]()


def _written(file: str | None) -> dict[str, Any]:
    """Return the pipeline's file as it stands, however wrong it may be."""
    import yaml

    from mlops_jupyter.pipelines.definition.finding import find_pipeline

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read = yaml.load(find_pipeline(file, Path.cwd()).read_text(encoding="utf-8"), loader)
    return read if isinstance(read, dict) else {}


def _steps(written: dict[str, Any]) -> list[str]:
    steps = written.get("steps") or ()
    return list(steps) if isinstance(steps, dict) else [str(step["name"]) for step in steps]


def _runs() -> list[str]:
    """Return the last runs, from new to old."""
    folders = sorted((path.name for path in _root().glob("*/runs/*")), reverse=True)
    return ["last", *folders[:_MOST_RUNS]]


def _pipelines() -> list[str]:
    return sorted(unquote(path.name) for path in _root().glob("*") if (path / "runs").is_dir())


def _schedules() -> list[str]:
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.schedules import all_schedules
    from mlops_jupyter.store.workspace import Workspace, find_workspace

    workspace = Workspace(find_workspace())
    if not workspace.database.exists():
        return []
    return [schedule.name for schedule in all_schedules(Ledger(workspace))]


def _root() -> Path:
    from mlops_jupyter.store.workspace import find_workspace

    return find_workspace() / "pipelines"
