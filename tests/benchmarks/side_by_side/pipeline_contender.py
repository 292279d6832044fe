"""Who runs the same steps: a process a turn, its CPU time with that of every process that came of it."""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Method:
    """How the steps are run.

    Parameters
    ----------
    name : str
        As in the table.
    script : tuple of str
        A file beside this one, and what it is given after the folder.
    requirements : tuple of str
        What its environment holds; none for the one that this runs in.
    """

    name: str
    script: tuple[str, ...]
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """What one run took: until it was over, and its whole tree of processes."""

    wall_s: float
    cpu_s: float


@dataclass
class Turns:
    """A method and the turns it took."""

    method: Method
    python: Path
    folder: Path
    taken: list[Turn] = field(default_factory=list)

    def take(self) -> None:
        """Run all steps once."""
        command = [self.python, HERE / self.method.script[0], self.folder, *self.method.script[1:]]
        self.taken.append(measured([str(part) for part in command], self.folder))

    def median(self, figure: str) -> float:
        """Return the median of a figure over the turns."""
        return statistics.median(getattr(turn, figure) for turn in self.taken)

    def ratio(self, other: Turns, figure: str) -> float:
        """Return the median over the rounds of its figure by another's."""
        pairs = zip(self.taken, other.taken, strict=True)
        return statistics.median(getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs)


def gather() -> None:
    """Have processes whose parent ended become children of this one, so that their time can be counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measured(command: list[str], folder: Path) -> Turn:
    """Run a command to its end, and wait for all that it left behind."""
    with (folder / "said.log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment(folder), cwd=folder, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command}: {(folder / 'said.log').read_text(errors='replace')[-2000:]}")
    return Turn(seconds, usage.ru_utime + usage.ru_stime + left_behind())


def left_behind() -> float:
    """Return the CPU seconds of processes that outlived who started them, once they have ended."""
    total = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return total
        total += usage.ru_utime + usage.ru_stime


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a run: our package is found, and bytecode is kept as it is for users."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode")}
    return kept | own | {"MLOPS_HOME": str(folder / ".mlops"), "IPYTHONDIR": str(folder / ".ipython")}


def figures_of(script: str, *arguments: object, folder: Path) -> dict[str, Any]:
    """Return the figures that a script of its own process prints on its last line."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment(folder))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
