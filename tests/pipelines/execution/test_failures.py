"""How failures are put into words, from what was seen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlops_jupyter.pipelines.execution.failures import ending, kind_of, of_death, of_error, of_exit, one_line
from mlops_jupyter.pipelines.execution.memory import Look, held, look, starved


@pytest.mark.parametrize(
    ("code", "words"),
    [(-11, "signal 11 (SIGSEGV)"), (-199, "signal 199"), (3, "exit code 3"), (None, "nobody knows why")],
)
def test_the_end_of_a_process_is_told_by_its_code(code: int | None, words: str):
    assert ending(code) == words
    assert of_death(code, starved=False, held=0).message == f"the kernel died: {words}"


def test_a_kernel_that_was_killed_for_want_of_memory_is_told_with_what_it_held():
    failure = of_death(-9, starved=True, held=7_900_000_000)
    message = "the system ended the kernel: there was no memory left, of which it held 7.9 GB"
    assert (failure.kind, failure.message) == ("memory", message)


@pytest.mark.parametrize(
    ("before", "last", "now", "is_starved"),
    [
        (Look(kills=3), Look(held=8, free=90, kills=3), 4, True),
        (Look(kills=3), Look(held=8, free=90, kills=3), 3, False),
        (Look(), Look(held=95, free=4), 0, True),
        (Look(), Look(), 0, False),
    ],
)
def test_want_of_memory_is_seen_by_the_count_of_kills_or_by_what_was_left(before, last, now, is_starved):
    assert starved(before, last, now) is is_starved


def test_what_a_process_holds_counts_its_children():
    code = "held = bytearray(b'x' * 50_000_000); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert held(os.getpid()) - held(os.getpid(), alone=True) > 50_000_000
        assert look(child.pid).held > 50_000_000
        assert held(os.getpid(), limit=1) > 50_000_000
        child.communicate(b"\n")
    assert held(child.pid) == 0


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("ValueError", "no rows", "error"),
        ("MemoryError", "", "memory"),
        ("_ArrayMemoryError", "Unable to allocate 7 TiB", "memory"),
        ("OSError", "[Errno 28] No space left on device", "disk"),
        ("OSError", "[Errno 2] No such file", "error"),
    ],
)
def test_an_exception_has_a_kind(name: str, value: str, kind: str):
    assert kind_of(name, value) == kind


def test_an_exception_is_one_line_without_colours_and_not_at_length():
    error = {
        "ename": "E",
        "evalue": "\x1b[31ma\n   b\x1b[0m" + "x" * 3000,
        "traceback": ["\x1b[31mat\x1b[0m", "b"],
    }
    failure = of_error(error)
    assert failure.message == f"E: a b{'x' * 1994}…"
    assert failure.detail == "at\nb"
    assert one_line(" a \n b ") == "a b"


@pytest.mark.parametrize(
    ("code", "left", "message"),
    [
        ("3", 0, "sys.exit(3)"),
        ("0", 1, "sys.exit(0) with 1 cell left to run"),
        ("", 2, "sys.exit() with 2 cells left to run"),
    ],
)
def test_an_exit_says_what_it_left(code: str, left: int, message: str):
    assert of_exit(code, left).message == message
