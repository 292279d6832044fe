"""Which steps run, and why, in words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.errors import ConflictError, NotFoundError
from mlops_jupyter.pipelines.execution.job import Outcome
from mlops_jupyter.pipelines.records import planning
from mlops_jupyter.pipelines.records.environment import Environment
from mlops_jupyter.pipelines.records.history import begin_run, end_run, runs, save_step
from mlops_jupyter.pipelines.records.planning import plan
from tests.pipelines.records.project import Project, failing, notebook_text, ran, states, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from mlops_jupyter.pipelines.definition.pipeline import Step


@pytest.fixture
def chain(project: Project) -> Project:
    """ingest -> train -> check, by files; every step has run."""
    project.write("raw/a.csv", "1")
    project.step("ingest", inputs=("raw/*.csv",), outputs=("month.csv",), parameters={"month": 1})
    project.step("train", inputs=("month.csv",), outputs=("model/",), needs=("ingest",))
    project.step("check", inputs=("model",), needs=("train",))
    assert ran(project.run(trained)) == ["ingest", "train", "check"]
    return project


def trained(step: Step, _values: dict[str, Any]) -> Outcome:
    for name in step.outputs:
        folder = step.notebook.parent
        write(folder / name / "model.skops" if name.endswith("/") else folder / name, step.name)
    return Outcome("SUCCEEDED", 1.0)


def test_a_step_that_never_ran_runs(project: Project):
    project.step("ingest")
    assert project.reasons() == {"ingest": "never run"}


def test_an_unchanged_pipeline_is_skipped_and_says_since_when(chain: Project):
    decisions = chain.plan().steps.values()
    since = runs(chain.store)[0].id
    assert {(each.run, each.reason, each.record.state) for each in decisions} == {
        (False, f"unchanged since run {since}", "SKIPPED")
    }


def test_a_skipped_step_gives_what_its_result_was(project: Project):
    project.step("train", outputs=("model.skops",))
    project.run(lambda step, given: replace(project.writing(step, given), values={"accuracy": 0.9}))
    skipped = project.run().step("train")
    assert (skipped.state, skipped.values, list(skipped.outputs)) == (
        "SKIPPED",
        {"accuracy": 0.9},
        ["model.skops"],
    )


def test_a_result_stands_however_many_runs_skip_it(chain: Project):
    first = chain.run()
    assert {step.from_run for step in chain.run().steps} == {step.from_run for step in first.steps}


CHANGES: dict[str, tuple[Callable[[Project], object], str, str]] = {
    "code": (
        lambda p: write(p.folder / "train.ipynb", notebook_text("fit()")),
        "train",
        "code changed in cell 2",
    ),
    "kernel": (lambda p: p.change("train", kernel="ir"), "train", "kernel changed from python3 to ir"),
    "parameter": (
        lambda p: p.change("ingest", parameters={"month": 2}),
        "ingest",
        "parameter month changed from 1 to 2",
    ),
    "new parameter": (
        lambda p: p.change("ingest", parameters={"month": 1, "year": 2013}),
        "ingest",
        "parameter year is new",
    ),
    "parameter gone": (
        lambda p: p.change("ingest", parameters={}),
        "ingest",
        "parameter month is no longer given",
    ),
    "input": (lambda p: p.write("raw/a.csv", "2"), "ingest", "input raw/a.csv changed"),
    "new input": (lambda p: p.write("raw/b.csv", "2"), "ingest", "input raw/b.csv is new"),
    "input gone": (lambda p: (p.folder / "raw/a.csv").unlink(), "ingest", "input raw/a.csv is gone"),
    "output": (lambda p: p.write("model/model.skops", "2"), "train", "output model/model.skops was changed"),
    "output gone": (
        lambda p: (p.folder / "model/model.skops").unlink(),
        "train",
        "output model/model.skops is gone",
    ),
    "output added": (lambda p: p.write("model/stray", ""), "train", "output model/stray was added"),
    "output promised": (lambda p: p.change("check", outputs=("x",)), "check", "output x is new"),
    "secret": (lambda p: p.change("check", secrets={"token": "env:T"}), "check", "secret token is new"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_the_reason_to_run(chain: Project, what: str):
    change, step, reason = CHANGES[what]
    change(chain)
    assert chain.reasons()[step] == reason


def test_code_whose_executed_copy_is_gone_has_changed_somewhere(chain: Project):
    runs(chain.store)[0].step("train").executed.unlink()
    write(chain.folder / "train.ipynb", notebook_text("fit()"))
    assert chain.reasons()["train"] == "code changed"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("pass", "fit()"), "code changed in cell 3"),
        (("import os", "fit()"), "code changed in cells 2, 3"),
        (("a", "b", "c", "d"), "code changed in cells 2, 3, 4 and 1 more"),
        ((), "code changed: 1 cell removed"),
    ],
)
def test_the_cells_that_changed_are_named(chain: Project, cells: tuple[str, ...], reason: str):
    write(chain.folder / "train.ipynb", notebook_text(*cells))
    assert chain.reasons()["train"] == reason


def test_markdown_and_outputs_of_a_notebook_are_no_change(chain: Project):
    write(chain.folder / "train.ipynb", notebook_text("pass", printed="fitted", notes="# Train"))
    assert chain.reasons() == {}


def test_that_jupyter_names_the_kernel_is_no_change(chain: Project):
    write(chain.folder / "train.ipynb", notebook_text("pass", kernel=""))
    assert chain.reasons() == {}


def test_a_file_written_anew_with_the_same_content_is_no_change(chain: Project):
    chain.write("raw/a.csv", "1")
    chain.write("model/model.skops", "train")
    assert chain.reasons() == {}


def test_a_project_that_was_moved_is_no_change(chain: Project):
    elsewhere = chain.folder.rename(chain.folder.with_name("moved"))
    for name, step in chain.steps.items():
        chain.change(name, notebook=elsewhere / step.notebook.name)
    chain.folder = elsewhere
    assert chain.reasons() == {}


def test_many_changes_are_counted(chain: Project):
    chain.change("ingest", parameters=dict.fromkeys("abcd", 1))
    assert chain.reasons()["ingest"].endswith("parameter b is new and 2 more")


def test_a_step_behind_one_that_runs_is_decided_when_that_ended(chain: Project):
    chain.change("ingest", parameters={"month": 2})
    decisions = chain.plan().steps
    assert (decisions["train"].reason, decisions["train"].settled) == (
        "if ingest gives something new",
        False,
    )
    record = decisions["train"].record
    assert (record.state, record.attempts, record.outputs, record.executed) == ("WAITING", 0, {}, None)
    assert states(chain.run(trained)) == {"ingest": "SUCCEEDED", "train": "SKIPPED", "check": "SKIPPED"}


def test_a_step_behind_one_that_runs_runs_for_a_reason_of_its_own(chain: Project):
    chain.change("ingest", parameters={"month": 2})
    write(chain.folder / "train.ipynb", notebook_text("fit()"))
    decision = chain.plan().steps["train"]
    assert (decision.reason, decision.settled) == ("code changed in cell 2", True)


def test_what_gives_something_new_runs_what_needs_it(chain: Project):
    chain.write("raw/a.csv", "2")
    record = chain.run(lambda step, _given: trained(replace(step, name=f"{step.name} again"), _given))
    assert ran(record) == ["ingest", "train", "check"]
    assert record.step("train").reason == "input month.csv changed"


def test_a_step_that_failed_runs_and_names_the_run(chain: Project):
    chain.write("raw/a.csv", "2")
    run = chain.run(failing({"ingest"}, trained))
    assert states(run) == {"ingest": "FAILED", "train": "NOT RUN", "check": "NOT RUN"}
    chain.write("raw/a.csv", "1")
    assert chain.reasons()["ingest"] == f"failed in run {run.id}"


def test_a_run_resumes_where_it_broke(chain: Project):
    chain.write("raw/a.csv", "2")
    chain.run(failing({"train"}, lambda step, given: chain.writing(step, given)))
    record = chain.run(trained)
    assert states(record) == {"ingest": "SKIPPED", "train": "SUCCEEDED", "check": "SKIPPED"}


def test_a_step_that_was_killed_runs(project: Project):
    project.step("train")
    project.run()
    killed = replace(project.run(), id="killed", state="RUNNING", ended=None)
    begin_run(project.store, killed)
    save_step(project.store, "killed", replace(killed.step("train"), state="RUNNING"))
    assert project.reasons() == {"train": "was stopped in run killed"}
    assert states(end_run(project.store, "killed", "STOPPED")) == {"train": "STOPPED"}
    assert project.reasons() == {"train": "was stopped in run killed"}


def test_everything_runs_when_forced(chain: Project):
    assert set(chain.reasons(force=True).values()) == {"forced"}
    assert ran(chain.run(trained, force=True)) == ["ingest", "train", "check"]


def test_an_older_result_is_no_reason_to_skip(project: Project):
    project.step("publish", parameters={"month": 1})
    project.run()
    project.change("publish", parameters={"month": 2})
    project.run()
    project.change("publish", parameters={"month": 1})
    assert project.reasons() == {"publish": "parameter month changed from 2 to 1"}


def test_a_run_to_verify_is_no_result(project: Project):
    project.step("train")
    project.run(cause="verify")
    assert project.reasons() == {"train": "never run"}


def test_variables_count_and_their_values_are_nowhere(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLAG", "much-secret")
    project.step("train", variables=("FLAG", "UNSET_FLAG"))
    record = project.run()
    assert project.reasons() == {}
    monkeypatch.setenv("FLAG", "more-secret")
    monkeypatch.setenv("UNSET_FLAG", "1")
    assert project.reasons() == {"train": "variable FLAG changed, variable UNSET_FLAG is set now"}
    monkeypatch.delenv("FLAG")
    assert "variable FLAG is no longer set" in project.reasons()["train"]
    stored = b"".join(path.read_bytes() for path in project.store.workspace.root.glob("store.db*"))
    assert b"much-secret" not in stored
    assert "much-secret" not in repr(record)
    guessed = hashlib.sha256(b"FLAG=much-secret").hexdigest()
    assert guessed not in repr(record)


def test_a_distribution_of_another_version_is_named(project: Project, monkeypatch: pytest.MonkeyPatch):
    packages = {"scikit-learn": "1.8.0", "python": "3.12.1"}
    monkeypatch.setattr(planning, "environment_of", lambda *_: Environment(packages))
    project.step("train")
    project.run()
    assert project.reasons() == {}
    later = {"scikit-learn": "1.9.1", "python": "3.12.1", "shap": "0.50"}
    monkeypatch.setattr(planning, "environment_of", lambda *_: Environment(later))
    assert project.reasons() == {
        "train": "environment: scikit-learn 1.8.0 -> 1.9.1, environment: shap absent -> 0.50"
    }


def test_local_modules_of_the_last_run_count(project: Project):
    module = project.write("features.py", "def hours(): ...")
    project.step("train")
    project.run(lambda *_: Outcome("SUCCEEDED", 1.0, modules=(str(module),)))
    assert project.reasons() == {}
    project.write("features.py", "def hours(): return 1")
    assert project.reasons() == {"train": "module features.py changed"}
    module.unlink()
    assert project.reasons() == {"train": "module features.py is gone"}


@pytest.fixture
def values(project: Project) -> Project:
    """Train gives values, report reads one, notify comes after it, archive takes its file."""
    project.step("train")
    for name in ("report", "notify"):
        project.step(name, needs=("train",))
    project.run(giving({"rows": 3, "seconds": 1.5}))
    return project


def giving(values: dict[str, Any]) -> Callable[[Step, dict[str, Any]], Outcome]:
    def work(step: Step, _given: dict[str, Any]) -> Outcome:
        reads = ("train.rows",) if step.name == "report" else ()
        return Outcome("SUCCEEDED", 1.0, values=values if step.name == "train" else {}, reads=reads)

    return work


def test_a_value_that_is_not_read_is_no_reason(values: Project):
    record = values.run(giving({"rows": 3, "seconds": 9.9}), force=False, selection=None)
    write(values.folder / "train.ipynb", notebook_text("fit()"))
    record = values.run(giving({"rows": 3, "seconds": 9.9}))
    assert states(record) == {"train": "SUCCEEDED", "report": "SKIPPED", "notify": "SUCCEEDED"}
    assert record.step("notify").reason == "train gave something new"


def test_a_value_that_is_read_is_a_reason(values: Project):
    write(values.folder / "train.ipynb", notebook_text("fit()"))
    record = values.run(giving({"rows": 4, "seconds": 1.5}))
    assert record.step("report").reason == "value train.rows changed"


def test_what_comes_after_a_step_that_gives_nothing_runs_whenever_that_ran(project: Project):
    project.step("load")
    project.step("notify", needs=("load",))
    project.run()
    assert project.reasons() == {}
    write(project.folder / "load.ipynb", notebook_text("load()"))
    assert ran(project.run()) == ["load", "notify"]


def test_steps_before_are_taken_as_they_are(chain: Project):
    write(chain.folder / "ingest.ipynb", notebook_text("other()"))
    chain.write("month.csv", "mended by hand")
    decisions = chain.plan(selection=(["train", "check"], ["ingest"])).steps
    assert decisions["ingest"].reason.startswith("taken as it is from run ")
    assert decisions["train"].reason == "input month.csv changed"


def test_steps_that_nobody_asked_for_are_no_part_of_the_plan(chain: Project):
    assert list(chain.plan(selection=(["ingest"], [])).steps) == ["ingest"]


def test_a_step_without_a_result_cannot_be_taken_as_it_is(project: Project):
    project.step("ingest")
    with pytest.raises(NotFoundError, match=r"ingest has no result to go on from.*never succeeded"):
        project.plan(selection=([], ["ingest"]))


def test_a_result_whose_file_is_gone_cannot_be_taken_as_it_is(chain: Project):
    (chain.folder / "month.csv").unlink()
    with pytest.raises(NotFoundError, match=r"ingest has no result.*month\.csv is gone"):
        chain.plan(selection=(["train"], ["ingest"]))


def test_what_a_failure_left_half_written_cannot_be_taken_as_it_is(chain: Project):
    def half(step: Step, _given: dict[str, Any]) -> Outcome:
        chain.write("month.csv", "half")
        return failing({step.name}, trained)(step, {})

    chain.write("raw/a.csv", "2")
    run = chain.run(half)
    with pytest.raises(NotFoundError, match=rf"did not succeed in run {run.id}, and left other files"):
        chain.plan(selection=(["train"], ["ingest"]))
    chain.write("month.csv", "ingest")
    assert not chain.plan(selection=(["train"], ["ingest"])).steps["ingest"].run


def test_another_file_with_a_pipeline_of_this_name_is_refused(chain: Project, tmp_path: Path):
    other = replace(chain.pipeline, file=write(tmp_path / "other" / "pipeline.yaml", ""))
    with pytest.raises(ConflictError, match=r"are both named delays.*another `name:`"):
        plan(other, None, chain.store)
    chain.pipeline.file.unlink()
    assert plan(other, None, chain.store).steps.keys() == chain.steps.keys()


def test_a_copy_made_when_the_run_began_is_what_counts(chain: Project, tmp_path: Path):
    copy = write(tmp_path / "copy.ipynb", notebook_text("pass"))
    notebook = write(chain.folder / "train.ipynb", notebook_text("edited during the run"))
    assert chain.reasons(notebooks={notebook: copy}) == {}
    assert chain.reasons()["train"] == "code changed in cell 2"
