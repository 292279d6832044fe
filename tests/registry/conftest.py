"""A real MLflow store for each test, copied from one that is made once; small packages; real processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlops_jupyter import registry
from mlops_jupyter.serving.manifest import content_digest, file_entry
from mlops_jupyter.store.database import Store, open_store
from mlops_jupyter.store.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOADER = """
class Answer:
    def predict(self, given):
        return [42]

def _load_pyfunc(path):
    return Answer()
"""


def pytest_configure(config: pytest.Config) -> None:
    # MLflow 3.17 on SQLAlchemy 2.1, where a test calls it directly
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy:DeprecationWarning")


def make_package(folder: Path, *, version: str = "1.0.0", weight: int = 1, **document: Any) -> Path:
    """Write a package that is small and true: a pyfunc model whose answer is 42."""
    files = {
        "MLmodel": "flavors:\n  python_function:\n    loader_module: answer\n    code: code\n",
        "README.md": "# churn\n",
        "code/answer.py": LOADER,
        "model/weights.bin": str(weight),
        "model/feature_schema.json": "{}",
        "requirements.txt": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    entries = {name: file_entry(folder / name) for name in files}
    facts = {
        "manifest_version": 1,
        "model": "churn",
        "version": version,
        "created": "2026-11-20T10:15:00+00:00",
        "digest": content_digest(entries),
        "files": entries,
        "git": {"commit": "abc123", "dirty": False},
        "data": {"train": {"rows": 3, "columns": 2, "fingerprint": "f1"}},
        "metrics": {"on": "test data", "values": {"accuracy": 0.9}},
    }
    (folder / "MANIFEST.json").write_text(json.dumps(facts | document))
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Make packages by keyword: `version`, `weight`, and whatever the manifest is to say."""
    made = iter(range(1000))
    return lambda **facts: make_package(tmp_path / f"package-{next(made)}", **facts)


@pytest.fixture(scope="session")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with its tables and nothing in it."""
    root = tmp_path_factory.mktemp("template")
    registry.client(Workspace(root))
    return root / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, mlflow_file: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "ws"))
    made = open_workspace()
    shutil.copy(mlflow_file, made.root / "mlflow.db")
    return made


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace)


@pytest.fixture
def other(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Store]:
    """Another workspace with the same registry."""
    monkeypatch.setenv("MLOPS_TRACKING_URI", registry.tracking_uri(workspace))
    root = tmp_path / "other"
    root.mkdir()
    return Workspace(root), open_store(Workspace(root))


@pytest.fixture(scope="session")
def forks(mlflow_file: Path) -> Iterator[Callable[..., list[int]]]:
    """Run `publish` in processes of their own, all at once, and give their exit codes."""
    script = Path(__file__).with_name("publisher.py")
    environment = os.environ | {"PYTHONPATH": str(script.parents[2])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, str(script), str(mlflow_file)], env=environment, text=True, **pipes
    ) as process:

        def run(*jobs: dict[str, str]) -> list[int]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(jobs) + "\n")
            process.stdin.flush()
            ends: list[int] = json.loads(process.stdout.readline())
            return ends

        yield run
        process.stdin.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, mlflow_file: Path) -> Iterator[str]:
    """A real MLflow server."""
    root = tmp_path_factory.mktemp("server")
    shutil.copy(mlflow_file, root / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    places = [
        "--backend-store-uri",
        f"sqlite:///{root / 'mlflow.db'}",
        "--artifacts-destination",
        str(root / "a"),
    ]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)
            process.wait(20)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(3000):
        assert process.poll() is None, "the MLflow server ended"
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the MLflow server did not answer within five minutes")
