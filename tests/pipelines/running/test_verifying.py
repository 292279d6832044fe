"""Pipelines run twice from nothing: what is the same, what is not, at which cell, and why."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.definition.reading import read_pipeline
from mlops_jupyter.pipelines.records.history import runs
from mlops_jupyter.pipelines.running.private_copy import copied, root_of
from mlops_jupyter.pipelines.running.verifying import verify

SAME = """
import mlops_jupyter as mlops, os
from pathlib import Path
Path("same.csv").write_text(Path("raw/in.csv").read_text())
mlops.output("rows", 2)
print(os.getcwd(), object(), os.environ.get("MLFLOW_TRACKING_URI"))
"""
BY_CHANCE = [
    "import random",
    "x = random.random()",
    "open('chance.csv', 'w').write(f'a,b\\n1,{x}\\n')\n'said'",
]
BY_HASH = ["words = {'a', 'b', 'c', 'd', 'e', 'f'}", "open('words.txt', 'w').write(','.join(words))"]
BY_CLOCK = ["1", "import datetime\nprint(datetime.datetime.now())"]
VALUE = [
    "import mlops_jupyter as mlops, numpy as np",
    "mlops.output('auc', float(np.random.default_rng().random()))",
]
ONCE = ["import os\nassert os.environ['PYTHONHASHSEED'] == '1', 'only once'"]


@pytest.fixture(scope="module")
def verified(shared_project):
    """One pipeline with a step of each kind, verified once."""
    project = shared_project
    (project.folder / "raw").mkdir()
    (project.folder / "raw" / "in.csv").write_text("a,b\n1,2\n")
    (project.folder / "same.csv").write_text("the user's own")
    for name, cells in {
        "chance": BY_CHANCE,
        "hash": BY_HASH,
        "clock": BY_CLOCK,
        "value": VALUE,
        "once": ONCE,
    }.items():
        project.notebook(name, *cells)
    project.notebook("same", SAME)
    project.notebook("after", "open('after.csv', 'w').write(open('chance.csv').read())")
    project.notebook("never", "1")
    project.pipeline(
        {
            "same": {"inputs": ["raw/in.csv"], "outputs": ["same.csv"]},
            "chance": {"outputs": ["chance.csv"]},
            "after": {"inputs": ["chance.csv"], "outputs": ["after.csv"]},
            "hash": {"outputs": ["words.txt"]},
            "clock": {},
            "value": {},
            "once": {},
            "never": {"after": ["once"]},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        return verify(read_pipeline(project.file), workspace=project.workspace)


def test_a_pipeline_is_reproducible_when_all_of_its_steps_are(verified):
    assert not verified.reproducible
    assert {step.name: step.verdict for step in verified.steps} == {
        "same": "SAME",
        "chance": "DIFFERENT",
        "after": "FOLLOWS",
        "hash": "DIFFERENT",
        "clock": "SHOWS OTHER",
        "value": "DIFFERENT",
        "once": "FAILED",
        "never": "NOT RUN",
    }, verified.steps


@pytest.mark.parametrize(
    ("name", "what", "cell", "why"),
    [
        ("chance", "output chance.csv", 2, "random without a seed: random.random()"),
        ("hash", "output words.txt", 2, "the order of a set, which another hash seed changes: words"),
        ("clock", "what cell 2 shows", 2, "it reads the clock: datetime.datetime.now()"),
        ("value", "value auc", 2, "random without a seed: np.random.default_rng()"),
    ],
)
def test_a_step_that_is_not_the_same_is_told_with_its_cell_and_the_reason(verified, name, what, cell, why):
    step = verified.step(name)
    assert step.differences[0].what == what
    assert (step.cell, step.why) == (cell, why)
    assert step.source


def test_a_step_that_stands_on_another_that_differs_is_told_as_such(verified):
    assert verified.step("after").why == "it stands on chance"


def test_a_step_that_fails_with_one_seed_only_is_told_with_what_it_said(verified):
    step = verified.step("once")
    assert step.why == "it failed in the second run only"
    assert step.failure
    assert step.failure.message == "AssertionError: only once"


def test_both_executed_notebooks_stay(verified):
    for name in ("same", "chance", "once"):
        found = verified.step(name).executed
        assert [json.loads(path.read_text())["nbformat"] for path in found] == [4, 4]


def test_nothing_is_told_to_the_mlflow_that_is_set(verified):
    assert all("127.0.0.1:9" not in path.read_text() for path in verified.step("same").executed)


def test_the_project_and_its_records_stay_as_they_are(verified, shared_project):
    assert verified.touched == ()
    assert shared_project.path("same.csv").read_text() == "the user's own"
    assert not shared_project.path("chance.csv").exists()
    assert runs(shared_project.store) == []


def test_the_copies_are_gone(verified, shared_project):
    left = {path.name for path in (shared_project.workspace.root / "pipelines" / "delays").iterdir()}
    assert left == {"verified"}


def test_a_copy_has_all_that_the_steps_use_and_not_what_they_write(project, tmp_path):
    project.notebook("a", "1", parameters="where = ''")
    for name in ("lib/mine.py", "data/in.csv", "data/out.csv", ".git/config", "big/other.csv"):
        file = project.path(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    project.path("linked").symlink_to(project.path("big"))
    where = f"{project.folder}/data"
    project.pipeline({"a": {"outputs": ["data/out.csv", "made/x.csv"], "parameters": {"where": where}}})
    pipeline = read_pipeline(project.file)
    there, workspace = copied(pipeline, tmp_path / "copy")
    names = {path.relative_to(there.folder).as_posix() for path in there.folder.rglob("*") if path.is_file()}
    assert names >= {"a.ipynb", "pipeline.yaml", "lib/mine.py", "data/in.csv", "big/other.csv"}
    assert not names & {"data/out.csv", ".git/config"}
    assert (there.folder / "made").is_dir()
    assert (there.folder / "linked").resolve() == project.path("big")
    assert there.step("a").parameters == {"where": f"{tmp_path}/copy/data"}
    assert there.step("a").notebook == there.folder / "a.ipynb"
    assert there.step("a").fresh
    assert workspace.root == there.folder / ".mlops"


def test_what_is_written_in_a_copy_is_not_written_to_the_project(project, tmp_path):
    project.notebook("a", "1")
    project.path("in.csv").write_text("mine")
    project.pipeline({"a": {"inputs": ["in.csv"]}})
    there, _ = copied(read_pipeline(project.file), tmp_path / "copy")
    with (there.folder / "in.csv").open("a") as file:
        file.write(" and more")
    assert project.path("in.csv").read_text() == "mine"


def test_a_copy_inside_the_project_does_not_hold_itself(project):
    project.notebook("a", "1")
    project.pipeline({"a": {}})
    there, _ = copied(read_pipeline(project.file), make(project.path("state", "verify")) / "one")
    assert {path.name for path in there.folder.iterdir()} == {"a.ipynb", "pipeline.yaml", ".mlops"}


def make(folder):
    folder.mkdir(parents=True)
    return folder


def test_the_copy_begins_where_all_relative_paths_are_inside(project):
    project.notebook("a", "1")
    project.pipeline({"a": {"inputs": ["../raw/*/x.csv"]}})
    assert root_of(read_pipeline(project.file)) == project.folder.parent


def test_a_step_that_writes_elsewhere_by_an_absolute_path_is_refused(project, tmp_path):
    project.notebook("a", "1")
    project.pipeline({"a": {"outputs": [f"{tmp_path}/far.csv"]}})
    with pytest.raises(UsageError, match=r"a writes .*far\.csv: a copy cannot stand in for it"):
        verify(read_pipeline(project.file), workspace=project.workspace)
