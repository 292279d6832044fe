"""Verbs of pipelines in a shell: lines on stderr, the result on stdout, JSON, exit codes; and schedules."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter import cli
from mlops_jupyter.errors import NotFoundError, StepError, UsageError
from mlops_jupyter.pipelines.scheduling.schedules import planned, schedule
from mlops_jupyter.pipelines.scheduling.starting import stop_agent
from mlops_jupyter.serving.processes import wait_for_end
from mlops_jupyter.store.firings import Firing, change, claim, enter, firings
from mlops_jupyter.verbs.pipeline_scheduled import ScheduleList, failure_of
from tests.verbs.pipeline_runs import succeeded

FILE = """
name: delays
parameters: {bad: false}
mlflow: false
steps:
  load: {notebook: load.ipynb}
  fit: {notebook: fit.ipynb, after: [load]}
"""
MONDAYS = "0 6 * * 1"


def notebook(*cells):
    made = [
        {"cell_type": "code", "id": f"c{i}", "source": source, "metadata": {"tags": tags}, "outputs": [],
         "execution_count": None}
        for i, (source, *tags) in enumerate(cells)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def project(workspace, tmp_path):
    """A project with a pipeline of two steps; its agent, if it got one, is ended."""
    (tmp_path / "pipeline.yaml").write_text(FILE)
    (tmp_path / "load.ipynb").write_text(notebook(["1 + 1"]))
    (tmp_path / "fit.ipynb").write_text(
        notebook(["bad = False", "parameters"], ["if bad: raise ValueError('no rows')"])
    )
    yield tmp_path
    stop_agent(workspace)


def shell(project, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "mlops_jupyter.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=project, env=environment, text=True, **pipes, **options)


def test_a_shell_has_progress_on_stderr_and_the_result_on_stdout(project, capsys):
    assert cli.main(["pipeline", "run", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["state"] == "SUCCEEDED"
    lines = shown.err.splitlines()
    assert lines[:2] == ["delays: load running: never run", lines[1]]
    assert lines[-1].startswith("delays: fit succeeded after ")
    assert cli.main(["pipeline", "run", "-p", "bad=true"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.splitlines()[-1]
    assert last.startswith("mlops: delays failed in fit, cell 3: ValueError: no rows; see .mlops/pipelines/")
    assert "delays: skipped: load" in shown.err
    assert cli.main(["pipeline", "logs", "last", "fit", "--into", "fit.html"]) == 0
    assert "ValueError" in (project / "fit.html").read_text()
    assert cli.main(["pipeline", "logs", "last", "fit", "--into", "fit.html"]) == 2
    assert cli.main(["pipeline", "logs", "last", "--into", "other.html"]) == 2


def test_a_run_that_mlflow_does_not_show_says_why_and_is_tried_again(workspace, monkeypatch):
    from mlops_jupyter.pipelines.running import mirror

    asked = []
    monkeypatch.setattr(mirror, "note_of", lambda workspace, record: "nobody answers at http://nowhere")
    monkeypatch.setattr(mirror, "show_later", asked.append)
    record = unmirrored(workspace)
    report = mlops.pipeline.show(record.id)
    assert "! not in MLflow yet: nobody answers at http://nowhere; it is tried again" in str(report)
    assert len(asked) == 1


def unmirrored(workspace):
    """Write down a run that MLflow does not show."""
    from mlops_jupyter.pipelines.records.history import begin_run
    from mlops_jupyter.store.direct import Ledger

    record = succeeded()
    begin_run(Ledger(workspace), record)
    return record


def test_wrong_words_are_refused_before_anything_runs(project, capsys):
    for arguments in (["--jobs", "0"], ["-p", "bda=true"], ["--until", "fti"], ["nosuch.yaml"]):
        assert cli.main(["pipeline", "run", *arguments]) in (1, 2)
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert mlops.pipeline.runs().runs == ()


def test_ctrl_c_stops_a_run_from_a_shell(project):
    (project / "load.ipynb").write_text(
        notebook(["open('begun', 'w').close()\nimport time; time.sleep(600)"])
    )
    with shell(project, "pipeline", "run", start_new_session=True) as process:
        while not (project / "begun").exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, shown = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "mlops: delays was stopped; run it again: it goes on where it was" in shown
    assert mlops.pipeline.show().state == "STOPPED"


def test_a_schedule_is_made_with_an_agent_listed_foretold_and_taken_away(project):
    made = mlops.pipeline.schedule(cron=MONDAYS, timezone="Europe/Berlin", parameters={"bad": "true"})
    assert made.headline.startswith("delays runs at 06:00 on Monday (Europe/Berlin); first on ")
    assert made.next[0].utcoffset() is not None
    assert [schedule.name for schedule in mlops.pipeline.schedules().schedules] == ["delays"]
    assert "bad=true" in str(mlops.pipeline.schedules())
    ahead = mlops.pipeline.next(limit=2)
    assert [each.due for each in ahead.times] == list(made.next[:2])
    assert ahead.agent
    assert mlops.agent().running
    assert mlops.agent().headline.startswith("the agent runs; next: delays on Mon ")
    assert made.schedule.subject["file"] == str(project / "pipeline.yaml")
    gone = mlops.pipeline.unschedule("delays")
    assert gone.headline == "delays does not run by itself any more; its runs stay"
    assert mlops.pipeline.schedules().headline == "nothing is scheduled"
    assert mlops.pipeline.next().headline == "nothing is scheduled"
    with pytest.raises(NotFoundError, match="no schedule named 'delays'"):
        mlops.pipeline.unschedule("delays")


def test_what_is_printed_for_other_schedulers_changes_nothing(project):
    printed = mlops.pipeline.schedule(cron=MONDAYS, print_="cron")
    assert "0 6 * * 1 cd " in printed.text
    assert "nothing was changed here" in printed.headline
    assert mlops.pipeline.schedules().schedules == ()
    assert not mlops.agent().running


def test_what_keeps_the_agent_running_is_printed_and_nothing_started(project):
    printed = str(mlops.agent(print_="systemd"))
    assert "Restart=always" in printed
    assert f"--workspace {project / '.mlops'} --stays" in printed
    assert "@reboot" in str(mlops.agent(print_="cron"))
    assert not mlops.agent().running


def test_a_pipeline_that_failed_by_hand_wants_attention_until_it_succeeds(project):
    with pytest.raises(StepError):
        mlops.pipeline.run(parameters={"bad": True})
    run = mlops.pipeline.show().id
    assert [each.remedy for each in mlops.overview().attention] == [f"mlops pipeline show {run}"]
    mlops.pipeline.run()
    assert mlops.overview().attention == ()


def test_an_agent_is_started_and_stopped(project):
    assert mlops.agent().headline == "no agent runs here, and none is needed: nothing is scheduled"
    assert mlops.agent("start").running
    assert not mlops.agent("stop").running
    with pytest.raises(UsageError, match="the action cannot be 'strat'; did you mean start"):
        mlops.agent("strat")


@pytest.mark.parametrize("ask", [mlops.overview, mlops.pipeline.schedules, mlops.pipeline.next])
def test_an_agent_that_was_killed_is_started_again_by_who_looks(project, ask):
    assert mlops.agent("start").running
    killed = psutil.Process(mlops.agent().status.lease.pid)
    killed.kill()
    wait_for_end([killed], 30)
    assert not mlops.agent().running
    ask()
    assert mlops.agent().running
    assert not mlops.agent("stop").running
    ask()
    assert not mlops.agent().running


def test_what_failed_with_no_notebook_open_is_seen(project, store):
    made = schedule(store, planned(project / "pipeline.yaml", MONDAYS))
    now = datetime.now(UTC)
    assert enter(store, made, Firing(0, made.name, now), None)
    (fired,) = firings(store)
    assert claim(store, fired, "token", now)
    change(store, fired.id, "token", state="FAILED", reason="fit failed in cell 3", result="r1", ended=now)
    text = "schedule delays failed: fit failed in cell 3"
    assert f"! {text}: mlops pipeline show r1" in str(mlops.overview())
    assert "no agent runs: mlops agent start" in str(mlops.overview())
    report = mlops.agent()
    assert f"✗ {text}; see: mlops pipeline show r1" in str(report)
    assert "NO agent runs here" in report.headline or not report.status.next
    assert "not well the last time: delays" in mlops.pipeline.schedules().headline


def test_a_notebook_gives_and_takes_values_by_the_packages_root():
    from mlops_jupyter.pipelines.execution import values

    assert (mlops.output, mlops.input, mlops.secret) == (values.output, values.input, values.secret)
    assert {"output", "input", "secret", "pipeline", "agent", "step"} <= set(dir(mlops))


def test_a_failure_without_a_run_says_why():
    firing = Firing(1, "nightly", datetime.now(UTC), "MISSED", reason="the run before went on")
    assert failure_of(firing) == "schedule nightly missed: the run before went on"


def test_an_empty_list_says_how_to_begin():
    assert "%mlops pipeline schedule --cron" in str(ScheduleList((), {}))
