"""What the agent costs while nothing is due: processor and memory, with schedules that come due tomorrow.

Run it alone: ``python tests/benchmarks/agent.py [--seconds 60] [--schedules 20]``. It also says how fast an
agent starts, and what its libraries cost in memory. The last line is JSON. It exits with 1 above the limits:
1 % of a processor, 150 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Ledger

LIMIT_CPU_PERCENT = 1.0
LIMIT_MB = 150.0
LIBRARIES = (
    "mlops_jupyter.store.leases",
    "cronsim",
    "apscheduler.schedulers.background",
    "mlops_jupyter.agents.process",
    "sqlalchemy",  # which the agent does without
)
GROWTH = """
import sys, psutil
held = psutil.Process().memory_info
for name in sys.argv[1:]:
    before = held().rss
    __import__(name)
    print(held().rss - before)
"""


def entered(store: Ledger, count: int) -> None:
    """Write schedules that come due once a day, not now."""
    from mlops_jupyter.pipelines.scheduling.times import Cron, times_after
    from mlops_jupyter.store.schedules import Schedule, save_schedule

    now = datetime.now(UTC)
    hour = (now + timedelta(hours=12)).hour
    for number in range(count):
        cron = Cron(f"{number % 60} {hour} * * *", "UTC")
        subject = {"pipeline": f"p{number}", "file": "/no/such/pipeline.yaml", "parameters": {}}
        facts = (cron.expression, cron.timezone, "run-once", "", sys.executable, now)
        first = next(times_after(cron, now))
        save_schedule(store, Schedule(f"schedule-{number}", "pipeline", subject, *facts, first))


def cost(pid: int, seconds: float) -> dict[str, float]:
    """Watch a process for so long, and return what it took."""
    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, took = process.cpu_times(), time.monotonic() - began
    used = after.user + after.system - before.user - before.system
    held = process.memory_full_info()
    return {
        "idle_cpu_percent": round(100 * used / took, 3),
        "rss_mb": round(held.rss / 1e6, 1),
        "pss_mb": round(getattr(held, "pss", held.uss) / 1e6, 1),
        "threads": process.num_threads(),
    }


def growth() -> dict[str, float]:
    """Return by how many MB each library makes a process grow, one behind the other."""
    said = subprocess.run([sys.executable, "-c", GROWTH, *LIBRARIES], capture_output=True, check=True)
    return {
        name: round(int(line) / 1e6, 1) for name, line in zip(LIBRARIES, said.stdout.split(), strict=True)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--schedules", type=int, default=20)
    options = parser.parse_args()
    from mlops_jupyter.pipelines.scheduling.starting import ensure_agent, stop_agent
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.workspace import Workspace

    with tempfile.TemporaryDirectory() as home:
        os.environ["MLOPS_HOME"] = home
        store = Ledger(Workspace(Path(home)))
        entered(store, options.schedules)
        began = time.monotonic()
        lease = ensure_agent(store.workspace)
        start = time.monotonic() - began
        try:
            time.sleep(2)  # until it has looked for the first time
            measured = cost(lease.pid, options.seconds)
        finally:
            stop_agent(store.workspace)
    for name, megabytes in growth().items():
        print(f"{name:40} {megabytes:6.1f} MB")
    figures = {"start_s": round(start, 2), **measured, "schedules": options.schedules}
    print(json.dumps(figures))
    within = measured["idle_cpu_percent"] < LIMIT_CPU_PERCENT and measured["rss_mb"] < LIMIT_MB
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
