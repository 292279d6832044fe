"""Processes of steps, with work of a few lines in place of a notebook."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.execution.job import Outcome, Progress, StepJob
from mlops_jupyter.pipelines.running import pool as pools
from mlops_jupyter.pipelines.running.pool import Pool, Told

LONG = 60


def job(name: str, **parameters) -> StepJob:
    folder = Path(__file__).parent
    return StepJob(Step(name, folder / "x.ipynb", parameters), "run", "delays", folder, folder, folder)


def work(told: StepJob, tell) -> Outcome:
    tell(Progress(0, 1, "begun"))
    behaviour = told.step.parameters["does"]
    if behaviour == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "raises":
        raise ValueError("no rows")
    if behaviour == "waits":
        time.sleep(LONG)
    if behaviour == "does not heed":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        tell(Progress(0, 1, "deaf"))
        time.sleep(LONG)
    if behaviour == "lists descriptors":
        files = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
        return Outcome("SUCCEEDED", 0.0, values={"files": files})
    return Outcome("SUCCEEDED", 0.0, values={"pid": os.getpid()})


def until(pool: Pool, wanted, limit: float = LONG) -> list[Told]:
    """Everything told until `wanted(all)`."""
    told: list[Told] = []
    end = time.monotonic() + limit
    while not wanted(told):
        assert time.monotonic() < end, told
        told += pool.news()
        pool.kill_late()
        time.sleep(0.01)
    return told


def outcomes(told: list[Told]) -> dict[str, Outcome]:
    return {each.job.step.name: each.news for each in told if isinstance(each.news, Outcome)}


@pytest.fixture
def pool():
    made = Pool(work)
    yield made
    made.close()


def test_each_step_runs_in_a_process_of_its_own(pool):
    for name in "ab":
        pool.start(job(name, does="nothing"))
    ended = outcomes(until(pool, lambda told: len(outcomes(told)) == 2))
    assert len({ended["a"].values["pid"], ended["b"].values["pid"], os.getpid()}) == 3
    assert pool.jobs == ()


def test_progress_is_told_before_the_end(pool):
    pool.start(job("a", does="nothing"))
    told = until(pool, outcomes)
    assert [type(each.news) for each in told] == [Progress, Outcome]


def test_a_process_that_is_killed_fails_its_step_alone(pool):
    pool.start(job("a", does="dies"))
    pool.start(job("b", does="nothing"))
    ended = outcomes(until(pool, lambda told: len(outcomes(told)) == 2))
    assert ended["b"].state == "SUCCEEDED"
    assert ended["a"].failure.kind == "runner"
    assert ended["a"].failure.message == "the process that ran the step was ended by SIGKILL"


def test_a_failure_of_ours_fails_the_step_and_says_what_it_was(pool):
    pool.start(job("a", does="raises"))
    failure = outcomes(until(pool, outcomes))["a"].failure
    assert failure.message == "ValueError: no rows"
    assert "test_pool.py" in failure.detail


def test_an_interrupt_stops_what_runs(pool):
    pool.start(job("a", does="waits"))
    until(pool, bool)
    pool.stop()
    assert outcomes(until(pool, outcomes))["a"].state == "STOPPED"


def test_an_interrupt_right_after_the_start_is_not_lost(pool):
    for name in "abcd":
        pool.start(job(name, does="waits"))
    pool.stop()
    ended = outcomes(until(pool, lambda told: len(outcomes(told)) == 4))
    assert {each.state for each in ended.values()} == {"STOPPED"}


def test_what_does_not_heed_an_interrupt_is_killed(pool, monkeypatch):
    monkeypatch.setattr(pools, "GRACE_SECONDS", 0.2)
    pool.start(job("a", does="does not heed"))
    until(pool, lambda told: any(each.news == Progress(0, 1, "deaf") for each in told))
    pool.stop()
    assert outcomes(until(pool, outcomes))["a"].state == "STOPPED"


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are listed in /proc")
def test_no_step_holds_what_is_private_to_the_runner(tmp_path):
    with (tmp_path / "private").open("w") as private:
        pool = Pool(work, [private.fileno()])
        pool.start(job("a", does="lists descriptors"))
        files = outcomes(until(pool, outcomes))["a"].values["files"]
        pool.close()
    assert files
    assert str(tmp_path / "private") not in files


def test_steps_end_with_a_runner_that_is_killed(tmp_path):
    script = """
        import sys, time
        sys.path.insert(0, sys.argv[1])
        from test_pool import Pool, job, until, work
        pool = Pool(work)
        for name in "ab":
            pool.start(job(name, does="waits"))
        until(pool, lambda told: len(told) == 2)
        print(*[each.pid for each in __import__("psutil").Process().children()], flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runner:
        steps = [psutil.Process(int(pid)) for pid in runner.stdout.readline().split()]
        runner.kill()
    assert len(steps) == 2
    assert psutil.wait_procs(steps, timeout=LONG)[1] == []
