"""A deployment folder and its supervisor, driven by its files as the verbs do."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter import serving
from mlops_jupyter.deployments.live import Wish
from mlops_jupyter.deployments.supervision import end_all
from mlops_jupyter.serving.documents import read_document
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.processes import find_process, find_processes, wait_for_end
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import SUPERVISOR, Wanted, recorded_processes, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.versions import find_version
from mlops_jupyter.store.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(mlops.__file__).parents[1]
TINY = Path(__file__).parent / "tiny_server"
OURS = Path(serving.__file__).parent


def copy_of_server(folder: Path) -> Path:
    """Our supervisor and worker around the tiny app."""
    shutil.copytree(OURS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in TINY.glob("*.py"):
        shutil.copy(path, folder)
    return folder


def wait_until(true, seconds: float = 10.0):
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TinyDeployment:
    def __init__(self, root: Path, server: Path) -> None:
        self.folder, self.server, self.port = root / "deployment", server, free_port()
        self.packages = root / "packages"
        for each in (self.folder / "generations", self.folder / "logs", self.packages):
            each.mkdir(parents=True)
        self.tokens: list[str] = []

    def package(self, answer: str | None) -> Path:
        folder = self.packages / str(answer)
        folder.mkdir(exist_ok=True)
        if answer is not None:
            (folder / "answer").write_text(answer)
        return folder

    def generation(
        self, number: int, *answers: str | None, workers: int = 1, python: str = sys.executable
    ) -> None:
        folder = generation_folder(self.folder, number)
        folder.mkdir()
        variants = tuple(
            VariantSpec(slot, str(answer), "d" * 64, str(self.package(answer)), "local", python)
            for slot, answer in enumerate(answers)
        )
        options = Options(capture=False)
        write_spec(folder, GenerationSpec("tiny", number, "tiny", workers, python, variants, options))
        shares = [Share("stable", 100.0), *[Share("resident", 0.0)] * (len(answers) - 1)]
        create_weights(folder / "weights", Weights(tuple(shares)))

    def want(self, active: int | None, prepare: int | None = None) -> None:
        write_wanted(self.folder, Wanted("127.0.0.1", self.port, active, prepare))

    def wait_until(self, true, seconds: float = 10.0):
        return wait_until(true, seconds)

    def start(self) -> psutil.Process:
        token = secrets.token_hex(8)
        self.launch(token)
        wait_until(lambda: (self.supervisor() or {}).get("token") == token)
        return find_process(self.supervisor())

    def launch(self, token: str) -> None:
        self.tokens.append(token)
        with (self.folder / "logs" / "supervisor.log").open("ab") as log:
            subprocess.run(
                [sys.executable, str(self.server), "supervise", str(self.folder), "--token", token],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
            )  # fmt: skip

    def supervisor(self) -> dict:
        return read_document(self.folder / SUPERVISOR)

    def state(self, number: int) -> dict:
        return read_document(generation_folder(self.folder, number) / "state.json") or {}

    def wait_for(self, number: int, phase: str) -> dict:
        return wait_until(lambda: self.state(number).get("phase") == phase and self.state(number))

    def replace(self, active: int, following: int) -> None:
        self.want(active, following)
        self.wait_for(following, "ready")
        self.want(following)
        self.wait_for(following, "serving")

    def ask(self, body: str = "{}", path: str = "/predict") -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST" if path == "/predict" else "GET", path, body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def workers(self) -> list[psutil.Process]:
        return find_processes(recorded_processes(self.folder))

    def ours(self) -> list[psutil.Process]:
        """Every living process that bears a token of this deployment, recorded or not."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if set(self.tokens) & set(words) and process.pid != os.getpid():
                found.append(process)
        return found

    def stop(self) -> None:
        supervisor = find_process(self.supervisor()) if self.folder.exists() else None
        if supervisor:
            supervisor.terminate()
            wait_for_end([supervisor], 15)
        for process in self.ours():
            process.kill()


