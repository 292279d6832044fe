"""Where a run keeps its files, and the notebooks as they were when it began."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines.records.places import file_name, pipeline_folder
from mlops_jupyter.store.workspace import explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlops_jupyter.store.workspace import Workspace

KEPT_FILE = "pipeline.yaml"


def new_run(workspace: Workspace, pipeline: str) -> str:
    """Make the folder of a new run, and return the run's id.

    Raises
    ------
    WorkspaceError
        When the folder cannot be made: read-only, full.
    """
    with explained(workspace.root):
        while True:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
            try:
                run_folder(workspace, pipeline, name).mkdir(parents=True)
            except FileExistsError:
                continue
            return name


def run_folder(workspace: Workspace, pipeline: str, run: str) -> Path:
    """Return the folder of a run."""
    return pipeline_folder(workspace, pipeline) / "runs" / run


def step_folder(run: Path, step: str) -> Path:
    """Return the folder of a step in that of its run."""
    return run / "steps" / file_name(step)


def keep_notebooks(notebooks: Iterable[Path], run: Path) -> dict[Path, Path]:
    """Copy each notebook to the folder of a run, and return which copy is whose.

    Raises
    ------
    NotFoundError
        When one is gone since the pipeline was read.
    WorkspaceError
        When the workspace's disk is full.
    """
    (run / "notebooks").mkdir(exist_ok=True)
    copies = {}
    for number, notebook in enumerate(dict.fromkeys(notebooks), 1):
        copies[notebook] = run / "notebooks" / f"{number:03}-{notebook.name}"
        copy_notebook(notebook, copies[notebook], run)
    return copies


def copy_notebook(notebook: Path, copy: Path, run: Path) -> None:
    """Copy one notebook, or say that it is gone."""
    try:
        content = notebook.read_bytes()
    except OSError as failure:
        raise NotFoundError(f"{notebook} cannot be read", failure.strerror or str(failure)) from failure
    with explained(run):
        copy.write_bytes(content)


def keep_file(file: Path, run: Path) -> None:
    """Copy the pipeline's own file, to show later what it said."""
    with explained(run), suppress(FileNotFoundError):
        shutil.copyfile(file, run / KEPT_FILE)


def set_aside(folder: Path, attempt: int) -> None:
    """Move what a try left in a step's folder to a folder of its own, to make room for the next."""
    left = [each for each in folder.iterdir() if not each.name.startswith("attempt-")]
    aside = folder / f"attempt-{attempt}"
    aside.mkdir()
    for each in left:
        shutil.move(each, aside / each.name)
