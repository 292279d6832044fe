"""What goes wrong in a run, with real processes: kernels, runners and callers that die or are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from mlops_jupyter.errors import ConflictError, MlopsError, WorkspaceError
from mlops_jupyter.pipelines.records.history import run_record, runs
from mlops_jupyter.pipelines.running.claims import who_runs
from mlops_jupyter.store.workspace import open_workspace

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 120
BEGUN = "from pathlib import Path; import os, time; Path(f'{name}.begun').write_text(str(os.getpid()))"
WAITS = "while not Path(f'{name}.go').exists(): time.sleep(0.02)"
WROTE = "Path(f'{name}.txt').write_text(name)"
CALLER = """
    import sys
    from pathlib import Path
    from mlops_jupyter.pipelines.definition.reading import read_pipeline
    from mlops_jupyter.pipelines.running.following import run_pipeline
    record = run_pipeline(read_pipeline(Path(sys.argv[1])))
    print(record.state, *[f"{step.name}={step.state}" for step in record.steps], flush=True)
"""


def states(record) -> dict[str, str]:
    return {step.name: step.state for step in record.steps}


def until(holds, what: str):
    """Wait for something to be true, and return it."""
    end = time.monotonic() + LIMIT
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


def pid_in(file: Path) -> int:
    text = until(lambda: file.exists() and file.read_text(), f"no {file.name}")
    return int(text)


def is_gone(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.fixture
def waiting(project):
    """Two steps one behind the other, that say when they began and go on when they may."""
    for name in ("first", "second"):
        project.notebook(name, BEGUN, WAITS, WROTE, parameters=f"name = '{name}'")
    project.pipeline(
        {"first": {"outputs": ["first.txt"]}, "second": {"after": ["first"], "outputs": ["second.txt"]}}
    )
    return project


@pytest.fixture
def calling(waiting):
    """A process that runs the pipeline, until its first step has begun."""
    command = [sys.executable, "-c", textwrap.dedent(CALLER), str(waiting.file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        waiting.kernel = pid_in(waiting.path("first.begun"))
        waiting.caller = caller
        yield waiting
        caller.kill()


def test_a_kernel_killed_in_any_step_fails_that_step_and_what_needs_it_and_a_new_run_mends_it(project):
    names = ["a", "b", "c"]
    for name in names:
        killed = (
            f"import os, signal\nif os.path.exists('kill'): os.kill(os.getpid(), signal.SIGKILL)\n{name} = 1"
        )
        project.notebook(name, "'before'", killed, "'after'")
    project.notebook("fine", "'fine'")
    after = {f"after_{name}": {"notebook": "fine.ipynb", "after": [name]} for name in names}
    project.pipeline({name: {} for name in [*names, "fine"]} | after)
    project.path("kill").touch()
    record = project.run()
    assert record.state == "FAILED"
    assert states(record)["fine"] == "SUCCEEDED"
    for name in names:
        failure = record.step(name).failure
        assert (record.step(name).state, failure.kind, failure.cell) == ("FAILED", "dead kernel", 2)
        assert record.step(name).executed.exists()
        assert record.step(f"after_{name}").state == "NOT RUN"
        assert record.step(f"after_{name}").reason == f"needs {name}, which failed"
    project.path("kill").unlink()
    again = project.run()
    assert again.state == "SUCCEEDED"
    assert states(again)["fine"] == "SKIPPED"
    assert again.step("a").reason == f"failed in run {record.id}"


def test_a_runner_that_is_killed_takes_its_kernels_along_and_the_next_run_goes_on_there(calling):
    runner = until(lambda: who_runs(calling.store, "delays"), "nobody runs it").pid
    calling.path("first.go").touch()
    kernel = pid_in(calling.path("second.begun"))
    os.kill(runner, signal.SIGKILL)
    out, _ = calling.caller.communicate(timeout=LIMIT)
    assert out.split() == ["STOPPED", "first=SUCCEEDED", "second=STOPPED"]
    until(lambda: is_gone(kernel), "the kernel goes on without its runner")
    stopped = run_record(calling.store)
    assert stopped.step("second").failure.message == "the process that ran the pipeline was ended by SIGKILL"
    calling.path("second.go").touch()
    resumed = calling.run()
    assert states(resumed) == {"first": "SKIPPED", "second": "SUCCEEDED"}
    assert resumed.step("second").reason == f"was stopped in run {stopped.id}"


def test_runner_and_caller_killed_at_once_leave_no_run_that_seems_to_go_on(calling):
    runner = until(lambda: who_runs(calling.store, "delays"), "nobody runs it").pid
    calling.caller.kill()
    os.kill(runner, signal.SIGKILL)
    calling.caller.wait(LIMIT)
    until(lambda: is_gone(calling.kernel), "the kernel goes on without its runner")
    for name in ("first", "second"):
        calling.path(f"{name}.go").touch()
    assert calling.run().state == "SUCCEEDED"
    assert [run.state for run in runs(calling.store)] == ["SUCCEEDED", "STOPPED"]


def test_an_interrupt_stops_the_kernel_and_nothing_more_begins(calling):
    calling.caller.send_signal(signal.SIGINT)
    out, _ = calling.caller.communicate(timeout=LIMIT)
    assert out.split() == ["STOPPED", "first=STOPPED", "second=NOT", "RUN"]
    assert calling.caller.returncode == 0
    assert is_gone(calling.kernel)
    assert not calling.path("second.begun").exists()


def test_a_run_ends_with_its_caller(calling):
    calling.caller.kill()
    until(lambda: who_runs(calling.store, "delays") is None, "the run goes on without its caller")
    record = run_record(calling.store)
    assert (record.state, record.step("first").state) == ("STOPPED", "STOPPED")
    assert is_gone(calling.kernel)


def test_a_second_run_at_once_is_refused_and_says_who_is_at_it(calling):
    running = run_record(calling.store)
    with pytest.raises(
        ConflictError, match=r"delays is being run: by process \d+ on .* since 2\d{3}"
    ) as refused:
        calling.run()
    assert "\n" not in str(refused.value)
    assert [run.id for run in runs(calling.store)] == [running.id]
    assert running.state == "RUNNING"


def test_a_notebook_edited_while_it_waits_counts_in_the_next_run(calling):
    edited = json.loads(calling.path("second.ipynb").read_text())
    edited["cells"][-1]["source"] = "Path('second.txt').write_text('edited')"
    calling.path("second.ipynb").write_text(json.dumps(edited))
    for name in ("first", "second"):
        calling.path(f"{name}.go").touch()
    out, _ = calling.caller.communicate(timeout=LIMIT)
    assert out.split()[0] == "SUCCEEDED"
    assert calling.path("second.txt").read_text() == "second"
    after = calling.run()
    assert states(after) == {"first": "SKIPPED", "second": "SUCCEEDED"}
    assert after.step("second").reason.startswith("code changed in cell")
    assert calling.path("second.txt").read_text() == "edited"


def test_an_input_that_nobody_makes_and_that_is_not_there_is_told_before_anything_runs(project):
    project.notebook("train", "'never'")
    project.pipeline({"train": {"inputs": ["data/flights.parquet"]}})
    with pytest.raises(MlopsError, match=r"data/flights\.parquet"):
        project.run()
    assert runs(project.store) == []


def test_a_step_that_fails_is_tried_again_and_each_try_is_kept(project):
    counted = "n = len(list(Path('.').glob('try-*')))\nPath(f'try-{n}').touch()\nassert n >= 1, f'try {n}'"
    project.notebook("flaky", "from pathlib import Path", counted)
    project.pipeline({"flaky": {"retries": 1}})
    heard = []
    record = project.run(listen=heard.append)
    step = record.step("flaky")
    assert (step.state, step.attempts, step.failure) == ("SUCCEEDED", 2, None)
    assert step.reason == "never run"
    kept = {
        str(each.relative_to(step.executed.parent)) for each in step.executed.parent.rglob("executed.ipynb")
    }
    assert kept == {"executed.ipynb", "attempt-1/executed.ipynb"}
    assert any(
        told.step("flaky").state == "WAITING" and "try 0" in told.step("flaky").failure.message
        for told in heard
        if told.step("flaky").failure
    )


def test_a_secret_is_written_nowhere(project, monkeypatch):
    secret = "hunter2-never-written"
    monkeypatch.setenv("API_TOKEN", secret)
    project.notebook(
        "ask",
        "from mlops_jupyter.pipelines.execution.values import output, secret",
        "token = secret('token')\nprint('the token is', token)\noutput('told', f'with {token}')",
        "raise ValueError(f'401 for {token}')",
    )
    project.pipeline({"ask": {"secrets": {"token": "env:API_TOKEN"}}})
    heard = []
    record = project.run(listen=heard.append)
    assert record.step("ask").failure.message.startswith("ValueError: 401 for")
    assert secret not in repr(record) + repr(heard)
    files = [file for file in project.folder.rglob("*") if file.is_file()]
    assert any(file.name == "executed.ipynb" for file in files)
    assert [file for file in files if secret.encode() in file.read_bytes()] == []


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of 3 MB."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a tiny file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_full_disk_the_run_ends_with_one_line_and_its_record_says_so(tiny_disk, project, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(tiny_disk / ".mlops"))
    project.workspace = open_workspace()
    fills = (
        f"with open('{tiny_disk}/data', 'wb', buffering=0) as file:\n"
        "    try:\n        while file.write(b'x' * 4096): pass\n    except OSError: pass"
    )
    project.notebook("fills", fills)
    project.notebook("after", "'after'")
    project.pipeline({"fills": {}, "after": {"after": ["fills"]}})
    with pytest.raises(WorkspaceError, match=r"the disk of .* is full; free some space") as full:
        project.run()
    assert "\n" not in str(full.value)
    record = run_record(project.store)
    assert record.state in {"FAILED", "STOPPED"}
    assert record.step("after").state == "NOT RUN"
    (tiny_disk / "data").unlink()
    project.notebook("fills", "'no more'")
    assert project.run().state == "SUCCEEDED"


def test_a_second_interrupt_kills_the_run_and_its_record_says_so(calling):
    runner = psutil.Process(until(lambda: who_runs(calling.store, "delays"), "nobody runs it").pid)
    runner.suspend()  # it heeds nothing
    calling.caller.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        calling.caller.wait(1)
    calling.caller.send_signal(signal.SIGINT)
    out, _ = calling.caller.communicate(timeout=LIMIT)
    assert out.split() == ["STOPPED", "first=STOPPED", "second=NOT", "RUN"]
    until(lambda: is_gone(calling.kernel), "the kernel goes on without its runner")
    assert run_record(calling.store).step("first").failure.message.endswith("was ended by SIGKILL")
