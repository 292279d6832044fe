"""What is said of a run: the answer first, each step with its reason, what failed and where."""

from pathlib import Path

import pytest

from mlops_jupyter.cli import _plain
from mlops_jupyter.errors import NotFoundError, StepError
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.running.verification import Difference, StepVerification, Verification
from mlops_jupyter.verbs.as_html import LIMIT, render_html
from mlops_jupyter.verbs.as_text import render_text
from mlops_jupyter.verbs.pipeline_listed import RunsReport
from mlops_jupyter.verbs.pipeline_report import RunReport
from mlops_jupyter.verbs.pipeline_running import refuse_failure
from mlops_jupyter.verbs.pipeline_verified import VerifyReport
from tests.verbs.pipeline_runs import NEEDS, failed, many, matrix, run, running, step, succeeded


def test_the_first_line_is_the_answer():
    assert RunReport(succeeded()).headline == "delays: 4 steps ran, 1 skipped in 1 min 15 s"
    assert RunReport(failed()).headline == (
        "delays failed in train, cell 4 after 1 min 15 s: 1 succeeded, 1 skipped, 1 stopped, 1 not run"
    )
    assert RunReport(running()).headline.startswith("delays is running: 3 of 5 steps done")
    stopped = run([step("ingest", "STOPPED", 3), step("check", "NOT RUN")], {}, "STOPPED")
    assert RunReport(stopped).headline == "delays was stopped after 1 min 15 s: 0 of 2 steps done"
    unchanged = run([step(name, "SKIPPED") for name in NEEDS])
    assert RunReport(unchanged).headline == "delays is up to date: all 5 steps were skipped in 1 min 15 s"


def test_a_text_draws_the_graph_beside_the_steps_with_state_reason_cells_and_time():
    lines = render_text(RunReport(running()), 120).splitlines()
    assert lines[4].split() == ["»", "ingest", "✓", "skipped", "-", "-", "-"]
    assert "● │ train     • running    parameter month changed from 1 to 2  3/8" in lines[7]
    assert lines[8].startswith("○─╯ evaluate  • waiting")


def test_a_failure_shows_its_message_its_cell_and_its_traceback():
    text = render_text(RunReport(failed()), 120)
    assert "✗ train: ValueError: no rows in 2013-02" in text
    assert "Cell 4 of train\n    fit(rows)" in text
    assert "Traceback of train" in text
    assert "%mlops pipeline logs 3f2a 'train' --into FILE" in text


def test_a_failed_run_is_one_clean_line_with_step_cell_message_and_notebook():
    with pytest.raises(StepError) as error:
        refuse_failure(failed())
    assert str(error.value).startswith("delays failed in train, cell 4: ValueError: no rows in 2013-02; see ")
    assert str(error.value).endswith("runs/e.ipynb")


def test_a_stopped_run_is_an_error_that_says_how_to_go_on():
    with pytest.raises(StepError, match="delays was stopped; run it again: it goes on where it was"):
        refuse_failure(run([step("ingest", "STOPPED", 3)], {}, "STOPPED"))


def test_a_run_in_which_all_went_well_is_no_error():
    assert refuse_failure(succeeded()) is None


def test_a_report_has_fields_for_code():
    values = [
        step("train", "SUCCEEDED", 2, values={"auc": 0.78}),
        step("check", "SKIPPED", values={"ok": True}),
    ]
    report = RunReport(run(values, {}))
    assert report.ok
    assert report.values == {"train.auc": 0.78, "check.ok": True}
    assert report.ran == ("train",)
    assert report.skipped == ("check",)
    assert report.step("train").seconds == 2
    with pytest.raises(NotFoundError, match="no step named 'trian'; did you mean train"):
        report.step("trian")


def test_a_report_is_plain_values_for_json():
    import json

    told = json.loads(json.dumps(RunReport(failed()).to_dict(), default=_plain))
    assert told["state"] == "FAILED"
    assert told["ok"] is False
    assert told["steps"][3]["failure"]["cell"] == 4


