"""A step's notebook run in a real kernel: what comes of it, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.execution.job import StepJob
from mlops_jupyter.pipelines.execution.step_run import run_step

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import Outcome


def ran(folder: Path, *cells: str) -> Outcome:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "step.ipynb")
    (out := folder / "out").mkdir()
    job = StepJob(Step("step", folder / "step.ipynb"), "run", "pipeline", folder, folder / ".mlops", out)
    return run_step(job, None, lambda _: None)


def test_a_step_gives_its_values_and_an_executed_copy(tmp_path: Path):
    outcome = ran(
        tmp_path, "from mlops_jupyter.pipelines.execution.values import output", "output('rows', 3)"
    )
    assert (outcome.state, outcome.values) == ("SUCCEEDED", {"rows": 3})
    executed = nbformat.read(tmp_path / "out" / "executed.ipynb", 4)
    assert executed.cells[1].outputs[0].data["text/plain"] == "rows = 3"
