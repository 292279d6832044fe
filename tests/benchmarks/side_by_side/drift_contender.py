"""A method that takes part: its process, its turns, and what they cost beside those of the others."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from side_by_side.drift_data import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@dataclass(frozen=True)
class Method:
    """How a method is run.

    Parameters
    ----------
    name : str
        As in the table.
    script : str
        A file beside this one that takes turns, and what it is given after the folder.
    rounds : int or None
        In how many it takes part at most; None for all.
    requirements : tuple of str
        What its environment holds; none for the one that this runs in.
    """

    name: str
    script: tuple[str, ...]
    rounds: int | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """What one comparison took, its whole tree of processes counted, and which columns it named."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    over_data_mb: float
    drifted: list[str]

    def counts(self) -> tuple[int, int, int]:
        """Return how many columns were named of those that drift, barely drift, and do not."""
        changes = ("material", "negligible", "none")
        material, negligible, none = (len(names(change) & set(self.drifted)) for change in changes)
        return material, negligible, none


@dataclass
class Running:
    """A method's process, which has read both windows and is warm, and its turns so far."""

    method: Method
    process: subprocess.Popen[str]
    ready_cpu_s: float
    first_cpu_s: float
    turns: list[Turn] = field(default_factory=list)

    def take_turn(self) -> None:
        """Compare once."""
        before = self._elsewhere()
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = answered(self.process)
        answer["cpu_s"] += self._elsewhere() - before
        self.turns.append(Turn(**answer))

    def median(self, figure: str) -> float:
        """Return the median of a figure over the turns."""
        return statistics.median(getattr(turn, figure) for turn in self.turns)

    def ratio(self, other: Running, figure: str = "cpu_s") -> float:
        """Return the median over the rounds of its figure by another's."""
        pairs = zip(self.turns, other.turns, strict=False)  # who took part in fewer did so in the first ones
        return statistics.median(getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs)

    def _elsewhere(self) -> float:
        """Return the CPU seconds of processes that it has started."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return sum(sum(child.cpu_times()[:2]) for child in children)


def answered(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process says on its next line of JSON; what its libraries print is passed over."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    raise RuntimeError(f"{process.args} ended with {process.wait()}")


@contextlib.contextmanager
def running(method: Method, python: Path, folder: Path) -> Iterator[Running]:
    """Run a method until the block ends, from where it has read the windows in `folder` on."""
    process = subprocess.Popen(
        command(method.script[0], folder, *method.script[1:], python=python),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield Running(method, process, **answered(process))
    finally:
        process.kill()
        process.communicate()


def alternate(methods: Sequence[Running], rounds: int) -> None:
    """Let the methods take turns, round by round."""
    for number in range(rounds):
        for each in methods:
            if each.method.rounds is None or number < each.method.rounds:
                each.take_turn()


def figures_of(script: str, *arguments: object) -> dict[str, float]:
    """Return the figures that a script of its own process prints on its last line."""
    done = subprocess.run(
        command(script, *arguments), check=True, stdout=subprocess.PIPE, text=True, env=environment()
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def command(script: str, *arguments: object, python: Path = Path(sys.executable)) -> list[str]:
    """Return what runs a script that lies here."""
    return [str(python), str(HERE / script), *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the variables in which a script finds the package that lies here."""
    return os.environ | {"PYTHONPATH": str(ROOT)}
