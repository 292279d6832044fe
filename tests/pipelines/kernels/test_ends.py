"""Nobody outlives who it is for: whatever is killed, kernels end, and nothing of them is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pipelines.kernels.conftest import Notebooks, Talk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
LIMIT = 60.0


def until(condition: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def ended(pid: int) -> bool:
    """Whether a process does nothing any more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def run_of_one(notebooks: Notebooks, mode: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run a step in a runner of its own; gives the runner, and who takes part."""
    script = Path(__file__).with_name("run_of_one.py")
    command = [sys.executable, str(script), str(notebooks.folder / "step.ipynb"), mode]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert runner.stdout is not None
    try:
        yield runner, json.loads(runner.stdout.readline()) | json.loads(runner.stdout.readline())
    finally:
        runner.kill()
        runner.wait()
        runner.stdout.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def taking_part(forked: Notebooks):
    with run_of_one(forked, "once") as (runner, pids):
        yield runner, pids


def test_when_the_runner_and_its_steps_are_killed_everything_ends(taking_part: Any):
    runner, pids = taking_part
    kill(pids["step"])
    kill(runner.pid)
    assert until(lambda: all(ended(pids[who]) for who in ("kernel", "child", "warm", "nursery")))
    assert until(lambda: not Path(pids["folder"]).exists())


def test_when_the_runner_alone_is_killed_everything_of_the_kernel_ends(taking_part: Any):
    runner, pids = taking_part
    kill(runner.pid)
    assert until(lambda: all(ended(pids[who]) for who in ("kernel", "child", "warm", "nursery")))
    assert until(lambda: not Path(pids["folder"]).exists())
    kill(pids["step"])


def test_when_a_step_is_killed_its_kernel_ends_and_the_next_one_starts(forked: Notebooks):
    with run_of_one(forked, "again") as (runner, pids):
        kill(pids["step"])
        assert until(lambda: ended(pids["kernel"]) and ended(pids["child"]))
        assert runner.stdout is not None
        second = json.loads(runner.stdout.readline())
        assert second["warm"] == pids["warm"]
        assert second["kernel"] != pids["kernel"]
        assert not psutil.Process(pids["warm"]).children()[1:]  # the first kernel is no zombie


@pytest.mark.parametrize("who", ["warm", "nursery"])
def test_when_what_forks_is_killed_kernels_end_and_others_start_from_nothing(who: str, forked: Notebooks):
    with run_of_one(forked, "again") as (runner, pids):
        kill(pids[who])
        assert until(lambda: ended(pids["kernel"]))
        kill(pids["step"])
        assert runner.stdout is not None
        second = json.loads(runner.stdout.readline())
        assert not ended(second["kernel"])
        if who == "nursery":
            assert second["warm"] == second["step"]  # it is the kernel's parent
        for pid in (second["kernel"], second["child"]):
            kill(pid)
        with contextlib.suppress(ProcessLookupError):
            kill(pids["child"])


def test_what_a_killed_nursery_left_is_removed_by_the_next_run(forked: Notebooks):
    with run_of_one(forked, "once") as (runner, pids):
        for who in ("nursery", "step"):
            kill(pids[who])
    folder = Path(pids["folder"])
    assert folder.exists()
    with type(forked.kernels)():
        assert not folder.exists()
    assert runner.returncode


def test_closing_leaves_nothing(forked: Notebooks):
    kernels = type(forked.kernels)()
    nursery = kernels._nursery
    assert nursery is not None
    notebooks = type(forked)(forked.folder, kernels)
    warm = int(notebooks.say("import os; print(os.getppid())"))
    kernels.prepare(notebooks.step(), notebooks.environment, notebooks.folder)
    assert until(lambda: bool(psutil.Process(warm).children()))
    kernels.close()
    assert ended(warm)
    assert nursery.process.returncode == 0
    assert not Path(nursery.folder).exists()


def test_a_kernel_that_starts_from_nothing_listens_privately_and_leaves_nothing(fresh: Notebooks):
    async def seen(talk: Talk) -> tuple[str, Path]:
        return talk.manager.transport, Path(talk.manager.ip).parent

    transport, folder = fresh.talk(seen)
    assert transport == "ipc"
    assert folder.name.startswith("mlops-kernels-")
    assert not folder.exists()


def test_a_kernel_whose_folder_has_too_long_a_name_for_a_socket_takes_ports(
    fresh: Notebooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    async def seen(talk: Talk) -> tuple[str, str]:
        return await talk.run("print(6 * 7)"), talk.manager.transport

    assert fresh.talk(seen) == ("42\n", "tcp")
    assert list(long.iterdir()) == []
