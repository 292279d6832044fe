"""Counting workers: processes that count until they are told, or killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter

ROOT = Path(mlops_jupyter.__file__).parents[1]

COUNTING = """
import mmap, sys
from pathlib import Path
from mlops_jupyter.serving.metrics.meter import Meter

folder, tally, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
series = Meter(folder, "churn").series("1.0.0", "stable")
with open(tally, "r+b") as stream:
    counted = memoryview(mmap.mmap(stream.fileno(), 16)).cast("q")
print("counting", flush=True)
for number in range(1, most + 1):
    counted[0] = number
    series.began()
    series.answered(200, 0.0003)
    counted[1] = number
print("counted", flush=True)
sys.stdin.read()
"""


class CountingWorker:
    """A process that counts up to `most` answers, and says before and after each how many it made."""

    def __init__(self, folder: Path, tally: Path, most: int) -> None:
        tally.write_bytes(bytes(16))
        self._tally = tally
        self.process = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(folder), str(tally), str(most)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def begun(self) -> None:
        """Wait until it counts."""
        assert self.process.stdout.readline() == "counting\n"

    def done(self) -> None:
        """Wait until it has counted all."""
        assert self.process.stdout.readline() == "counted\n"

    def kill(self) -> None:
        """Let it no more."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    @property
    def tally(self) -> tuple[int, int]:
        """How many answers it has begun, and how many it has finished to count."""
        data = self._tally.read_bytes()
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")


@pytest.fixture
def start_worker(tmp_path):
    """Start workers that count into a folder."""
    started: list[CountingWorker] = []

    def start(folder: Path, most: int = 10**9) -> CountingWorker:
        worker = CountingWorker(folder, tmp_path / f"tally-{len(started)}", most)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.process.returncode is None:
            worker.kill()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where a deployment keeps its counts."""
    return tmp_path / "metrics"


@pytest.fixture
def run_alone():
    """Run code in a process without threads, and return what it printed."""

    def run(code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
