"""Pipelines of a few cells in a project of their own, run for real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat
import pytest
import yaml

from mlops_jupyter.pipelines.definition.reading import read_pipeline
from mlops_jupyter.pipelines.running.following import run_pipeline
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord


SPEC = {"name": "python3", "display_name": "Python", "language": "python"}


@dataclass
class Project:
    """A folder with notebooks and a `pipeline.yaml`, and the workspace of its runs."""

    folder: Path
    workspace: Workspace

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yaml"

    @property
    def store(self) -> Ledger:
        return Ledger(self.workspace)

    def notebook(self, name: str, *cells: str, parameters: str = "") -> None:
        """Write a notebook; `parameters` is its first cell."""
        made = nbformat.v4.new_notebook(metadata={"kernelspec": SPEC})
        if parameters:
            made.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        made.cells += [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(made, self.folder / f"{name}.ipynb")

    def pipeline(self, steps: dict[str, dict], **top) -> None:
        """Write `pipeline.yaml`; the notebook of a step bears its name where none is given."""
        written = {name: {"notebook": f"{name}.ipynb", **step} for name, step in steps.items()}
        self.file.write_text(yaml.safe_dump({"name": "delays", "mlflow": False, **top, "steps": written}))

    def run(self, given: dict | None = None, **options) -> RunRecord:
        return run_pipeline(read_pipeline(self.file, given or {}), workspace=self.workspace, **options)

    def path(self, *names: str) -> Path:
        return self.folder.joinpath(*names)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "project" / ".mlops"))
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", open_workspace())


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory) -> Iterator[Project]:
    """A project whose one costly run many tests look at."""
    folder = tmp_path_factory.mktemp("shared") / "project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(folder / ".mlops"))
        yield Project(folder, open_workspace())
