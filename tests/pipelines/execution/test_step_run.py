"""A step's notebook run in a real kernel: what comes of it, and why it failed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mlops_jupyter.pipelines.definition.pipeline import Resources
from mlops_jupyter.pipelines.execution import client
from mlops_jupyter.pipelines.execution.failures import StepError
from mlops_jupyter.pipelines.execution.job import Failure
from tests.pipelines.execution.conftest import NOTEBOOKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import Outcome, Progress

    Ran = Callable[..., Outcome]
    Read = Callable[[str], Any]


@pytest.mark.parametrize(
    ("name", "kind", "message", "cell"),
    [
        ("exception", "error", "ValueError: no rows in 2013-02", 3),
        ("sys_exit", "exit", "sys.exit(0) with 1 cell left to run", 3),
        ("sys_exit_with_a_code", "exit", "sys.exit(3)", 3),
        ("quit", "exit", "sys.exit() with 1 cell left to run", 3),
        ("kernel_killed", "dead kernel", "the kernel died: signal 9 (SIGKILL)", 3),
        ("kernel_exits", "dead kernel", "the kernel died: exit code 7", 3),
        ("keyboard_interrupt", "error", "KeyboardInterrupt", 3),
        ("magic_error", "error", "UsageError: Missing module name.", 3),
        ("unknown_magic", "error", "UsageError: Cell magic `%%nosuchmagic` not found.", 2),
        ("inner_error", "error", "ZeroDivisionError: division by zero", 3),
        ("memory_error", "memory", "MemoryError", 2),
        ("disk_full", "disk", "OSError: [Errno 28] No space left on device: 'a.parquet'", 3),
    ],
)
def test_a_step_fails_with_its_kind_and_cell(ran: Ran, executed: Read, name, kind, message, cell):
    outcome = ran(name)
    assert outcome.state == "FAILED"
    failure = outcome.failure
    assert failure
    assert (failure.kind, failure.message, failure.cell) == (kind, message, cell)
    shown = executed(name).cells[cell - 1]
    assert shown.source.startswith(failure.source)
    assert [output.output_type for output in shown.outputs].count("error") == 1
    assert all(not cell.get("outputs") for cell in executed(name).cells[cell:])


def test_an_exit_without_an_error_at_the_very_end_is_a_success(ran: Ran):
    assert ran("sys_exit_at_the_end").state == "SUCCEEDED"


def test_an_error_that_is_expected_is_none(ran: Ran, executed: Read):
    assert ran("expected_error").state == "SUCCEEDED"
    assert executed("expected_error").cells[2].outputs[0].text == "after\n"


def test_a_step_gives_values_and_is_given_those_of_others(ran: Ran, executed: Read):
    outcome = ran("values", values={"ingest.rows": 40})
    assert outcome.values == {"rows": 42, "by month": {"1": [0.5, None]}}
    assert outcome.reads == ("ingest.missing", "ingest.rows")
    assert executed("values").cells[3].outputs[0].data["text/plain"] == "rows = 41"
    assert outcome.cells == 3
    assert outcome.peak_bytes > 20_000_000


def test_parameters_of_every_type_arrive_as_they_are(ran: Ran):
    given: dict[str, Any] = {
        "month": -(10**20),
        "rate": float("-inf"),
        "name": 'Zoë\'s "flights"\n{month} \\ é',
        "flag": False,
        "nothing": None,
        "items": [1, [True, None], "a"],
        "table": {1: {"a": [0.1]}, "b'\"": 2},
    }
    assert ran("parameters", parameters=given).values == {name: repr(value) for name, value in given.items()}


def test_the_notebook_is_left_as_it_is_and_what_was_injected_is_replaced(
    ran: Ran, executed: Read, tmp_path: Path
):
    ran("parameters", parameters={"month": 2})
    first = executed("parameters")
    assert [cell.metadata.tags for cell in first.cells[1:3]] == [["parameters"], ["injected-parameters"]]
    original = (tmp_path / "parameters.ipynb").read_bytes()
    assert original == (NOTEBOOKS / "parameters.ipynb").read_bytes()


def test_a_notebook_without_a_parameters_cell_runs(ran: Ran, executed: Read):
    assert ran("no_parameters").state == "SUCCEEDED"
    assert executed("no_parameters").cells[2].outputs[0].text == "1\n"


def test_the_kernel_works_in_the_notebooks_folder_with_the_seed_and_threads_of_its_step(
    ran: Ran, tmp_path: Path
):
    outcome = ran("surroundings", hash_seed="7")
    assert outcome.values == {"folder": str(tmp_path), "seed": "7", "threads": "1", "names": []}


def test_another_language_is_run_and_its_parameters_are_written_in_it(
    ran: Ran, executed: Read, echo_kernel: None
):
    assert ran("other_language", parameters={"month": 2}).state == "SUCCEEDED"
    texts = [cell.outputs[0].text for cell in executed("other_language").cells if cell.cell_type == "code"]
    assert texts == ["# Parameters\nmonth=2\n\n", "hello world\n", "and again\n"]


def test_five_megabytes_in_one_line_come_in_whole(ran: Ran, executed: Read):
    assert ran("large_output").state == "SUCCEEDED"
    (output,) = executed("large_output").cells[1].outputs
    assert output.text == "x" * 5_000_000 + "\n"


def test_more_displays_than_a_socket_keeps_come_in_whole(ran: Ran, executed: Read):
    assert ran("many_displays").state == "SUCCEEDED"
    texts = [output.data["text/plain"] for output in executed("many_displays").cells[1].outputs]
    assert texts == [str(number) for number in range(2200)]


def test_a_cell_that_prints_without_end_fills_neither_memory_nor_disk(
    ran: Ran, executed: Read, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "MOST_PRINTED", 1_000_000)
    assert ran("large_output").state == "SUCCEEDED"
    outputs = executed("large_output").cells[1].outputs
    assert sum(len(output.text) for output in outputs) < 1_000_200
    assert outputs[-1].text == "\n… it printed 5 MB; what came after 1 MB is not kept\n"


def test_what_was_printed_is_kept_as_it_looks_at_its_end(ran: Ran, executed: Read):
    ran("progress")
    (out, err) = executed("progress").cells[1].outputs
    assert (out.text, err.text) == ("100 %\ndone\n", "careful\n")


@pytest.fixture
def time_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """End the time of a step as soon as its long cell has begun, however busy the machine is."""

    async def out_of_time(*_: Any) -> None:
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.01)
        raise StepError(Failure("timeout", "took longer than 2 s"))

    monkeypatch.setattr(client, "out_of_time", out_of_time)


def test_a_step_that_takes_too_long_is_interrupted(ran: Ran, executed: Read, time_is_up: None):
    outcome = ran("slow")
    assert outcome.failure
    assert (outcome.failure.kind, outcome.failure.cell) == ("timeout", 3)
    assert executed("slow").cells[2].outputs[0].ename == "KeyboardInterrupt"


def test_a_step_that_does_not_heed_an_interrupt_is_killed(
    ran: Ran, executed: Read, time_is_up: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.5)
    outcome = ran("stubborn")
    assert outcome.failure
    assert (outcome.failure.kind, outcome.failure.cell) == ("timeout", 3)
    assert executed("stubborn").cells[2].outputs[-1].evalue == "took longer than 2 s"


def test_a_timeout_counts_from_asking_for_a_kernel(ran: Ran):
    outcome = ran("slow", timeout=0.01)
    assert outcome.failure
    assert (outcome.failure.kind, outcome.failure.message) == ("timeout", "took longer than 0.01 s")


def test_a_step_that_holds_more_than_it_may_is_killed(ran: Ran):
    outcome = ran("out_of_memory", resources=Resources(memory=300_000_000))
    assert outcome.failure
    assert (outcome.failure.kind, outcome.failure.cell) == ("memory", 3)
    assert "of the 300 MB it may" in outcome.failure.message
    assert outcome.peak_bytes > 300_000_000


def test_a_kernel_that_is_not_installed_is_named(ran: Ran):
    outcome = ran("no_parameters", kernel="pyton3")
    assert outcome.failure
    assert outcome.failure.kind == "no kernel"
    assert outcome.failure.message == "no kernel is named 'pyton3'; did you mean python3?"


def test_a_kernel_that_cannot_start_is_told_with_its_last_words(ran: Ran, echo_kernel: None, tmp_path: Path):
    kernels = tmp_path / "share" / "kernels"
    spec = (kernels / "echo" / "kernel.json").read_text().replace("echo_kernel.py", "gone.py")
    (kernels / "broken").mkdir()
    (kernels / "broken" / "kernel.json").write_text(spec)
    outcome = ran("other_language", kernel="broken")
    assert outcome.failure
    assert outcome.failure.kind == "no kernel"
    assert outcome.failure.message == "the kernel ended before it answered: exit code 2"
    assert "gone.py" in outcome.failure.detail


def test_a_step_that_is_stopped_from_outside_ends_cleanly(ran: Ran, executed: Read, tmp_path: Path):
    begun = threading.Thread(target=interrupt_once_there, args=(tmp_path / "begun",))
    begun.start()
    outcome = ran("slow")
    begun.join()
    assert (outcome.state, outcome.failure) == ("STOPPED", None)
    assert executed("slow").cells[2].outputs[0].ename == "KeyboardInterrupt"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt_once_there(file: Path) -> None:
    while not file.exists():
        threading.Event().wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_left_for_the_end_of_the_kernel_is_done_before_the_step_is(ran: Ran, tmp_path: Path):
    assert ran("at_exit", outputs=("late.txt",)).state == "SUCCEEDED"
    assert (tmp_path / "late.txt").read_text() == "written"


def test_a_kernel_that_does_not_end_by_itself_is_killed_and_its_step_is_done(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "END_SECONDS", 0.5)
    assert ran("never_ends").state == "SUCCEEDED"
    assert not psutil.pid_exists(int((tmp_path / "begun").read_text()))


def test_a_step_that_does_not_write_what_it_promised_fails(ran: Ran):
    outcome = ran("no_parameters", outputs=("a.parquet", "b.parquet"))
    assert outcome.failure
    assert outcome.failure.kind == "output"
    assert outcome.failure.message == "ran to its end, but there is no a.parquet and no b.parquet"


def test_progress_tells_cells_done_and_the_line_that_runs(ran: Ran):
    told: list[Progress] = []
    ran("exception", tell=told.append)
    assert [(each.done, each.total, each.source) for each in told] == [
        (0, 3, "rows = 0"),
        (1, 3, "if rows == 0:"),
    ]


def test_local_code_that_was_imported_or_run_in_any_way_is_known(ran: Ran, tmp_path: Path):
    (tmp_path / "lib").mkdir()
    names = ("lib/imported", "by_runpy", "by_magic", "forgotten", "in_a_process")
    for name in names:
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    assert ran("local_code").modules == tuple(sorted(str(tmp_path / f"{name}.py") for name in names))
