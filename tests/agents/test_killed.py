"""An agent, and what it starts, killed at every named point: no run twice, and none lost."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mlops_jupyter.agents.due import enter_due
from mlops_jupyter.pipelines.definition.reading import read_pipeline
from mlops_jupyter.pipelines.records.history import runs
from mlops_jupyter.pipelines.running.following import run_pipeline
from mlops_jupyter.pipelines.scheduling.printed import cron_command
from mlops_jupyter.pipelines.scheduling.schedules import planned, schedule, unschedule
from mlops_jupyter.serving.processes import find_process
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.firings import firings
from mlops_jupyter.store.leases import living_agent
from mlops_jupyter.store.workspace import Workspace, make_folder

from .processes import PATIENCE, agent, attend, wait_until, was_killed

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule

PIPELINE = "name: {name}\nparameters: {{day: '@date(%Y-%m-%d)'}}\nsteps:\n  wait: {{notebook: wait.ipynb}}\n"
WAIT = """
import pathlib, time
pathlib.Path("begun").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.05)
"""


def notebook(*sources: str) -> str:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{at}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": s,
        }
        for at, s in enumerate(sources)
    ]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": spec, "nbformat": 4, "nbformat_minor": 5})


class Project:
    """A folder with a pipeline of one step, which waits until it may go on, and a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "pipeline.yaml"
        folder.mkdir()
        self.file.write_text(PIPELINE.format(name="delays"))
        (folder / "wait.ipynb").write_text(notebook(WAIT))
        make_folder(folder / ".mlops")
        self.store = Ledger(Workspace(folder / ".mlops"))

    def run(self) -> RunRecord:
        return run_pipeline(read_pipeline(self.file), workspace=self.store.workspace)

    def schedule(self, name: str, **facts: Any) -> Schedule:
        """Schedule the pipeline, so that it came due just now."""
        due = datetime.now(UTC).replace(second=0, microsecond=0)
        once_a_day, before = f"{due.minute} {due.hour} * * *", due - timedelta(seconds=1)
        return schedule(
            self.store, planned(self.file, once_a_day, timezone="UTC", name=name, now=before, **facts)
        )

    def scheduled_runs(self, name: str) -> list[RunRecord]:
        return [each for each in runs(self.store, limit=None) if each.cause == f"schedule {name}"]

    def firing(self, name: str) -> Firing | None:
        return next(iter(firings(self.store, name)[::-1]), None)

    def wait_for_begin(self, name: str) -> None:
        begun = self.folder / "begun"
        wait_until(lambda: begun.exists() or self.is_closed(name), "the run begins")
        assert begun.exists(), (self.firing(name).reason, [run.state for run in runs(self.store)])

    def is_closed(self, name: str) -> bool:
        found = self.firing(name)
        return found is not None and found.closed


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose pipeline has run: each further run finds all unchanged, and takes no kernel."""
    made = Project(tmp_path_factory.mktemp("projects") / "done")
    (made.folder / "go").touch()
    assert made.run().state == "SUCCEEDED"
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project whose pipeline never ran: its step waits for the file ``go``."""
    return Project(tmp_path / "fresh")


@pytest.mark.parametrize("point", ["leased", "entered", "claimed", "spawned"])
def test_an_agent_killed_at_any_point_leaves_all_it_needs_to_the_next(done: Project, point: str):
    done.schedule(point)
    with agent(done.store, kill_at=f"agent.{point}") as killed:
        assert was_killed(killed.wait(60))
    with agent(done.store):
        wait_until(lambda: done.is_closed(point), "the firing is closed")
        unschedule(done.store, point)
    (run,) = done.scheduled_runs(point)
    first = done.firing(point)
    assert (first.state, first.result) == ("SUCCEEDED", run.id)


@pytest.mark.parametrize("point", ["taken", "running", "performed", "ended"])
def test_an_attendant_killed_at_any_point_leaves_all_it_needs_to_the_next(done: Project, point: str):
    done.schedule(point)
    enter_due(done.store, datetime.now(UTC))
    code = attend(done.store, done.firing(point), f"{point} first", kill_at=f"firing.{point}")
    assert was_killed(code)
    left = done.firing(point)
    if point != "ended":
        assert (left.state in ("DUE", "RUNNING"), left.closed) == (True, False)
        assert attend(done.store, left, f"{point} second") == 0
    unschedule(done.store, point)
    (run,) = done.scheduled_runs(point)
    assert (done.firing(point).state, done.firing(point).result) == ("SUCCEEDED", run.id)
    assert done.firing(point).closed


@pytest.mark.parametrize(("point", "calls"), [("ended", 1), ("hooked", 2)])
def test_a_hook_is_called_even_if_its_caller_is_killed(done: Project, point: str, calls: int):
    name = f"hook-{point}"
    hook = f"sh -c 'echo $MLOPS_FIRING $MLOPS_STATE >> {name}'"
    made = done.schedule(name, hook=hook)
    with_file_gone(done, made)
    enter_due(done.store, datetime.now(UTC))
    assert was_killed(attend(done.store, done.firing(name), "first", kill_at=f"firing.{point}"))
    assert (done.firing(name).state, done.firing(name).closed) == ("FAILED", False)
    assert attend(done.store, done.firing(name), "second") == 0
    unschedule(done.store, name)
    firing = done.firing(name)
    assert (firing.hook, firing.closed) == ("the hook was called", True)
    assert "is gone" in firing.reason
    assert (done.folder / name).read_text().splitlines() == [f"{firing.id} FAILED"] * calls


