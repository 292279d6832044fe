"""What differs between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.execution.job import Outcome
from mlops_jupyter.pipelines.records import planning
from mlops_jupyter.pipelines.records.comparing import diff
from mlops_jupyter.pipelines.records.environment import Environment
from tests.pipelines.records.project import Project, notebook_text, write

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.definition.pipeline import Step


@pytest.fixture
def fitted(project: Project) -> Project:
    project.write("data.csv", "1")
    project.step("train", code="depth = 3\nfit(depth)", inputs=("data.csv",), outputs=("model",))
    project.step("check", needs=("train",))
    return project


def work(step: Step, _values: dict[str, Any]) -> Outcome:
    """Write the notebook as model, and give its size as accuracy."""
    text = step.notebook.read_text()
    for name in step.outputs:
        write(step.notebook.parent / name, text)
    return Outcome("SUCCEEDED", 1.0, values={"accuracy": len(text)} if step.outputs else {})


def test_two_runs_of_the_same_do_not_differ(fitted: Project):
    found = diff(fitted.store, fitted.run(work), fitted.run(work))
    assert ([step.name for step in found.steps], found.differing) == (["train", "check"], ())


def test_code_is_compared_by_line(fitted: Project):
    before = fitted.run(work)
    write(fitted.folder / "train.ipynb", notebook_text("depth = 5\nfit(depth)", printed="fitted"))
    train, check = diff(fitted.store, before, fitted.run(work)).steps
    assert train.code.splitlines() == [
        *("--- train before", "+++ train after", "@@ -1,3 +1,3 @@", " # %%", "-depth = 3", "+depth = 5"),
        " fit(depth)",
    ]
    assert [change.words for change in train.made_from] == ["code changed"]
    assert [change.words for change in train.outputs] == ["output model changed"]
    assert train.values.keys() == {"accuracy"}
    assert [change.words for change in check.made_from] == ["train gave something new"]


def test_code_of_a_run_whose_copies_are_gone_is_said_to_have_changed(fitted: Project):
    before = fitted.run(work)
    before.step("train").executed.unlink()
    write(fitted.folder / "train.ipynb", notebook_text("depth = 5"))
    train = diff(fitted.store, before, fitted.run(work)).steps[0]
    assert (train.code, train.made_from[0].words) == ("", "code changed")


def test_inputs_parameters_and_environment_are_compared(fitted: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(planning, "environment_of", lambda *_: Environment({"pandas": "2.3"}))
    before = fitted.run(work)
    monkeypatch.setattr(planning, "environment_of", lambda *_: Environment({"pandas": "3.0"}))
    fitted.change("train", parameters={"depth": 5})
    fitted.write("data.csv", "2")
    train = diff(fitted.store, before, fitted.run(work)).steps[0]
    assert [change.words for change in train.made_from] == [
        "parameter depth is new",
        "input data.csv changed",
        "environment: pandas 2.3 -> 3.0",
    ]


def test_a_step_of_one_run_alone_is_shown_in_both(fitted: Project):
    before = fitted.run(work)
    del fitted.steps["check"]
    fitted.step("report")
    found = {step.name: step.states for step in diff(fitted.store, before, fitted.run(work)).differing}
    assert found == {"report": (None, "SUCCEEDED"), "check": ("SUCCEEDED", None)}


def test_skipped_steps_are_compared_by_the_results_they_stand_on(fitted: Project):
    before = fitted.run(work)
    write(fitted.folder / "check.ipynb", notebook_text("other"))
    after = fitted.run(work)
    assert [step.name for step in diff(fitted.store, before, after).differing] == ["check"]
    assert diff(fitted.store, before, after).steps[0].states == ("SUCCEEDED", "SKIPPED")
