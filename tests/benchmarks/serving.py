"""Our endpoint beside a bare one, and beside the servers of others, in one run.

    python tests/benchmarks/serving.py --peers none
    python tests/benchmarks/serving.py --peers all [--environments DIR] [--output serving.json]

Ours is a real deployment, by the verbs, in a workspace of its own: a supervisor and one worker, two
resident versions with half of the traffic each, and everything on that is on by default: validation,
routing, metrics and capture. The bare one is uvicorn, httptools and uvloop around an app that reads the same
JSON and answers a constant. The others run in environments of their own, made by uv, as their documentation
says; those that can batch a second time, told to. A peer may refuse requests: these are shown, and are no
answers.

Each is asked in short turns, so that whatever else the machine does falls on all; a ratio is the median of
the ratios of the rounds, and always ours by theirs. CPU time is of the whole tree of processes, and holds on
a noisy machine; requests a second, p99 and starts ask for an idle one. The last line is JSON; what was not
run is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from side_by_side import ours, starts  # noqa: E402
from side_by_side.bare import running_bare  # noqa: E402
from side_by_side.contender import memory_of  # noqa: E402
from side_by_side.data import ALONE, ARROW_BULK, BULK, CROWD, FOREST, JSON_BULK, ONE  # noqa: E402
from side_by_side.environments import CACHE  # noqa: E402
from side_by_side.face import chosen_peers, tell  # noqa: E402
from side_by_side.peers import ALL  # noqa: E402
from side_by_side.peers.peer import Stage  # noqa: E402
from side_by_side.rounds import Entry, Rounds, alternate  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from side_by_side.contender import Contender
    from side_by_side.data import Task
    from side_by_side.peers.peer import Peer

OURS, OFF = ours.OURS.name, ours.UNCAPTURED.name
TUNED = "-batched"  # peers that do not batch unless they are told to
Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What is run, and for how long.

    Parameters
    ----------
    peers : sequence of Peer
        Whom we are compared with.
    environments : Path
        Where theirs are kept.
    rounds, seconds : int, float
        How often each is asked, and for how long.
    each_guard : bool
        Whether keys, rate limit and access log are measured one by one, too.
    scratch : Path
        Removed afterwards.
    """

    peers: Sequence[Peer]
    environments: Path
    rounds: int
    seconds: float
    each_guard: bool
    scratch: Path


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def show(title: str, rounds: Rounds) -> None:
    """Print what each did."""
    print(f"\n{title}\n{'':36}{'CPU us':>10}{'answers/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for name in rounds.names:
        cells = (rounds.median(name, figure) for figure in ("cpu_us", "per_second", "p50_ms", "p99_ms"))
        cpu, rate, middle, tail = cells
        failed = rounds.failed(name)
        noted = f"   {failed} requests failed, which are not counted" if failed else ""
        print(f"{name:36}{cpu:10.1f}{rate:12.1f}{middle:10.3f}{tail:10.3f}{noted}", flush=True)


def show_cost(rounds: Rounds, what: str, dearer: str, cheaper: str) -> None:
    """Print what something takes away of the rate, and between which values half of the rounds lie."""
    low, high = rounds.half(dearer, cheaper, "per_second")
    middle = rounds.ratio(dearer, cheaper, "per_second")
    print(f"{what} costs {1 - middle:.1%} of the rate (half of the rounds: {1 - high:.1%} to {1 - low:.1%})")


def against(rounds: Rounds, figure: str, name: str, mine: str = OURS) -> Figures:
    """Return our figure by that of the best peer: as they are, and with those that were told to batch."""
    peers = [other for other in rounds.names if other in ALL]
    found = {}
    for key, names in (
        (f"{name}_vs_best_peer", [other for other in peers if not other.endswith(TUNED)]),
        (f"{name}_vs_best_tuned_peer", peers if any(other.endswith(TUNED) for other in peers) else []),
    ):
        best = rounds.best(names, figure)
        if best:
            print(f"{key}: against {best}")
            found[key] = rounds.ratio(mine, best, figure)
    return found


def one_row(plan: Plan, settings: dict[str, Contender], bare: Contender) -> Figures:
    """Measure one row at 16 connections: ours, ours set otherwise, and the bare one."""
    servers = [bare, *(settings[each.name] for each in deployed(plan) if each.model == "logistic")]
    rounds = alternate([Entry(each.name, each, ONE) for each in servers], plan.rounds, plan.seconds)
    show("one row, 16 connections", rounds)
    for what, dearer, cheaper in (
        ("capture", OURS, OFF),
        ("a second variant", OURS, ours.ALONE_RESIDENT.name),
        ("a shadow", ours.SHADOWED.name, OURS),
    ):
        show_cost(rounds, what, dearer, cheaper)
    costs = [(ours.SHADOWED, "shadow_cost")]
    costs += [(each, f"{each.deployment}_cost") for each in (ours.EACH_GUARD if plan.each_guard else ())]
    return {
        "cpu_vs_bare": rounds.ratio(OURS, bare.name, "cpu_us"),
        "cpu_vs_bare_guarded": rounds.ratio(ours.GUARDED.name, bare.name, "cpu_us"),
        "variant_cost": rounds.ratio(OURS, ours.ALONE_RESIDENT.name, "cpu_us") - 1,
        "capture_cost": 1 - rounds.ratio(OFF, OURS, "cpu_us"),
        "capture_cost_in_rate": 1 - rounds.ratio(OURS, OFF, "per_second"),
        "shadow_cost_in_rate": 1 - rounds.ratio(ours.SHADOWED.name, OURS, "per_second"),
        **{name: rounds.ratio(setting.name, OURS, "cpu_us") - 1 for setting, name in costs},
        "rps": rounds.median(OURS, "per_second"),
        "cpu_us": rounds.median(OURS, "cpu_us"),
        "bare_cpu_us": rounds.median(bare.name, "cpu_us"),
    }


def beside_peers(plan: Plan, mine: Contender, peers: list[Contender]) -> Figures:
    """Measure one row at 16 connections: ours and the peers."""
    if not peers:
        return {}
    entries = [Entry(each.name, each, ONE) for each in [mine, *peers]]
    rounds = alternate(entries, plan.rounds, plan.seconds)
    show("one row, 16 connections, beside the peers", rounds)
    return {
        **against(rounds, "cpu_us", "cpu"),
        **against(rounds, "p99_ms", "p99"),
        **against(rounds, "per_second", "rps"),
        **{f"cpu_us_{peer.name}": rounds.median(peer.name, "cpu_us") for peer in peers},
    }


def one_connection(plan: Plan, servers: list[Contender], shadowed: Contender) -> Figures:
    """Measure one row at one connection, where what a shadow takes from callers would show as latency."""
    entries = [Entry(each.name, each, ALONE) for each in [*servers, shadowed]]
    rounds = alternate(entries, max(2, plan.rounds // 2), plan.seconds)
    show(ALONE.name, rounds)
    return {
        "p50_us_1_connection": rounds.median(OURS, "p50_ms") * 1000,
        "p50_vs_bare_1_connection": rounds.ratio(OURS, "bare", "p50_ms"),
        "shadow_p50_cost_1_connection": rounds.ratio(shadowed.name, OURS, "p50_ms") - 1,
        **against(rounds, "p50_ms", "p50_1_connection"),
    }


def crowd(plan: Plan, servers: list[Contender]) -> Figures:
    """Measure one row at 64 connections."""
    entries = [Entry(each.name, each, CROWD) for each in servers]
    rounds = alternate(entries, max(2, plan.rounds // 2), plan.seconds)
    show(CROWD.name, rounds)
    return {
        "cpu_vs_bare_64_connections": rounds.ratio(OURS, "bare", "cpu_us"),
        "rps_64_connections": rounds.median(OURS, "per_second"),
        **against(rounds, "p99_ms", "p99_64_connections"),
    }


def many_rows(plan: Plan, mine: Contender, uncaptured: Contender, peers: list[Contender]) -> Figures:
    """Measure a thousand rows in one request: ours as JSON and as Arrow, the peers in the JSON they read."""
    entries = []
    for task in (JSON_BULK, ARROW_BULK):
        entries += [Entry(task.name, mine, task), Entry(f"{task.name}, {OFF}", uncaptured, task)]
    entries += [Entry(peer.name, peer, JSON_BULK) for peer in peers if JSON_BULK.name in peer.requests]
    rounds = alternate(entries, max(2, plan.rounds // 2), plan.seconds)
    show("1,000 rows, 1 connection", rounds)
    figures = {}
    for task, name in ((JSON_BULK, "json"), (ARROW_BULK, "arrow")):
        figures[f"rows_per_second_{name}"] = rounds.median(task.name, "per_second") * BULK
        figures[f"capture_cost_{name}"] = 1 - rounds.ratio(f"{task.name}, {OFF}", task.name, "cpu_us")
        figures |= against(rounds, "per_second", f"rows_{name}", task.name)
    return figures


def forest(plan: Plan, server: Contender, peers: list[Contender]) -> Figures:
    """Measure a forest of a hundred trees, one row at 16 connections."""
    entries = [Entry(each.name, each, FOREST) for each in [server, *peers]]
    rounds = alternate(entries, max(2, plan.rounds // 2), plan.seconds)
    show("a forest of 100 trees, one row, 16 connections", rounds)
    mine = ours.FORESTED.name
    figures = {"forest_rps": rounds.median(mine, "per_second")}
    figures |= against(rounds, "per_second", "forest_rps", mine)
    return figures | against(rounds, "cpu_us", "forest_cpu", mine)


def own_starts(plan: Plan, settings: dict[str, Contender]) -> Figures:
    """Measure our starts, and the memory of a worker after all it has answered."""
    from mlops_jupyter.deployments.folder import require_serving

    worker = settings[OURS].root.children()[0]
    figures = {"worker_mb": memory_of(worker), "worker_rss_mb": worker.memory_info().rss / 1e6}
    one = ours.ALONE_RESIDENT
    start = starts.deployment_start(one, settings[one.name].port, times=2)
    package = Path(require_serving(ours.folder_of(one)).stable.package)
    return figures | {
        "cold_start_s": start.worker,
        "deployment_start_s": start.deployment,
        "package_start_s": starts.package_start(package, one, plan.scratch, times=1),
    }


def peer_starts(stages: list[Stage]) -> list[starts.PeerStart]:
    """Measure the start of each peer, one after the other."""
    found = []
    for stage in stages:
        say(f"start of {stage.peer.name}")
        found.append(starts.peer_start(stage, ONE, times=2))
        print(f"start of {stage.peer.name:16}{found[-1].seconds:8.2f} s{found[-1].megabytes:8.0f} MB")
    return found


def deployed(plan: Plan) -> list[ours.Setting]:
    """Return the ways in which ours is deployed."""
    return [ours.OURS, *ours.FEATURES, *(ours.EACH_GUARD if plan.each_guard else ()), ours.FORESTED]


def bring_live(plan: Plan) -> dict[str, Contender]:
    """Register and deploy; settings that differ in their shares alone share a deployment."""
    ours.register("logistic", versions=2)
    ours.register("forest", versions=1)
    live: dict[str, Contender] = {}
    by_deployment: dict[str, Contender] = {}
    for setting in deployed(plan):
        there = by_deployment.get(setting.deployment)
        if there:
            live[setting.name] = ours.contender(setting, there.port, dict(there.requests))
        else:
            live[setting.name] = by_deployment[setting.deployment] = ours.deploy(setting)
    ours.check_shares(live[OURS])
    return live


@contextlib.contextmanager
def running_peers(stages: list[Stage], tasks: list[Task]) -> Iterator[list[Contender]]:
    """Run them all until the block ends."""
    with contextlib.ExitStack() as running:
        peers = []
        for stage in stages:
            say(f"{stage.peer.name} for {stage.model}")
            peers.append(running.enter_context(stage.running(tasks)))
        yield peers


def set_up(plan: Plan, model: str) -> list[Stage]:
    """Return the peers with a model each, their environments built."""
    return [
        Stage(peer, model, plan.environments, plan.scratch / f"{peer.name}-{model}") for peer in plan.peers
    ]


def compare(plan: Plan) -> Figures:
    """Measure everything that the plan has."""
    logistic, forests = set_up(plan, "logistic"), set_up(plan, "forest")
    figures: Figures = {}
    started = peer_starts([stage for stage in logistic if not stage.peer.name.endswith(TUNED)])
    say("package, register and deploy")
    with contextlib.ExitStack() as live:
        live.enter_context(ours.workspace(plan.scratch / "workspace"))
        settings = bring_live(plan)
        mine, forested = settings[OURS], settings[ours.FORESTED.name]
        bare = live.enter_context(running_bare(plan.scratch / "bare", mine.requests))
        with running_peers(logistic, [ONE, ALONE, CROWD, JSON_BULK]) as peers:
            say("measure")
            figures |= one_row(plan, settings, bare) | beside_peers(plan, mine, peers)
            figures |= one_connection(plan, [bare, mine, *peers], settings[ours.SHADOWED.name])
            figures |= crowd(plan, [bare, mine, *peers])
            figures |= many_rows(plan, mine, settings[OFF], peers)
        with running_peers(forests, [FOREST]) as peers:
            figures |= forest(plan, forested, peers)
        figures |= own_starts(plan, settings)
    if started:
        quickest = min(started, key=lambda each: each.seconds)
        smallest = min(started, key=lambda each: each.megabytes)
        figures["cold_start_vs_best_peer"] = figures["cold_start_s"] / quickest.seconds
        figures["memory_vs_best_peer"] = figures["worker_mb"] / smallest.megabytes
    return figures


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="none", help="all, none, or names with commas")
    parser.add_argument("--environments", type=Path, default=CACHE, help="where those of the peers are kept")
    parser.add_argument("--rounds", type=int, help="4 alone, 5 beside peers when left out")
    parser.add_argument("--seconds", type=float, help="of a turn: 0.3 alone, 1.5 beside peers when left out")
    parser.add_argument("--each-guard", action="store_true", help="keys, rate limit, access log one by one")
    parser.add_argument("--output", type=Path, help="write the JSON there, too")
    options = parser.parse_args()
    peers = list(chosen_peers(options.peers, ALL).values())
    with tempfile.TemporaryDirectory() as scratch:
        rounds, seconds = (5, 1.5) if peers else (4, 0.3)
        plan = Plan(
            peers, options.environments, options.rounds or rounds, options.seconds or seconds,
            options.each_guard, Path(scratch),
        )  # fmt: skip
        figures = compare(plan)
    tell(figures, options.output)


if __name__ == "__main__":
    main()
