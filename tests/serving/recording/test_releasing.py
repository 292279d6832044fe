"""What bursts leave behind is given back, once they are over and not while they last."""

from __future__ import annotations

import psutil
import pytest

from mlops_jupyter.serving.recording import releasing
from mlops_jupyter.serving.recording.releasing import WORTH, Releaser, release_memory


@pytest.fixture
def released(monkeypatch) -> list[float]:
    """When memory was given back, by a clock that the test moves: `clock[0]`."""
    times: list[float] = []
    monkeypatch.setattr(releasing, "release_memory", lambda: times.append(clock[0]))
    monkeypatch.setattr(releasing.time, "monotonic", lambda: clock[0])
    clock[0] = 100.0
    return times


clock = [0.0]


def look(releaser: Releaser, written: int, *, after: float) -> None:
    clock[0] += after
    releaser.look(written)


def test_it_is_given_back_once_when_a_burst_is_over(released):
    releaser = Releaser()
    for burst in range(1, 11):
        look(releaser, burst * WORTH, after=0.5)
    assert released == []
    for _ in range(5):
        look(releaser, 10 * WORTH, after=0.5)
    assert released == [106.5]


def test_small_captures_give_nothing_back(released):
    releaser = Releaser()
    for step in range(100):
        look(releaser, step * 1000, after=0.5)
    assert released == []


@pytest.mark.skipif(releasing._trim() is None, reason="the C library is not glibc")
def test_what_nobody_uses_goes_back_to_the_system():
    process = psutil.Process()
    pieces = [bytes(100_000) for _ in range(1000)]  # small enough to be of the heap
    last = bytes(100_000)  # keeps its end
    pieces.clear()
    before = process.memory_info().rss
    release_memory()
    assert before - process.memory_info().rss > 50e6
    assert len(last) == 100_000