def with_file_gone(project: Project, made: Schedule) -> None:
    """Let a schedule's file be one that is not there."""
    from dataclasses import replace

    from mlops_jupyter.store.schedules import save_schedule

    gone = {**made.subject, "file": str(project.folder / "gone.yaml")}
    save_schedule(project.store, replace(made, subject=gone))


def test_a_run_outlives_its_agent_and_the_next_one_finds_it(fresh: Project):
    fresh.schedule("nightly")
    with agent(fresh.store, "--token", "first") as first:
        fresh.wait_for_begin("nightly")
        first.kill()
        first.wait()
        assert living_agent(fresh.store) is None
        with agent(fresh.store, "--token", "second"):
            wait_until(lambda: living_agent(fresh.store), "the second agent")
            (fresh.folder / "go").touch()
            wait_until(lambda: fresh.is_closed("nightly"), "the firing is closed")
            unschedule(fresh.store, "nightly")
    assert [run.state for run in fresh.scheduled_runs("nightly")][-1:] == ["SUCCEEDED"]
    firing = fresh.firing("nightly")
    assert (firing.state, firing.attempts, firing.reason) == ("SUCCEEDED", 1, "1 step ran")


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_a_run_whose_process_is_killed_is_not_begun_again_and_calls_the_hook(fresh: Project, told: bool):
    fresh.schedule("nightly", hook="sh -c 'echo $MLOPS_STATE $MLOPS_RUN >> called'")
    enter_due(fresh.store, datetime.now(UTC))
    if told:
        with agent(fresh.store, "--token", "first"):
            fresh.wait_for_begin("nightly")
            wait_until(lambda: fresh.firing("nightly").result, "its id is written")
    else:
        code = attend(fresh.store, fresh.firing("nightly"), "first", kill_at="firing.begun")
        assert was_killed(code)
        assert fresh.firing("nightly").result == ""
    attendant = fresh.firing("nightly")
    assert find_process({"pid": attendant.pid, "token": attendant.token}) is None
    for number in range(20):
        attend(fresh.store, fresh.firing("nightly"), f"again {number}")
        if fresh.is_closed("nightly"):
            break
        assert fresh.firing("nightly").state == "RUNNING"
        wait_for_end_of(fresh)
    unschedule(fresh.store, "nightly")
    (run,) = fresh.scheduled_runs("nightly")
    assert run.state == "STOPPED"
    firing = fresh.firing("nightly")
    assert (firing.state, firing.result) == ("STOPPED", run.id)
    assert (fresh.folder / "called").read_text() == f"STOPPED {run.id}\n"


def wait_for_end_of(project: Project) -> None:
    """Wait until whoever runs the pipeline has ended."""
    from mlops_jupyter.pipelines.running.claims import who_runs

    wait_until(lambda: who_runs(project.store, "delays") is None, "the runner ends")


def test_after_a_reboot_what_was_missed_is_made_up_for_once(done: Project):
    long_ago = datetime.now(UTC) - timedelta(days=3)
    made = planned(done.file, "0 * * * *", timezone="UTC", name="reboot", now=long_ago)
    schedule(done.store, made)
    with agent(done.store):
        wait_until(lambda: done.is_closed("reboot"), "the firing is closed")
        unschedule(done.store, "reboot")
    assert len(done.scheduled_runs("reboot")) == 1
    assert done.firing("reboot").passed_over >= 70


def test_a_run_by_hand_is_waited_for(done: Project):
    from mlops_jupyter.pipelines.running.claims import claimed

    done.schedule("busy")
    enter_due(done.store, datetime.now(UTC))
    with claimed(done.store, "delays"):
        assert attend(done.store, done.firing("busy"), "first") == 0
        waits = done.firing("busy")
        assert (waits.state, waits.closed) == ("DUE", False)
        assert f"by process {psutil.Process().pid}" in waits.reason
    assert attend(done.store, waits, "second") == 0
    unschedule(done.store, "busy")
    assert done.firing("busy").state == "SUCCEEDED"
    assert len(done.scheduled_runs("busy")) == 1


def test_the_runs_date_is_when_it_was_due_by_the_clock_of_the_place(done: Project):
    now = datetime(2026, 3, 28, 22, tzinfo=UTC)
    made = planned(done.file, "30 2 * * *", timezone="Europe/Berlin", name="dated", now=now)
    schedule(done.store, made)
    enter_due(done.store, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert attend(done.store, done.firing("dated"), "dated") == 0
    unschedule(done.store, "dated")
    (run,) = done.scheduled_runs("dated")
    assert run.parameters == {"day": "2026-03-29"}


def test_the_line_for_crontab_runs_the_pipeline(done: Project):
    made = planned(done.file, "0 6 * * 1", timezone="UTC", parameters={"day": "@date(%Y, -1 year) it's"})
    line = cron_command(made, done.store.workspace).replace(r"\%", "%")
    # its parameter has no part in the step, so that nothing is to be done
    said = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert said.returncode == 0, said.stderr
    last = runs(done.store, limit=1)[0]
    assert (last.state, last.parameters) == ("SUCCEEDED", {"day": f"{datetime.now(UTC).year - 1} it's"})


def test_an_attendant_that_is_told_to_end_stops_the_run_cleanly(fresh: Project):
    fresh.schedule("nightly")
    with agent(fresh.store):
        fresh.wait_for_begin("nightly")
        attendant = fresh.firing("nightly")
        psutil.Process(attendant.pid).send_signal(signal.SIGTERM)
        wait_until(lambda: fresh.is_closed("nightly"), "the firing is closed")
        unschedule(fresh.store, "nightly")
    assert fresh.firing("nightly").state == "STOPPED"
    assert fresh.scheduled_runs("nightly")[-1].state == "STOPPED"
