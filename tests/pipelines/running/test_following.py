"""Whole runs: three notebooks through a runner of their own."""

from __future__ import annotations

import pytest

from mlops_jupyter.pipelines.records.history import run_record


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
