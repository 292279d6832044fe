"""What is left of a step when the disk is full or its process is killed, and how papermill runs one alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mlops_jupyter.pipelines.execution.failures import StepError
from mlops_jupyter.pipelines.execution.loading import load_papermill
from mlops_jupyter.pipelines.execution.step_run import run_step
from tests.pipelines.execution.conftest import NOTEBOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.pipelines.execution.job import StepJob
    from mlops_jupyter.pipelines.kernels.supply import Kernels

LONG = 60.0


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a tiny file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition, up to a minute."""
    end = time.monotonic() + LONG
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def states(folder: Path) -> list[str]:
    """Return how the cells of an executed copy stand; none while there is no copy."""
    try:
        notebook = json.loads((folder / "executed.ipynb").read_text())
    except FileNotFoundError:
        return []
    return [cell["metadata"]["papermill"]["status"] for cell in notebook["cells"]]


def test_a_disk_that_is_full_fails_the_step_in_one_line_and_leaves_no_half_copy(
    job: Callable[..., StepJob], kernels: Kernels
):
    full = job("no_parameters")
    with small_disk(full.folder, "4k"):
        outcome = run_step(full, kernels, lambda _: None)
        assert [path.name for path in full.folder.iterdir() if "executed" in path.name] == []
    assert outcome.failure
    assert outcome.failure.kind == "disk"
    assert outcome.failure.message == (
        f"the disk of {full.folder} is full; free some space: %mlops pipeline clean"
    )


def test_a_step_whose_process_is_killed_leaves_what_it_had_done_and_no_kernel(
    job: Callable[..., StepJob], executed: Callable[[str], Any]
):
    slow = job("slow")
    command = [sys.executable, str(Path(__file__).with_name("one_step.py")), slow.step.notebook, slow.folder]
    with subprocess.Popen(command) as process:
        begun = slow.step.notebook.with_name("begun")
        kernel = int(until(lambda: begun.exists() and begun.read_text()))
        until(lambda: states(slow.folder) == ["pending", "completed", "running", "pending"])
        process.kill()
    assert executed("slow").cells[1].execution_count == 1
    until(lambda: not psutil.pid_exists(kernel))


def test_papermill_alone_knows_the_engine_and_fails_with_the_reason(
    tmp_path: Path, executed: Callable[[str], Any]
):
    load_papermill()
    import papermill

    folder = tmp_path / ".mlops" / "sys_exit"
    folder.mkdir(parents=True)
    with pytest.raises(StepError, match=r"sys.exit\(0\) with 1 cell left to run"):
        papermill.execute_notebook(
            str(NOTEBOOKS / "sys_exit.ipynb"),
            str(folder / "executed.ipynb"),
            engine_name="mlops",
            progress_bar=False,
        )
    marks = executed("sys_exit").metadata.papermill
    assert marks.failure == {"kind": "exit", "message": "sys.exit(0) with 1 cell left to run", "cell": 3}
    assert marks.exception is True


@pytest.mark.parametrize(
    ("text", "message"), [("{", "Expecting property name"), ("{}", "it is JSON without a version")]
)
def test_a_file_that_is_no_notebook_is_told_in_one_line(
    job: Callable[..., StepJob], kernels: Kernels, text: str, message: str
):
    broken = job("no_parameters")
    broken.step.notebook.write_text(text)
    outcome = run_step(broken, kernels, lambda _: None)
    assert outcome.failure
    assert outcome.failure.message.startswith(f"{broken.step.notebook} is no notebook: {message}")


def test_a_notebook_that_is_gone_is_told_in_one_line(job: Callable[..., StepJob], kernels: Kernels):
    gone = job("no_parameters")
    gone.step.notebook.unlink()
    outcome = run_step(gone, kernels, lambda _: None)
    assert outcome.failure
    assert (outcome.failure.kind, "No such file" in outcome.failure.message) == ("runner", True)


def test_a_notebook_may_stand_in_a_folder_whose_name_has_braces_and_be_read_from_a_copy(
    job: Callable[..., StepJob], kernels: Kernels
):
    copied = job("no_parameters")
    folder = copied.folder / "{month}"
    folder.mkdir()
    source = copied.step.notebook.rename(folder / "001.ipynb")
    outcome = run_step(replace(copied, source=source), kernels, lambda _: None)
    assert outcome.state == "SUCCEEDED"
