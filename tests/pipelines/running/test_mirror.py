"""Runs as they are shown in a real MLflow, and what becomes of those that MLflow did not take."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from mlops_jupyter.pipelines.definition.reading import read_pipeline
from mlops_jupyter.pipelines.records.history import run_record, unmirrored
from mlops_jupyter.pipelines.running.mirror import let_mirror_end, note_of, show_later, wait_for_mirror
from mlops_jupyter.store.workspace import Workspace, open_workspace
from tests.pipelines.running.conftest import Project

LIMIT = 300


@pytest.fixture(scope="module")
def new_database(tmp_path_factory):
    """MLflow's database with its tables, which take seconds to make."""
    from mlops_jupyter.registry.connection import client

    workspace = Workspace(tmp_path_factory.mktemp("mlflow") / ".mlops")
    workspace.root.mkdir()
    client(workspace)
    return workspace.root / "mlflow.db"


def two_steps(project, database):
    """Write a step that gives a number and one behind it that fails; both are shown in MLflow."""
    shutil.copyfile(database, project.workspace.root / "mlflow.db")
    project.notebook(
        "good",
        "from mlops_jupyter.pipelines.execution.values import output",
        "output('rows', 10 * month)\noutput('name', 'x')",
        parameters="month = 1",
    )
    project.notebook("bad", "raise ValueError('no rows')")
    project.pipeline({"good": {}, "bad": {"after": ["good"]}}, parameters={"month": 1}, mlflow=True)
    return project


@pytest.fixture
def pair(project, new_database):
    return two_steps(project, new_database)


@pytest.fixture(scope="module")
def run_before(tmp_path_factory, new_database):
    """A project whose run was shown, and its record."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("shown")
        patch.setenv("MLOPS_HOME", str(folder / ".mlops"))
        project = two_steps(Project(folder, open_workspace()), new_database)
        yield project, wait_for_mirror(project.workspace, project.run({"month": 3}).id, LIMIT)


def shown(project):
    """Every run of MLflow by what it shows: the step's name, or nothing for the whole."""
    from mlops_jupyter.registry.connection import client

    mlflow = client(project.workspace)
    experiment = mlflow.get_experiment_by_name("delays").experiment_id
    found = mlflow.search_runs([experiment])
    return mlflow, {each.data.tags.get("mlops.step", ""): each for each in found}


def test_a_run_is_shown_with_a_run_below_it_for_each_step_that_ran(run_before):
    project, record = run_before
    mlflow, runs = shown(project)
    assert set(runs) == {"", "good", "bad"}
    whole, good, bad = runs[""], runs["good"], runs["bad"]
    assert record.mlflow_run == whole.info.run_id
    assert whole.data.tags["mlops.run"] == record.id
    assert (whole.info.status, good.info.status, bad.info.status) == ("FAILED", "FINISHED", "FAILED")
    assert {good.data.tags["mlflow.parentRunId"], bad.data.tags["mlflow.parentRunId"]} == {whole.info.run_id}
    assert (good.data.params, good.data.metrics["rows"]) == ({"month": "3"}, 30.0)
    assert good.data.metrics["step.seconds"] == pytest.approx(record.step("good").seconds)
    assert good.info.start_time == round(record.step("good").started.timestamp() * 1000)
    assert good.data.tags["mlops.code"] == record.step("good").fingerprint.code
    assert bad.data.tags["mlops.failure"] == "error: ValueError: no rows"
    assert whole.data.metrics["steps failed"] == 1
    files = {each.path for each in mlflow.list_artifacts(good.info.run_id)}
    assert files == {"executed.ipynb", "executed.html", "made_from.json", "values.json"}
    assert {each.path for each in mlflow.list_artifacts(whole.info.run_id)} == {
        "environment.json",
        "pipeline.yaml",
        "steps.json",
    }
    kept = json.loads(Path(mlflow.download_artifacts(whole.info.run_id, "environment.json")).read_text())
    assert "mlflow" in kept


@pytest.mark.parametrize("first", ["this process", "its parent"])
def test_the_first_process_of_a_container_waits_until_its_run_is_shown(pair, monkeypatch, first):
    pid = os.getpid() if first == "this process" else os.getppid()
    monkeypatch.setattr("mlops_jupyter.pipelines.running.mirror.FIRST_PROCESS", pid)
    monkeypatch.setenv("MLOPS_HOME", str(pair.workspace.root))
    run = pair.run()
    let_mirror_end(read_pipeline(pair.file), run)
    assert run_record(pair.store, run.id).mlflow_run


def test_a_run_that_mlflow_does_not_take_is_noted_and_shown_when_it_does(pair, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("MLOPS_TRACKING_URI", f"http://127.0.0.1:{port}")
    run = pair.run()
    record = wait_for_mirror(pair.workspace, run.id, LIMIT)
    assert (run.step("good").state, record.mlflow_run) == ("SUCCEEDED", "")
    assert f"MLflow at http://127.0.0.1:{port} does not answer" in note_of(pair.workspace, record)
    assert [each.id for each in unmirrored(pair.store)] == [run.id]
    monkeypatch.delenv("MLOPS_TRACKING_URI")
    pair.path(".mlops/pipelines/delays/runs", run.id, "mirror.note").unlink()
    show_later(pair.workspace)
    record = wait_for_mirror(pair.workspace, run.id, LIMIT)
    _, runs = shown(pair)
    assert record.mlflow_run == runs[""].info.run_id
    assert unmirrored(pair.store) == []


def test_what_an_earlier_mirror_made_is_completed_and_not_made_twice(run_before):
    from mlops_jupyter.pipelines.running.mirroring import Glass

    project, record = run_before
    assert Glass(project.workspace).show(record) == record.mlflow_run
    _, runs = shown(project)
    assert set(runs) == {"", "good", "bad"}


def test_a_run_that_had_nothing_to_do_is_not_shown(pair):
    pair.notebook("bad", "'good now'")
    pair.pipeline({"good": {}, "bad": {"after": ["good"]}}, mlflow=False)
    pair.run()
    pair.pipeline({"good": {}, "bad": {"after": ["good"]}}, mlflow=True)
    assert {step.state for step in pair.run().steps} == {"SKIPPED"}
    assert run_record(pair.store).mlflow_run == "none"
    assert unmirrored(pair.store) == []
