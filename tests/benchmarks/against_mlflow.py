"""One model, registered once, served two ways in one run: by a deployment and by ``mlflow models serve``.

Measured: CPU time of the whole process tree for a one-row request, time from the command to the first answer,
and time to go back to the version before. Machines are noisy: ratios count, and CPU time before wall time.

    python tests/benchmarks/against_mlflow.py [--requests 600]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "tumour"
START_LIMIT = 90.0


def prepared_versions() -> tuple[str, dict[str, float]]:
    """Register two versions of a scaled logistic regression on 30 columns; return its name and one record."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import mlops_jupyter as mlops

    table = load_breast_cancer(as_frame=True)
    for strength in (1.0, 0.1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(table.data, table.target)
        mlops.package(model, name=MODEL, data=table.data, target=table.target)
        mlops.register(MODEL)
    return MODEL, table.data.iloc[0].to_dict()


def ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> dict[str, Any]:
    """Send one request on a connection that is kept, and return the answer."""
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer}")
    return answer


def first_answer(port: int, path: str, body: bytes) -> dict[str, Any]:
    """Ask until somebody answers."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=30), path, body)
        time.sleep(0.02)
    raise TimeoutError(f"nothing answers at port {port}")


def named(text: str) -> list[psutil.Process]:
    """Return the processes whose command line names `text`."""
    running = psutil.process_iter(["cmdline"])
    return [process for process in running if text in " ".join(process.info["cmdline"] or [])]


def tree_cpu(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of the processes, user and system."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def cpu_per_request(tree: list[psutil.Process], port: int, path: str, body: bytes, requests: int) -> float:
    """Return CPU microseconds a request, of all the processes named."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(20):
        ask(connection, path, body)
    before = tree_cpu(tree)
    for _ in range(requests):
        ask(connection, path, body)
    return (tree_cpu(tree) - before) / requests * 1e6


@contextlib.contextmanager
def mlflow_server(version: str, port: int) -> Iterator[int]:
    """Serve a registered version with MLflow's own command in this environment; yield its pid."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", f"models:/{MODEL}/{version}", "--port", str(port)]
    quiet = subprocess.DEVNULL
    # it starts uvicorn by name
    around = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=around, start_new_session=True) as process:
        try:
            yield process.pid
        finally:
            tree = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            for child in tree:
                with contextlib.suppress(psutil.Error):
                    child.terminate()
            psutil.wait_procs(tree, timeout=10)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds an action took, and what it returned."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def back_to(version: str, port: int, body: bytes) -> dict[str, Any]:
    """Go to a version that is loaded, and ask it."""
    import mlops_jupyter as mlops

    mlops.rollback(MODEL, to=version)
    return first_answer(port, "/predict", body)


def wait_for_alias() -> None:
    """Wait until the alias of the way back before has followed: nobody goes back twice in a second."""
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.outbox import queued
    from mlops_jupyter.store.workspace import open_workspace

    deadline = time.monotonic() + START_LIMIT
    while queued(open_store(open_workspace())) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1.0)  # for the process that moved it to end


def measure_ours(record: dict[str, float], requests: int) -> dict[str, float]:
    """Deploy, ask, go back, stop."""
    import mlops_jupyter as mlops

    body = json.dumps({"features": record}).encode()
    mlops.deploy(MODEL, version="1.0.0", workers=1)
    mlops.stop(MODEL)

    def start() -> int:
        port = int(mlops.deploy(MODEL, version="1.0.0", workers=1).url.rsplit(":", 1)[1])
        first_answer(port, "/predict", body)
        return port

    try:
        seconds, port = timed(start)
        cpu = cpu_per_request(named(os.environ["MLOPS_HOME"]), port, "/predict", body, requests)
        mlops.deploy(MODEL, version="1.0.1", workers=1)
        back = []
        for version in ["1.0.0", "1.0.1"] * 3:
            wait_for_alias()
            spent, answer = timed(lambda version=version: back_to(version, port, body))
            if answer["version"] != version:
                raise RuntimeError(f"{answer['version']} answered after the way back to {version}")
            back.append(spent)
    finally:
        mlops.stop(MODEL)
    return {"cpu_us": cpu, "start_s": seconds, "back_s": statistics.median(back)}


def measure_mlflow(record: dict[str, float], requests: int, port: int) -> dict[str, float]:
    """Serve, ask, and go back the way MLflow has: end the server and serve the other version.

    The start that counts is the second one, as ours is: files are cached and bytecode is written.
    """
    body = json.dumps({"dataframe_records": [record]}).encode()
    with mlflow_server("2", port) as pid:
        first_answer(port, "/invocations", body)
        server = psutil.Process(pid)
        tree = [server, *server.children(recursive=True)]
        cpu = cpu_per_request(tree, port, "/invocations", body, requests)
        leaving = time.perf_counter()
    starting = time.perf_counter()
    with mlflow_server("1", port):
        first_answer(port, "/invocations", body)
        there = time.perf_counter()
    return {"cpu_us": cpu, "start_s": there - starting, "back_s": there - leaving}


def main() -> None:
    """Measure both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--port", type=int, default=8197)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "workspace")
        os.environ["MLOPS_HOME"] = str(home)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{home}/mlflow.db"
        _, record = prepared_versions()
        ours = measure_ours(record, options.requests)
        theirs = measure_mlflow(record, options.requests, options.port)
    for name, unit in (
        ("cpu_us", "CPU us a request"),
        ("start_s", "s to the first answer"),
        ("back_s", "s back"),
    ):
        print(f"{unit:24} ours {ours[name]:10.4g}   mlflow models serve {theirs[name]:10.4g}")
    print(json.dumps({f"{name}_vs_mlflow": round(theirs[name] / ours[name], 1) for name in ours}))


if __name__ == "__main__":
    main()
