"""A copy of a pipeline's files to run it in: what its steps write there, nobody's work is lost by."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, WorkspaceError
from mlops_jupyter.store.workspace import Workspace, explained, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step

LEFT_OUT: Final = frozenset(
    {
        ".git",
        ".mlops",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".ipynb_checkpoints",
        "mlruns",
        "mlartifacts",
    }
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox"}
)
SPARE: Final = 1.1
CLONE: Final = 0x40049409  # FICLONE of Linux: a copy that shares its blocks until one of both is written


def root_of(pipeline: Pipeline) -> Path:
    """Return the folder that holds all that a pipeline's steps read and write by relative paths.

    Raises
    ------
    UsageError
        When a step writes to an absolute path, or the folder would be the home folder or all of the disk.
    """
    for step in pipeline.steps:
        far = next((path for path in step.outputs if Path(path).is_absolute()), None)
        if far:
            raise UsageError(
                f"{step.name} writes {far}", "a copy cannot stand in for it", "write below the project"
            )
    named = [path for step in pipeline.steps for path in (*step.inputs, *step.outputs)]
    near = [path for path in named if not Path(path).is_absolute()]
    folders = [os.path.normpath(pipeline.folder / _fixed(path)) for path in near]
    beside = [str(step.notebook.parent) for step in pipeline.steps]
    root = Path(os.path.commonpath([str(pipeline.folder), *beside, *folders]))
    if root in {Path(root.anchor), Path.home()}:
        raise UsageError(
            f"the pipeline's files are all over {root}", hint="put them in a folder of their own"
        )
    return root


def _fixed(path: str) -> str:
    """Return the folder that a path, or all that a glob stands for, is in."""
    parts = path.split("/")[:-1]
    return "/".join(
        parts[: next((at for at, part in enumerate(parts) if set(part) & set("*?[")), len(parts))]
    )


def copied(pipeline: Pipeline, target: Path, backwards: bool = False) -> tuple[Pipeline, Workspace]:
    """Copy what a pipeline is made of, and return it as it stands there, with a workspace of its own.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    target : Path
        A folder that is not there yet.
    backwards : bool
        Whether to make the files in the other order: many file systems list them as they were made.

    Raises
    ------
    WorkspaceError
        When the disk has no room for it.
    """
    root = root_of(pipeline)
    outputs = {
        Path(os.path.normpath(pipeline.folder / path)) for step in pipeline.steps for path in step.outputs
    }
    left = outputs | ({target, *target.parents} - {root, *root.parents})  # the copies may be inside
    _check_room(root, target, left)
    with explained(target.parent):
        _copy(root, target, left, backwards)
        for output in outputs:
            (target / output.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        workspace = Workspace(target / ".mlops")
        make_folder(workspace.root)
    return moved(pipeline, root, target), workspace


def _check_room(root: Path, target: Path, left: set[Path]) -> None:
    needed = sum(path.lstat().st_size for path in _files(root, left))
    free = shutil.disk_usage(target.parent).free
    if needed * SPARE > free:
        told = f"{root} holds {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free"
        raise WorkspaceError("there is no room for a copy of the project", told)


def _files(folder: Path, left: set[Path]) -> Iterator[Path]:
    for item in _inside(folder, left):
        if item.is_dir() and not item.is_symlink():
            yield from _files(item, left)
        elif item.is_file():
            yield item


def _inside(folder: Path, left: set[Path]) -> list[Path]:
    return [item for item in sorted(folder.iterdir()) if item.name not in LEFT_OUT and item not in left]


def _copy(folder: Path, target: Path, left: set[Path], backwards: bool) -> None:
    target.mkdir()
    items = _inside(folder, left)
    for item in reversed(items) if backwards else items:
        there = target / item.name
        written_below = any(item in path.parents for path in left)
        if item.is_symlink() and not written_below:
            there.symlink_to(item.resolve())
        elif item.is_dir():
            _copy(item, there, left, backwards)
        elif item.is_file():
            _copy_file(item, there)


def _copy_file(source: Path, target: Path) -> None:
    if not _cloned(source, target):
        shutil.copyfile(source, target)
    shutil.copystat(source, target)


def _cloned(source: Path, target: Path) -> bool:
    try:
        import fcntl

        with source.open("rb") as read, target.open("wb") as write:
            fcntl.ioctl(write.fileno(), CLONE, read.fileno())
    except (ImportError, OSError):
        return False
    return True


def moved(pipeline: Pipeline, root: Path, target: Path) -> Pipeline:
    """Return a pipeline as it stands in a copy; paths in its parameters lead there too."""

    def there(path: Path) -> Path:
        return target / path.relative_to(root) if path.is_relative_to(root) else path

    def told(value: Any) -> Any:
        return value.replace(f"{root}/", f"{target}/") if isinstance(value, str) else value

    def step_there(step: Step) -> Step:
        parameters = {name: told(value) for name, value in step.parameters.items()}
        inputs = tuple(map(told, step.inputs))
        return replace(
            step, notebook=there(step.notebook), parameters=parameters, inputs=inputs, warm=(), fresh=True
        )

    steps = tuple(map(step_there, pipeline.steps))
    return replace(
        pipeline, file=there(pipeline.file), folder=there(pipeline.folder), steps=steps, mlflow=False
    )


@contextmanager
def private_mlflow() -> Iterator[None]:
    """Let what runs meanwhile track and register in its own workspace, not where the environment says."""
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
