"""CPU time of one prediction over HTTP, against a bare endpoint that reads the same JSON.

The bare one answers a constant. Both are served by uvicorn, one process each, and are asked in turn, so that
whatever else the machine does falls on both. CPU time is what holds on a noisy machine; wall time is not
reported. The last line is JSON.

    python tests/benchmarks/predict_path.py [--rounds 6] [--requests 4000]
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlops_jupyter.serving
from mlops_jupyter.packaging.formats import save_model
from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output

SERVING = Path(mlops_jupyter.serving.__file__).parent
COLUMNS = 30
CONNECTIONS = 4
BARE = """
import orjson

ANSWER = orjson.dumps({"predictions": [1]})
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if body:
        orjson.loads(body)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
"""


class Server:
    """One uvicorn process."""

    def __init__(self, folder: Path, app: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = ["--port", str(self.port), "--no-access-log", "--log-level", "warning", "--lifespan", "off"]
        command = [sys.executable, "-m", "uvicorn", app, *options]
        self.process = psutil.Popen(command, cwd=folder)

    def wait(self) -> None:
        """Return when it accepts connections."""
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError

    def cpu(self) -> float:
        """Return the CPU seconds it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def microseconds(self, body: bytes, requests: int) -> float:
        """Return the CPU time of one request."""
        before = self.cpu()
        threads = [
            threading.Thread(target=ask, args=(self.port, body, requests // CONNECTIONS))
            for _ in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (self.cpu() - before) / requests * 1e6


def ask(port: int, body: bytes, requests: int) -> None:
    """Send the same request over one connection, each after the answer to the last."""
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    request = head.encode() + b"content-type: application/json\r\n\r\n" + body
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers = connection.makefile("rb")
        for _ in range(requests):
            connection.sendall(request)
            status, length = answers.readline(), 0
            while (line := answers.readline()) != b"\r\n":
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            answer = answers.read(length)
            assert status.startswith(b"HTTP/1.1 200"), answer


def build(folder: Path) -> tuple[bytes, str]:
    """Build the package under `folder`; return a request of one row, and the format that serves."""
    rng = np.random.default_rng(0)
    names = [f"mean_radius_{i}" for i in range(COLUMNS)]
    data = pd.DataFrame(rng.normal(size=(500, COLUMNS)), columns=names)
    target = (data.sum(axis=1) > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, target)
    package = folder / "package"
    (package / "config").mkdir(parents=True)
    schema = {"schema_version": 1, "input": infer_input(data), "output": infer_output(model, data, target)}
    saved = save_model(model, package, data, schema)
    (package / "model" / "feature_schema.json").write_text(json.dumps(schema))
    (package / "config" / "model_config.yaml").write_text(yaml.safe_dump(saved.config))
    (package / "config" / "serving_config.yaml").write_text("{}")
    shutil.copytree(SERVING, package / "src", ignore=shutil.ignore_patterns("__pycache__"))
    seal(package, {"model": "cancer", "version": "1.0.0"})
    row = {name: float(value) for name, value in data.iloc[0].items()}
    return json.dumps({"features": row}, separators=(",", ":")).encode(), saved.format


def measure(rounds: int, requests: int) -> dict[str, float | str]:
    """Return CPU microseconds of a request to each, and how many times the bare one's ours is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body, served = build(folder)
        (folder / "bare.py").write_text(BARE)
        servers = {
            "bare": Server(folder, "bare:app"),
            "ours": Server(folder / "package", "src.inference:app"),
        }
        try:
            for server in servers.values():
                server.wait()
                server.microseconds(body, requests // 4)
            runs = [
                {name: s.microseconds(body, requests) for name, s in servers.items()} for _ in range(rounds)
            ]
            memory = servers["ours"].process.memory_info().rss / 1e6
        finally:
            for server in servers.values():
                server.process.terminate()
                server.process.wait()
    return {
        "format": served,
        "bare_us": round(statistics.median(run["bare"] for run in runs), 1),
        "ours_us": round(statistics.median(run["ours"] for run in runs), 1),
        "cpu_vs_bare": round(statistics.median(run["ours"] / run["bare"] for run in runs), 2),
        "worker_mb": round(memory),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=4000)
    options = parser.parse_args()
    result = measure(options.rounds, options.requests)
    print(f"one row of {COLUMNS} columns as {result['format']}, median of {options.rounds} rounds")
    print(f"bare {result['bare_us']} us, ours {result['ours_us']} us of CPU a request")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