@pytest.fixture(scope="session")
def tiny_server(tmp_path_factory) -> Path:
    return copy_of_server(tmp_path_factory.mktemp("server") / "serving")


@pytest.fixture(scope="session")
def deployment_by_files():
    """`TinyDeployment`, for tests that bring a server and packages of their own."""
    return TinyDeployment


@pytest.fixture
def tiny(tmp_path, tiny_server):
    deployment = TinyDeployment(tmp_path, tiny_server)
    yield deployment
    deployment.stop()


@dataclass(frozen=True)
class Workshop:
    """A workspace with ``late`` 1.0.0 to 1.0.2, and ``noon``, whose own module differs by version."""

    home: Path
    frame: pd.DataFrame

    def kernel(self, code: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run code in a process of its own, as a notebook's kernel would."""
        variables = {**os.environ, "MLOPS_HOME": str(self.home), "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=variables,
            check=check,
            timeout=60,
        )  # fmt: skip

    def wish_of_changed_package(self, name: str, to: Path) -> tuple[Wish, str]:
        """Return a wish for late 1.0.1 from a copy with one byte flipped, and the file it is in."""
        record = find_version(open_store(open_workspace()), "late", "1.0.1")
        shutil.copytree(record.package_path, to)
        (model,) = (to / "model").glob("model.*")
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 1
        model.write_bytes(bytes(data))
        return Wish("deploy", name, "late", "1.0.1", record.digest, to, "127.0.0.1"), f"model/{model.name}"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    import numpy as np
    import pandas as pd

    home = tmp_path_factory.mktemp("workshop")
    generator = np.random.default_rng(0)
    distance, hour = generator.uniform(10, 5000, 300), generator.integers(0, 24, 300)
    frame = pd.DataFrame({"distance": distance, "hour": hour})
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, at import and at the making of its database
        patch.setenv("MLOPS_HOME", str(home / "mlops"))
        for strength in (1.0, 0.1, 0.01):
            _register("late", _classifier(strength), frame, frame.distance / 5000 + frame.hour / 24 > 1)
        for weight in (1, -1):
            with _project(home / f"project{weight}", weight) as transform:
                code = [str(home / f"project{weight}" / "noon_features.py")]
                _register("noon", _regressor(transform), frame, frame.hour + 0.5, code=code)
    return Workshop(home / "mlops", frame)


def _register(name, model, frame, target, **options) -> None:
    target = target.rename("target")
    mlops.package(model.fit(frame, target), name=name, data=frame, target=target, **options)
    mlops.register(name)


def _classifier(strength: float):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength))


def _regressor(transform):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(transform), LinearRegression())


@contextlib.contextmanager
def _project(folder: Path, weight: int):
    """A project's own module, by the same name in each."""
    folder.mkdir()
    (folder / "noon_features.py").write_text(f"def from_noon(X):\n    return {weight} * (X - 12)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        import noon_features

        try:
            yield noon_features.from_noon
        finally:
            del sys.modules["noon_features"]


@pytest.fixture
def home(workshop, monkeypatch) -> Workshop:
    """The workshop as this process's workspace."""
    monkeypatch.setenv("MLOPS_HOME", str(workshop.home))
    return workshop


@pytest.fixture
def name(home) -> str:
    """A deployment's name of the test's own; nothing of it is left afterwards."""
    chosen = f"late-{secrets.token_hex(3)}"
    yield chosen
    forget(home, chosen)


@pytest.fixture(scope="module")
def shared_name(workshop) -> str:
    """A deployment's name that the tests of a module share, each bringing it to where it begins."""
    chosen = f"late-{secrets.token_hex(3)}"
    yield chosen
    forget(workshop, chosen)


def forget(workshop: Workshop, name: str) -> None:
    end_all(workshop.home / "deployments" / name)
    shutil.rmtree(workshop.home / "deployments" / name, ignore_errors=True)


@pytest.fixture
def wait():
    return wait_until
