"""What becomes of a step that ran, and whether its result counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.execution.job import Failure, Outcome
from tests.pipelines.records.project import Project, states

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.pipelines.definition.pipeline import Step


def doing(*actions: Callable[[], object], **facts: Any) -> Callable[[Step, dict[str, Any]], Outcome]:
    """Return the work of a step during which something happens."""

    def work(_step: Step, _values: dict[str, Any]) -> Outcome:
        for action in actions:
            action()
        return Outcome("SUCCEEDED", 1.0, **facts)

    return work


@pytest.fixture
def train(project: Project) -> Project:
    project.write("data.csv", "1")
    project.step("train", inputs=("*.csv",), outputs=("out/model",))
    return project


def test_what_a_step_wrote_is_recorded(train: Project):
    record = train.run(doing(lambda: train.write("out/model", "m"), values={"rows": 3}, peak_bytes=7)).step(
        "train"
    )
    assert (record.state, list(record.outputs), record.values, record.peak_bytes) == (
        *("SUCCEEDED", ["out/model"]),
        *({"rows": 3}, 7),
    )


def test_a_step_that_did_not_write_what_it_promises_has_failed(train: Project):
    record = train.run(doing()).step("train")
    assert (record.state, record.failure) == (
        "FAILED",
        Failure("output", "out/model: promised as output, and not written"),
    )


def test_a_folder_with_nothing_in_it_is_no_output(train: Project):
    record = train.run(doing(lambda: (train.folder / "out/model").mkdir(parents=True)))
    assert states(record) == {"train": "FAILED"}


def test_a_step_that_failed_keeps_why(train: Project):
    failure = Failure("timeout", "took over 10 m", 4)
    record = train.run(lambda *_: Outcome("FAILED", 1.0, failure, peak_bytes=9)).step("train")
    assert (record.failure, record.peak_bytes, record.outputs) == (failure, 9, {})


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [("data.csv", "2", "input data.csv changed"), ("more.csv", "2", "input more.csv changed")],
)
def test_an_input_that_changed_while_it_ran_makes_the_result_not_count(
    train: Project, name: str, text: str, what: str
):
    model = lambda: train.write("out/model", "m")  # noqa: E731 - one of two actions
    record = train.run(doing(model, lambda: train.write(name, text))).step("train")
    assert (record.state, record.unsound) == ("SUCCEEDED", f"{what} while it ran")
    assert train.reasons() == {"train": f"{what} while it ran"}
    assert states(train.run(doing(model))) == {"train": "SUCCEEDED"}
    assert train.reasons() == {}


@pytest.mark.parametrize("named", ["state.json", "*.json"])
def test_what_a_step_writes_itself_is_none_of_its_inputs(project: Project, named: str):
    project.write("state.json", "1")
    project.step("count", inputs=(named,), outputs=("state.json",))
    record = project.run(doing(lambda: project.write("state.json", "2"))).step("count")
    assert (record.unsound, record.fingerprint.inputs) == ("", {})
    assert project.reasons() == {}
    project.write("state.json", "1")
    assert project.reasons() == {"count": "output state.json was changed"}


def test_a_module_that_changed_while_it_ran_makes_the_result_not_count(project: Project):
    module = project.write("features.py", "1")
    project.step("train")
    project.run(doing(modules=(str(module),)))
    project.change("train", parameters={"depth": 3})
    record = project.run(doing(lambda: project.write("features.py", "2"), modules=(str(module),))).step(
        "train"
    )
    assert record.unsound == "module features.py changed while it ran"


def test_a_module_written_while_it_first_ran_makes_the_result_not_count(project: Project):
    project.step("train")
    module = project.folder / "features.py"
    record = project.run(doing(lambda: module.write_text("1"), modules=(str(module),))).step("train")
    assert record.unsound == "module features.py changed while it ran"
    record = project.run(doing(lambda: module.write_text("1"), modules=(str(module),))).step("train")
    assert record.unsound == ""


def test_a_module_outside_of_the_project_is_named_from_it(project: Project):
    module = project.write("../shared/hours.py", "1")
    project.step("train")
    record = project.run(doing(modules=(str(module.resolve()),))).step("train")
    assert list(record.fingerprint.modules) == ["../shared/hours.py"]


def test_what_is_recorded_is_what_was_there_before(train: Project):
    before = train.plan().steps["train"].record.fingerprint
    actions = [lambda: train.write("out/model", "m"), lambda: train.change("train", parameters={"x": 1})]
    record = train.run(doing(*actions)).step("train")
    assert replace(record.fingerprint, modules={}, upstream={}) == before
