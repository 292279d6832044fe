"""The pipeline of notebooks/pipeline: from a month of flights to a registered model; then only what must."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
STEPS = ("ingest", "check", "features", "train", "evaluate")


class Project:
    """A copy of the notebooks, with a workspace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(
            REPOSITORY / "notebooks" / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("data")
        )
        self.sources = {path: path.read_bytes() for path in folder.glob("pipeline/*.ipynb")}

    def mlops(self, *words: str):
        environment = os.environ | {"MLOPS_HOME": str(self.folder / ".mlops")}
        command = [sys.executable, "-m", "mlops_jupyter.cli", *words, "--json"]
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, *words: str):
        return {step["name"]: step for step in self.mlops("pipeline", "run", *words)["steps"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory, quiet_jupyter):
    return Project(tmp_path_factory.mktemp("delays"))


@pytest.fixture(scope="module")
def first(project):
    return project.run()


def test_five_notebooks_make_a_registered_model(project, first):
    assert {name: first[name]["state"] for name in STEPS} == dict.fromkeys(STEPS, "SUCCEEDED")
    assert first["ingest"]["values"] == {"rows": 27_004}  # flights of January 2013
    assert first["evaluate"]["values"]["version"] == "1.0.0"
    assert 0.6 <= first["evaluate"]["values"]["roc_auc"] < 0.7
    assert "flight-delay-monthly" in json.dumps(project.mlops("models"))


def test_the_notebooks_are_as_they_were_and_executed_copies_have_outputs(project, first):
    assert {path: path.read_bytes() for path in project.sources} == project.sources
    executed = nbformat.read(first["evaluate"]["executed"], as_version=4)
    assert any(
        "image/png" in out.get("data", {}) for cell in executed.cells for out in cell.get("outputs", [])
    )


def test_a_second_run_skips_everything_and_another_depth_runs_what_depends_on_it(project, first):
    again = project.run()
    assert {step["state"] for step in again.values()} == {"SKIPPED"}
    deeper = project.run("-p", "depth=2")
    assert {name for name in STEPS if deeper[name]["state"] == "SUCCEEDED"} == {"train", "evaluate"}
    assert deeper["train"]["reason"] == "parameter depth changed from 4 to 2"
    assert deeper["evaluate"]["values"]["version"] == "1.0.1"
