"""Tab completion of verbs of two words, and of the names of pipelines: in this process."""

import pytest
from IPython.core.completer import provisionalcompleter

PIPELINE = """
name: delays
parameters: {month: 1, depth: 3}
steps:
  ingest: {notebook: ingest.ipynb}
  inspect: {notebook: inspect.ipynb}
  train: {notebook: train.ipynb, matrix: {depth: [3, 5]}}
"""


@pytest.fixture
def offered(shell, workspace):
    """What Tab offers at the end of a line, in a project with a pipeline that ran twice."""
    (workspace / "pipeline.yaml").write_text(PIPELINE)
    other = PIPELINE.replace("ingest", "load")
    (workspace / "other.yaml").write_text(other)
    for run in ("20261120T060000Z-aaaa", "20261121T060000Z-bbbb"):
        (workspace / ".mlops" / "pipelines" / "delays" / "runs" / run).mkdir(parents=True)

    def ask(text):
        with provisionalcompleter():
            return [completion.text for completion in shell.Completer.completions(text, len(text))]

    return ask


def test_the_first_word_of_a_group_completes_and_then_its_second(offered):
    assert offered("%mlops pip") == ["pipeline"]
    assert offered("%mlops pipeline ru") == ["run", "runs"]
    assert offered("r = %mlops pipeline sched") == ["schedule", "schedules"]
    assert "--help" in offered("%mlops pipeline ")


def test_options_of_a_verb_of_two_words_complete(offered):
    assert offered("%mlops pipeline run --fo") == ["--force"]
    assert "--parameter" in offered("%mlops pipeline run -p month=2 --"), "it may be given again"
    assert "--jobs" not in offered("%mlops pipeline run --jobs 3 --")
    assert offered("%mlops pipeline schedule --missed ")[:2] == ["run-once", "skip"]


def test_steps_complete_from_the_pipelines_file(offered):
    assert offered("%mlops pipeline run --until in") == ["ingest", "inspect"]
    assert offered("%mlops pipeline run --from tr") == ["train"]
    assert offered("%mlops pipeline run other.yaml --until lo") == ["load"]


def test_parameters_complete_from_the_pipelines_file(offered):
    assert offered("%mlops pipeline run -p ") == ["month=", "depth="]
    assert offered("%mlops pipeline run --parameter d") == ["depth="]


def test_runs_complete_from_new_to_old(offered):
    runs = ["last", "20261121T060000Z-bbbb", "20261120T060000Z-aaaa"]
    assert offered("%mlops pipeline show ")[:3] == runs
    assert offered("%mlops pipeline diff 20261120") == runs[2:]


def test_pipelines_and_schedules_complete(offered, workspace):
    from mlops_jupyter.pipelines.scheduling.schedules import planned, schedule
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.workspace import open_workspace

    assert offered("%mlops pipeline runs de") == ["delays"]
    assert "nightly" not in offered("%mlops pipeline unschedule ")
    (workspace / "pipeline.yaml").write_text("name: delays\nsteps: {load: {notebook: load.ipynb}}\n")
    (workspace / "load.ipynb").write_text(
        '{"cells": [], "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}'
    )
    made = planned(workspace / "pipeline.yaml", "0 6 * * 1", name="nightly")
    schedule(Ledger(open_workspace()), made)
    assert offered("%mlops pipeline unschedule ni") == ["nightly"]


def test_a_file_that_cannot_be_read_offers_nothing_and_raises_nothing(offered, workspace):
    (workspace / "pipeline.yaml").write_text("steps: [")
    assert "ingest" not in offered("%mlops pipeline run --until ")
    (workspace / "pipeline.yaml").unlink()
    assert "ingest" not in offered("%mlops pipeline run --until ")
