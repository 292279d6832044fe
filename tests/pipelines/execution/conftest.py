"""Shared by the tests of steps: notebooks with one behaviour each, and kernels that start fast."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.execution.job import StepJob
from mlops_jupyter.pipelines.execution.step_run import run_step
from mlops_jupyter.pipelines.kernels.supply import Kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.pipelines.execution.job import Outcome, Progress

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ECHO = Path(__file__).with_name("echo_kernel.py")


@pytest.fixture(scope="session")
def kernels() -> Iterator[Kernels]:
    """Fresh kernels, forked from one process for all tests."""
    with Kernels() as kernels:
        yield kernels


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., StepJob]:
    """Return a job of one of our notebooks, copied to a folder of its own."""

    def make(
        name: str, values: dict[str, Any] | None = None, hash_seed: str = "", **settings: Any
    ) -> StepJob:
        notebook = shutil.copyfile(NOTEBOOKS / f"{name}.ipynb", tmp_path / f"{name}.ipynb")
        folder = tmp_path / ".mlops" / name
        folder.mkdir(parents=True)
        step = replace(Step("step", notebook), **settings)
        return StepJob(
            step, "run", "flights", tmp_path, tmp_path / ".mlops", folder, values or {}, 1, hash_seed
        )

    return make


@pytest.fixture
def ran(job: Callable[..., StepJob], kernels: Kernels) -> Callable[..., Outcome]:
    """Run one of our notebooks, and return how that ended."""

    def run(name: str, *, tell: Callable[[Progress], None] = print, **settings: Any) -> Outcome:
        return run_step(job(name, **settings), kernels, tell)

    return run


@pytest.fixture
def executed(tmp_path: Path) -> Callable[[str], Any]:
    """Return the executed copy of one of our notebooks, checked against the schema."""
    import nbformat

    def read(name: str) -> Any:
        notebook = nbformat.read(tmp_path / ".mlops" / name / "executed.ipynb", 4)
        nbformat.validate(notebook)
        return notebook

    return read


@pytest.fixture
def echo_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a kernel that says what it is told."""
    spec = {
        "argv": [sys.executable, str(ECHO), "-f", "{connection_file}"],
        "display_name": "Echo",
        "language": "bash",
    }
    place = tmp_path / "share" / "kernels" / "echo"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
