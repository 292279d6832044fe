"""How long a rollback takes, from the verb in a warm kernel to the first answer by the old version.

python tests/benchmarks/rollback.py

Also from a fresh process, and what callers notice meanwhile. The last line is JSON; times are milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
NAME = "benchmark"
BODY = json.dumps({"features": {"distance": 100.0, "hour": 3.0}})


class Callers:
    """Clients that ask over kept connections for as long as the block lasts."""

    def __init__(self, port: int, count: int) -> None:
        self.port, self.answered, self.failed = port, 0, 0
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self._done.is_set():
            try:
                connection.request("POST", "/predict", BODY, {"content-type": "application/json"})
                response = connection.getresponse()
                response.read()
                self.answered += 1
                self.failed += response.status != 200
            except OSError:
                self.failed += 1
                connection.close()
            time.sleep(0.005)


def prepare() -> int:
    """Deploy one version and then the next; return the port."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import mlops_jupyter as mlops

    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"distance": generator.uniform(10, 5000, 500), "hour": generator.uniform(0, 24, 500)}
    )
    late = (frame.distance / 5000 + frame.hour / 24 > 1).rename("late")
    for strength in (1.0, 0.01):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(frame, late)
        mlops.package(model, name=NAME, data=frame, target=late)
        mlops.register(NAME)
        url = mlops.deploy(NAME, as_=f"{NAME}-staging").url
    return int(url.rpartition(":")[2])


def warm(times: int, port: int, clients: int) -> dict[str, float]:
    """Go back and forth in this process."""
    import mlops_jupyter as mlops

    to_answer, whole = [], []
    with Callers(port, clients) as callers:
        for turn in range(times):
            began = time.perf_counter()
            back = mlops.rollback(f"{NAME}-staging", to=("1.0.0", "1.0.1")[turn % 2])
            whole.append((time.perf_counter() - began) * 1000)
            to_answer.append(back.milliseconds)
            time.sleep(0.05)
    return {
        "warm_median_ms": statistics.median(to_answer),
        "warm_p95_ms": sorted(to_answer)[int(len(to_answer) * 0.95)],
        "warm_max_ms": max(to_answer),
        "verb_median_ms": statistics.median(whole),
        "requests_meanwhile": callers.answered,
        "requests_failed": callers.failed,
    }


def with_champion() -> dict[str, float]:
    """Go back where the alias in MLflow follows, once."""
    import mlops_jupyter as mlops

    mlops.deploy(NAME, version="1.0.0")
    mlops.deploy(NAME, version="1.0.1")
    began = time.perf_counter()
    back = mlops.rollback(NAME)
    return {"champion_ms": back.milliseconds, "champion_verb_ms": (time.perf_counter() - began) * 1000}


def cold() -> dict[str, float]:
    """Go back from a process that has imported nothing yet."""
    code = f"import mlops_jupyter as m; print(m.rollback('{NAME}-staging', to='1.0.0').milliseconds)"
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ
    )
    return {"cold_ms": float(done.stdout), "cold_process_ms": (time.perf_counter() - began) * 1000}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--clients", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLOPS_HOME"] = f"{home}/mlops"
        import mlops_jupyter as mlops

        port = prepare()
        try:
            found = warm(options.times, port, options.clients) | cold() | with_champion()
        finally:
            for seen in mlops.status().endpoints:
                mlops.stop(seen.name)
    print(json.dumps({name: round(value, 1) for name, value in found.items()}))


if __name__ == "__main__":
    main()
