from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mlops_jupyter.pipelines.execution.context import StepContext


@pytest.fixture
def step(tmp_path, monkeypatch):
    """The file that says which step this process runs."""
    file = tmp_path / "step.json"
    file.write_text(json.dumps({"pipeline": "delays", "run": "r1", "step": "train[depth=3]", "values": {}}))
    monkeypatch.setenv("MLOPS_PIPELINE_STEP", str(file))
    return file


def test_outside_of_a_pipeline_a_run_gets_no_tags(monkeypatch):
    monkeypatch.delenv("MLOPS_PIPELINE_STEP", raising=False)
    assert not StepContext().in_context()


def test_inside_a_step_a_run_bears_which_it_is(step):
    assert StepContext().in_context()
    tags = {"mlops.pipeline": "delays", "mlops.run": "r1", "mlops.step": "train[depth=3]"}
    assert StepContext().tags() == tags


@pytest.mark.parametrize("content", ["", "not JSON"])
def test_a_step_that_cannot_be_read_costs_no_run(step, content):
    step.write_text(content)
    assert StepContext().tags() == {}
    step.unlink()
    assert StepContext().tags() == {}


def test_mlflow_finds_it_by_its_entry_point():
    from mlflow.tracking.context.registry import _run_context_provider_registry as known

    assert StepContext in [type(each) for each in known]


def test_who_imports_mlflow_waits_for_nothing_of_ours():
    script = "import sys, mlops_jupyter.pipelines.execution.context; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert len([name for name in imported if name.startswith("mlops_jupyter")]) < 10
    assert not {"sqlalchemy", "IPython", "pandas", "mlflow", "papermill"} & set(imported)
