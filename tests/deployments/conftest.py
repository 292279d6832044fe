"""A deployment folder and its supervisor, driven by its files as the verbs do."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlops_jupyter import serving
from mlops_jupyter.serving.documents import read_document
from mlops_jupyter.serving.processes import find_process, find_processes
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import SUPERVISOR, Wanted, recorded_processes, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights

TINY = Path(__file__).parent / "tiny_server"
OURS = Path(serving.__file__).parent


def copy_of_server(folder: Path) -> Path:
    """Our supervisor and worker around the tiny app."""
    shutil.copytree(OURS, folder, ignore=shutil.ignore_patterns("__pycache__", "runtimes"))
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

    def generation(self, number: int, *answers: str | None, workers: int = 1) -> None:
        folder = generation_folder(self.folder, number)
        folder.mkdir()
        variants = tuple(
            VariantSpec(slot, str(answer), "d" * 64, str(self.package(answer)), "local", sys.executable)
            for slot, answer in enumerate(answers)
        )
        write_spec(folder, GenerationSpec("tiny", number, "tiny", workers, sys.executable, variants))
        shares = [Share("stable", 100.0), *[Share("resident", 0.0)] * (len(answers) - 1)]
        create_weights(folder / "weights", Weights(tuple(shares)))

    def want(self, active: int | None, prepare: int | None = None) -> None:
        write_wanted(self.folder, Wanted("127.0.0.1", self.port, active, prepare))

    def wait_until(self, true, seconds: float = 10.0):
        return wait_until(true, seconds)

    def start(self) -> psutil.Process:
        token = secrets.token_hex(8)
        self.tokens.append(token)
        with (self.folder / "logs" / "supervisor.log").open("ab") as log:
            subprocess.run(
                [sys.executable, str(self.server), "supervise", str(self.folder), "--token", token],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
            )  # fmt: skip
        wait_until(lambda: (self.supervisor() or {}).get("token") == token)
        return find_process(self.supervisor())

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
            connection.request("POST", path, body)
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
        supervisor = find_process(self.supervisor())
        if supervisor:
            supervisor.terminate()
            psutil.wait_procs([supervisor], timeout=15)
        for process in self.ours():
            process.kill()


@pytest.fixture(scope="session")
def tiny_server(tmp_path_factory) -> Path:
    return copy_of_server(tmp_path_factory.mktemp("server") / "serving")


@pytest.fixture
def tiny(tmp_path, tiny_server):
    deployment = TinyDeployment(tmp_path, tiny_server)
    yield deployment
    deployment.stop()
