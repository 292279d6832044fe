"""Packages made from real models, and one real server, shared by the tests of this room."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlops_jupyter.serving
from mlops_jupyter.packaging.formats import save_model
from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output

SERVING = Path(mlops_jupyter.serving.__file__).parent
BODY_LIMIT = 1_000_000
# the server must do without us: as in an environment where mlops_jupyter is not installed
ALONE = (
    "import sys, runpy; sys.modules['mlops_jupyter'] = None; runpy.run_module('uvicorn', run_name='__main__')"
)


def build_package(folder, model, data, target=None, *, serving=None, code=None, nullable=(), version="1.0.0"):
    """Build a package of a fitted model, as thin as a server can load."""
    (folder / "config").mkdir(parents=True)
    schema = {"schema_version": 1, "input": infer_input(data), "output": infer_output(model, data, target)}
    for column in schema["input"]["columns"]:
        column["nullable"] = column["name"] in nullable
    for name, text in (code or {}).items():
        (folder / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / name).write_text(text)
    modules = sorted({name.split("/")[0].removesuffix(".py") for name in code or {}})
    saved = save_model(model, folder, data, schema, code=modules)
    (folder / "model" / "feature_schema.json").write_text(json.dumps(schema))
    (folder / "config" / "model_config.yaml").write_text(yaml.safe_dump(saved.config))
    (folder / "config" / "serving_config.yaml").write_text(yaml.safe_dump(serving or {}))
    shutil.copytree(SERVING, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    seal(folder, {"model": "delays", "version": version})
    return folder


@pytest.fixture(scope="session")
def package_builder():
    """`build_package`, for tests with a model of their own."""
    return build_package


@pytest.fixture(scope="session")
def delays():
    """Flights, whether they were late, and a fitted pipeline."""
    rng = np.random.default_rng(0)
    rows = 400
    flights = pd.DataFrame(
        {
            "distance": rng.uniform(17, 4983, rows).round(),
            "hour": rng.integers(5, 24, rows),
            "origin": rng.choice(["JFK", "LGA", "EWR"], rows),
        }
    )
    late = np.where(flights.hour + rng.normal(0, 4, rows) > 16, "late", "on time")
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["distance", "hour"]),
        (OneHotEncoder(handle_unknown="ignore"), ["origin"]),
    )
    model = make_pipeline(encode, LogisticRegression()).fit(flights, late)
    return model, flights, pd.Series(late, name="arrival")


@pytest.fixture(scope="session")
def delays_package(delays, tmp_path_factory):
    """The package of `delays`: `distance` may be missing, a body has at most `BODY_LIMIT` bytes."""
    serving = {"threshold": None, "limits": {"body_bytes": BODY_LIMIT, "rows": 2000}}
    folder = tmp_path_factory.mktemp("delays") / "package"
    return build_package(folder, *delays, serving=serving, nullable=["distance"])


class ServedPackage:
    """A package served by its own copy of the server, in a process without mlops_jupyter."""

    def __init__(self, folder: Path, log: Path, arguments: tuple[str, ...] = ()) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-c", ALONE, "src.inference:app", "--port", str(self.port), *arguments]
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stderr=stream, stdout=stream
            )

    def wait(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                httpx.get(f"{self.url}/ready", timeout=5, trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(self.log.read_text())

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="session")
def serve_package(tmp_path_factory):
    """Serve packages until the end of the session."""
    served: list[ServedPackage] = []

    def serve(folder: Path, *arguments: str) -> ServedPackage:
        server = ServedPackage(folder, tmp_path_factory.mktemp("log") / "server.log", arguments)
        served.append(server)
        server.wait()
        return server

    yield serve
    for server in served:
        server.stop()


@pytest.fixture(scope="session")
def server(delays_package, serve_package):
    """A server of `delays_package`."""
    return serve_package(delays_package)


@pytest.fixture(scope="session")
def client(server):
    """A client of `server`."""
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def flight():
    """A good record."""
    return {"distance": 200.0, "hour": 18, "origin": "JFK"}