def test_the_executed_notebook_is_a_link_where_a_server_shows_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = step("a b", "SUCCEEDED", 1, executed=tmp_path / "runs" / "a b" / "executed.ipynb")
    hidden = step("c", "SUCCEEDED", 1, executed=tmp_path / ".mlops" / "c" / "executed.ipynb")
    html = render_html(RunReport(run([shown, hidden], {})))
    assert '<a href="runs/a%20b/executed.ipynb">a b</a>' in html
    assert html.count("<a href") == 1


def test_of_two_hundred_steps_a_table_tells_what_failed_and_what_took_longest():
    report = RunReport(many())
    text = render_text(report, 120)
    assert "What did not go well, what runs, and what took longest" in text
    assert report.record.steps[50].name in text
    assert len(text.splitlines()) < 50
    assert len(render_html(report).encode()) < LIMIT


def test_a_step_whose_result_does_not_count_says_why():
    odd = step("ingest", "SUCCEEDED", 1, unsound="input a.csv changed while it ran")
    assert "! ingest will run again: input a.csv changed while it ran" in render_text(
        RunReport(run([odd], {}))
    )


def test_a_step_tried_again_says_so():
    again = step("ingest", "FAILED", 1, attempts=3, failure=Failure("timeout", "took more than 10 min", 2))
    assert "failed in cell 2 (try 3)" in render_text(RunReport(run([again], {}, "FAILED")))


def test_a_file_far_away_is_named_in_full():
    from mlops_jupyter.verbs.pipeline_report import near

    assert near(Path.cwd() / "a" / "b") == "a/b"
    far = Path(Path.cwd().anchor) / "elsewhere" / "b"
    assert near(far) in (str(far), "../elsewhere/b", "../../elsewhere/b")


def test_runs_are_listed_with_how_long_those_took_that_ran_anything():
    worked = [matrix(2) for _ in range(3)]
    text = render_text(RunsReport((*worked, running())), 140)
    assert text.startswith("4 runs; the last: delays: 4 steps ran in 1 min 15 s")
    assert "4 ran" in text
    assert "time of delays" in text
    assert RunsReport((), "delays").headline == "no run of delays yet"


def test_verifying_says_which_step_is_not_the_same_again_in_which_cell_and_why():
    found = Verification(
        "delays",
        (
            StepVerification("load", "SAME"),
            StepVerification(
                "fit", "DIFFERENT", (Difference("value auc", "0.71 against 0.73"),), 3, "model.fit(X, y)",
                "random without a seed", (Path("a.ipynb"), Path("b.ipynb")),
            ),
            StepVerification("report", "FOLLOWS", (Difference("output r.csv", "its bytes differ"),)),
        ),
        seconds=12.0,
        touched=("/data/x.csv",),
    )  # fmt: skip
    report = VerifyReport(found)
    assert report.headline == "delays is NOT reproducible: fit, cell 3 (12 s)"
    assert not report.reproducible
    text = render_text(report, 160)
    assert "value auc: 0.71 against 0.73" in text
    assert "random without a seed" in text
    assert "Cell 3 of fit\n    model.fit(X, y)" in text
    assert "both runs of fit: a.ipynb and b.ipynb" in text
    assert "/data/x.csv" in text
    assert report.to_dict()["reproducible"] is False


def test_verifying_says_that_all_is_the_same_or_that_it_could_not_tell():
    same = VerifyReport(Verification("delays", (StepVerification("load", "SAME"),), 3.0))
    assert same.headline == "delays is reproducible: 1 step gave the same twice (3.0 s)"
    failure = Failure("error", "ValueError: no rows", 2)
    broken = Verification("delays", (StepVerification("load", "FAILED", failure=failure),), 3.0)
    assert VerifyReport(broken).headline == "delays could not be verified: load failed (3.0 s)"
    assert "ValueError: no rows" in render_text(VerifyReport(broken), 120)
