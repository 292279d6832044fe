"""Whole runs: three notebooks through a runner of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.records.history import run_record
from mlops_jupyter.pipelines.running import beginning, starting
from mlops_jupyter.pipelines.running.claims import who_runs


@pytest.fixture
def three(project):
    """Ingest, features and train, each from what the one before wrote."""
    project.notebook("ingest", "open('raw.txt', 'w').write(str(month))", parameters="month = 1")
    project.notebook("features", "raw = open('raw.txt').read()", "open('features.txt', 'w').write(raw * 2)")
    project.notebook("train", "import mlops_jupyter as mlops", "print(open('features.txt').read())")
    project.pipeline(
        {
            "ingest": {"outputs": ["raw.txt"]},
            "features": {"inputs": ["raw.txt"], "outputs": ["features.txt"]},
            "train": {"inputs": ["features.txt"]},
        },
        parameters={"month": 1},
    )
    return project


def states(record):
    return {step.name: step.state for step in record.steps}


def test_a_pipeline_runs_is_skipped_and_runs_what_a_parameter_changes(three):
    heard = []
    first = three.run({"month": 3}, listen=heard.append)
    assert states(first) == dict.fromkeys(["ingest", "features", "train"], "SUCCEEDED")
    assert three.path("features.txt").read_text() == "33"
    assert first.state == "SUCCEEDED"
    assert run_record(three.store) == first
    assert {state for record in heard for state in states(record).values()} >= {
        "WAITING",
        "RUNNING",
        "SUCCEEDED",
    }

    again = three.run({"month": 3})
    assert set(states(again).values()) == {"SKIPPED"}
    assert again.step("train").from_run == first.id
    assert again.step("train").executed == first.step("train").executed

    three.path("features.txt").unlink()
    repaired = three.run({"month": 3})
    assert states(repaired) == {"ingest": "SKIPPED", "features": "SUCCEEDED", "train": "SKIPPED"}


def test_from_a_step_on_all_runs_and_what_is_before_is_taken_as_it_is(three):
    first = three.run()
    three.notebook("ingest", "raise ValueError('must not run')", parameters="month = 1")
    again = three.run(from_="features")
    assert states(again) == {"ingest": "SKIPPED", "features": "SUCCEEDED", "train": "SUCCEEDED"}
    assert again.step("ingest").reason == f"taken as it is from run {first.id}"
    assert again.step("features").reason == "forced"


def test_until_a_step_nothing_behind_it_is_part_of_the_run(three):
    record = three.run(until="features", jobs=1)
    assert states(record) == {"ingest": "SUCCEEDED", "features": "SUCCEEDED"}
    assert record.needs == {"ingest": (), "features": ("ingest",)}


def test_a_listener_that_fails_ends_the_run_with_its_own_error(three):
    def listen(record):
        if "RUNNING" in states(record).values():
            raise LookupError("nothing to draw on")

    with pytest.raises(LookupError, match="nothing to draw on"):
        three.run(listen=listen)
    assert who_runs(three.store, "delays") is None
    assert run_record(three.store).state == "STOPPED"


def test_a_run_in_a_thread_is_followed_as_well(three):
    with ThreadPoolExecutor(1) as threads:
        record = threads.submit(three.run, until="ingest").result()
    assert states(record) == {"ingest": "SUCCEEDED"}


def test_who_has_a_number_and_no_name_can_run_too(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(beginning.getpass, "getuser", nameless)
    assert beginning.user_name() == str(os.getuid())


def test_no_jobs_is_refused(three):
    with pytest.raises(UsageError, match="--jobs cannot be 0; write 1 or more"):
        three.run(jobs=0)


def test_a_runner_that_fails_says_why_in_the_record(three, monkeypatch):
    monkeypatch.setattr(starting, "CHILD", "import no_such_module")
    record = three.run()
    assert record.state == "STOPPED"
    assert record.step("ingest").state == "NOT RUN"
    assert "ModuleNotFoundError: No module named 'no_such_module'" in record.step("ingest").reason


def test_a_run_that_has_nothing_to_do_imports_nothing_heavy(three):
    three.run()
    script = (
        "import sys; from pathlib import Path\n"
        "from mlops_jupyter.pipelines.definition.reading import read_pipeline\n"
        "from mlops_jupyter.pipelines.running.following import run_pipeline\n"
        "record = run_pipeline(read_pipeline(Path(sys.argv[1])))\n"
        "print(*{step.state for step in record.steps}, *sys.modules)"
    )
    command = [sys.executable, "-c", script, str(three.file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "SKIPPED"
    heavy = {
        "papermill",
        "nbformat",
        "nbclient",
        "jupyter_client",
        "mlflow",
        "IPython",
        "sqlalchemy",
        "pandas",
        "numpy",
    }
    assert heavy.isdisjoint(said)


def test_others_go_on_while_a_large_output_is_read(project):
    project.notebook("large", "with open('large.bin', 'wb') as file: file.truncate(2 * 2**30)")
    for name in ("one", "two", "three"):
        project.notebook(name, "1")
    project.pipeline(
        {
            "large": {"outputs": ["large.bin"]},
            "one": {},
            "two": {"after": ["one"]},
            "three": {"after": ["two"]},
        }
    )
    record = project.run()
    assert record.step("three").ended < record.step("large").ended
    assert len(record.step("large").outputs["large.bin"]) == 64
