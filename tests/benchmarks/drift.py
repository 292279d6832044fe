"""Our drift beside the methods of others, on the same two windows, in one run.

    python tests/benchmarks/drift.py --peers none
    python tests/benchmarks/drift.py --peers all [--environments DIR] [--output drift.json]

A million rows and a million rows of fifty columns (`side_by_side/drift_data.py`), in memory as pandas holds
them. Ours makes both profiles and compares them by PSI, KS, JS and Wasserstein with bounds of confidence; the
limit counts into a uniform grid for KS and PSI alone; SciPy loops over the columns. Each runs in a process of
its own, Evidently in an environment of its own that uv makes. They take turns, so that whatever else the
machine does falls on all; a ratio is the median of the ratios of the rounds, and always ours by theirs. CPU
time is of the whole tree of processes, imports and reading apart, and holds on a noisy machine.

Then ours alone: ten million rows streamed from Parquet, ten thousand rows in a warm kernel, a thousand hourly
profiles merged. The last line is JSON; what was not run is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from side_by_side.drift_contender import Method, alternate, command, environment, figures_of, running
from side_by_side.drift_data import SIDES
from side_by_side.environments import CACHE, built_environment
from side_by_side.face import chosen_peers, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from side_by_side.drift_contender import Running

OURS = Method("ours", ("drift_ours.py",))
GRID = Method("uniform grid (limit)", ("drift_grid.py",))
SCIPY = Method("SciPy loop, KS and chi2", ("drift_scipy.py",), rounds=1)
PEERS = {
    "wasserstein": Method("SciPy loop with Wasserstein", ("drift_scipy.py", "wasserstein"), rounds=1),
    "evidently": Method(
        "Evidently 0.7.23",
        ("drift_evidently.py",),
        rounds=1,
        requirements=("evidently==0.7.23", "pandas<3", "pyarrow"),  # with pandas 3 it cannot be imported
    ),
}
MILLION = 1_000_000
SMALL = 10_000
FILES = 2  # of the streamed folder, each written by a process of its own
Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What is run, and on how much.

    Parameters
    ----------
    peers : dict
        Whom we are compared with beyond SciPy's tests, by the name that ends the figure's.
    environments : Path
        Where theirs are kept.
    rounds : int
        How often each is asked.
    rows, streamed : int
        Of each window in memory, and of the folder that is streamed.
    scratch : Path
        Removed afterwards.
    """

    peers: dict[str, Method]
    environments: Path
    rounds: int
    rows: int
    streamed: int
    scratch: Path


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def write(folder: Path, *each: Sequence[object]) -> Path:
    """Return the folder in which windows were written, by a process for each."""
    made = [
        subprocess.Popen(command("drift_data.py", folder, *arguments), env=environment())
        for arguments in each
    ]
    if any(process.wait() for process in made):
        raise RuntimeError(f"could not write {folder}")
    return folder


def windows(plan: Plan, rows: int) -> Path:
    """Return a folder with both windows."""
    return write(plan.scratch / str(rows), *(["--rows", rows, "--sides", side] for side in SIDES))


def show(methods: Sequence[Running]) -> None:
    """Print what each did."""
    print(f"\n{'':30}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'over data':>11}{'warm-up s':>11}  found")
    for each in methods:
        cells = (each.median(figure) for figure in ("cpu_s", "wall_s", "peak_mb", "over_data_mb"))
        cpu, wall, peak, over = cells
        found = " / ".join(map(str, each.turns[-1].counts()))
        row = f"{each.method.name:30}{cpu:9.2f}{wall:9.2f}{peak:9.0f}{over:11.0f}{each.first_cpu_s:11.1f}"
        print(f"{row}  {found}", flush=True)


def side_by_side(plan: Plan) -> Figures:
    """Measure both windows in memory: ours and all others."""
    say(f"write {plan.rows} + {plan.rows} rows")
    folder = windows(plan, plan.rows)
    with contextlib.ExitStack() as stack:
        methods = []
        for method in [OURS, GRID, SCIPY, *plan.peers.values()]:
            say(method.name)
            methods.append(stack.enter_context(running(method, python_of(plan, method), folder)))
        say("measure")
        alternate(methods, plan.rounds)
    show(methods)
    ours, grid, scipy, *peers = methods
    found, *false = ours.turns[-1].counts()
    return {
        "cpu_vs_limit": ours.ratio(grid),
        "cpu_vs_scipy": ours.ratio(scipy),
        **{f"cpu_vs_{name}": ours.ratio(peer) for name, peer in zip(plan.peers, peers, strict=True)},
        "found": found,
        "false": sum(false),
        "cpu_s": ours.median("cpu_s"),
        "limit_cpu_s": grid.median("cpu_s"),
        "over_data_mb": ours.median("over_data_mb"),
    }


def python_of(plan: Plan, method: Method) -> Path:
    """Return the interpreter that runs a method."""
    if not method.requirements:
        return Path(sys.executable)
    return built_environment(method.name.split()[0].lower(), method.requirements, plan.environments)


def streamed(plan: Plan) -> Figures:
    """Measure a folder of Parquet files that is streamed."""
    say(f"write {plan.streamed} rows to stream")
    rows = plan.streamed // FILES
    blocks = -(-rows // MILLION)
    parts = [
        ["--rows", rows, "--sides", "reference", "--first-block", at * blocks, "--name", f"part-{at}.parquet"]
        for at in range(FILES)
    ]
    folder = write(plan.scratch / "streamed", *parts)
    say("stream")
    return figures_of("drift_streamed.py", folder)


def compare(plan: Plan) -> Figures:
    """Measure everything that the plan has."""
    figures = side_by_side(plan)
    say("a small comparison in a warm kernel")
    figures |= figures_of("drift_kernel.py", windows(plan, SMALL))
    say("a thousand hours")
    figures |= figures_of("drift_hours.py", plan.scratch / str(plan.rows))
    return figures | (streamed(plan) if plan.streamed else {})


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="none", help="all, none, or names with commas")
    parser.add_argument("--environments", type=Path, default=CACHE, help="where those of the peers are kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=MILLION, help="of each window")
    parser.add_argument("--streamed", type=int, default=10 * MILLION, help="rows to stream; 0 for none")
    parser.add_argument("--output", type=Path, help="write the JSON there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(
            chosen_peers(options.peers, PEERS), options.environments, options.rounds, options.rows,
            options.streamed, Path(scratch),
        )  # fmt: skip
        figures = compare(plan)
    tell(figures, options.output)


if __name__ == "__main__":
    main()
