"""Our pipelines beside papermill and ploomber: the same steps, in one run.

    python tests/benchmarks/pipelines.py --peers papermill
    python tests/benchmarks/pipelines.py --peers all [--environments DIR] [--output pipelines.json]

Ten steps that do nothing, and ten that only import MLflow, scikit-learn and pandas: by papermill's API with a
fresh kernel for each, by ploomber (in an environment of its own that uv makes), and by our pipeline, one step
after the other. Each run is a process of its own, from its start to its end, imports and planning included;
CPU time is of every process that came of it, and holds on a noisy machine. Overhead is time over the cells'
own; the cells of the trivial steps take none, so it is all of their run. They take turns, and a ratio is the
median of the ratios of the rounds, always ours by theirs: `overhead_vs_…` is the worse of wall and CPU. Ours
runs once more as it is by default, shown in MLflow by a process that no step waits for: `with_mlflow_…`.

Then a pipeline of a hundred steps in which nothing has changed: `noop_100_steps_s` counts from our first
import to the end. The last line is JSON; what was not run is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from side_by_side.environments import CACHE, built_environment
from side_by_side.face import chosen_peers, tell
from side_by_side.pipeline_contender import Method, Turns, figures_of, gather
from side_by_side.pipeline_steps import HEAVY, TRIVIAL, Kind, write_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = Method("ours", ("pipeline_ours.py",))
SHOWN = Method("ours, shown in MLflow", ("pipeline_ours.py",))
PEERS = {
    "papermill": Method("papermill, fresh kernels", ("pipeline_papermill.py",)),
    "ploomber": Method(
        "ploomber 0.23.3",
        ("pipeline_ploomber.py",),
        requirements=("ploomber==0.23.3", "ipykernel", "setuptools<80.9", "mlflow", "scikit-learn", "pandas"),
    ),
}
STEPS = 10
MANY = 100
Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What is run.

    Parameters
    ----------
    peers : dict
        Whom we are compared with, by the name that ends the figure's.
    environments : Path
        Where theirs are kept.
    rounds : int
        How often each runs.
    many : int
        Steps of the pipeline in which nothing has changed; 0 for none.
    scratch : Path
        Removed afterwards.
    """

    peers: dict[str, Method]
    environments: Path
    rounds: int
    many: int
    scratch: Path


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def python_of(plan: Plan, method: Method) -> Path:
    """Return the interpreter that runs a method."""
    if not method.requirements:
        return Path(sys.executable)
    return built_environment(method.name.split()[0].lower(), method.requirements, plan.environments)


def turns_of(plan: Plan, kind: Kind) -> list[Turns]:
    """Return all methods with steps of a kind, having run once for their bytecode."""
    methods = [OURS, SHOWN, *plan.peers.values()]
    found = []
    for at, method in enumerate(methods):
        say(f"{kind.name}: {method.name}")
        folder = write_steps(plan.scratch / kind.name / str(at), kind, STEPS, mlflow=method is SHOWN)
        found.append(Turns(method, python_of(plan, method), folder))
        found[-1].take()
        found[-1].taken.clear()
    return found


def show(kind: Kind, turns: Sequence[Turns]) -> None:
    """Print what each took."""
    print(f"\n{STEPS} steps, {kind.name:20}{'wall s':>10}{'CPU s':>10}{'CPU ms a step':>16}")
    for each in turns:
        wall, cpu = each.median("wall_s"), each.median("cpu_s")
        print(f"{each.method.name:30}{wall:10.2f}{cpu:10.2f}{cpu / STEPS * 1000:16.0f}", flush=True)


def side_by_side(plan: Plan, kind: Kind) -> dict[str, Turns]:
    """Let all run steps of a kind, in turns."""
    turns = turns_of(plan, kind)
    for number in range(plan.rounds):
        say(f"{kind.name}: round {number + 1}")
        for each in turns:
            each.take()
    show(kind, turns)
    return dict(zip(("ours", "with_mlflow", *plan.peers), turns, strict=True))


def against(turns: dict[str, Turns], kind: Kind) -> Figures:
    """Return our figures by those of the peers."""
    found: Figures = {}
    for peer in [name for name in turns if name in PEERS]:
        walls, cpus = (turns["ours"].ratio(turns[peer], figure) for figure in ("wall_s", "cpu_s"))
        if kind is TRIVIAL:
            found[f"overhead_vs_{peer}"] = max(walls, cpus)
        found[f"{kind.name}_wall_vs_{peer}"], found[f"{kind.name}_cpu_vs_{peer}"] = walls, cpus
        found[f"with_mlflow_{kind.name}_cpu_vs_{peer}"] = turns["with_mlflow"].ratio(turns[peer], "cpu_s")
    return found | {
        f"{kind.name}_step_cpu_ms": turns["ours"].median("cpu_s") / STEPS * 1000,
        f"{kind.name}_step_wall_ms": turns["ours"].median("wall_s") / STEPS * 1000,
    }


def nothing_changed(plan: Plan) -> Figures:
    """Measure a pipeline whose steps are all as they were."""
    if not plan.many:
        return {}
    say(f"{plan.many} steps, once")
    folder = write_steps(plan.scratch / "many", TRIVIAL, plan.many)
    figures_of("pipeline_ours.py", folder, "--jobs", 2, "--unforced", folder=folder)
    say(f"{plan.many} steps, nothing changed")
    runs = [figures_of("pipeline_ours.py", folder, "--unforced", folder=folder) for _ in range(5)]
    if any(run["states"] != ["SKIPPED"] for run in runs):
        raise RuntimeError(f"steps ran in which nothing had changed: {runs}")
    return {f"noop_{plan.many}_steps_s": sorted(run["seconds"] for run in runs)[2]}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="papermill", help="all, none, or names with commas")
    parser.add_argument("--environments", type=Path, default=CACHE, help="where those of the peers are kept")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=MANY, help="unchanged steps; 0 for none")
    parser.add_argument("--trivial", action="store_true", help="leave out the steps that import")
    parser.add_argument("--output", type=Path, help="write the JSON there, too")
    options = parser.parse_args()
    gather()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(
            chosen_peers(options.peers, PEERS),
            options.environments,
            options.rounds,
            options.many,
            Path(scratch),
        )
        for kind in (TRIVIAL,) if options.trivial else (TRIVIAL, HEAVY):
            figures |= against(side_by_side(plan, kind), kind)
        figures |= nothing_changed(plan)
    tell(figures, options.output)


if __name__ == "__main__":
    main()
