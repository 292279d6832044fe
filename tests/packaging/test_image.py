"""The image builds without a network, runs without rights on a read-only file system, and turns healthy."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression


def docker(*words: str, check: bool = True, timeout: int = 300) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {words[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def engine():
    if shutil.which("docker") is None or not docker("version", "-f", "{{.Server.Version}}", check=False):
        pytest.skip("no Docker engine runs here")
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip, which downloads the wheels, is not installed")


@pytest.fixture(scope="module")
def sums(packaged):
    rows = np.arange(60.0).reshape(30, 2)
    return packaged(LinearRegression().fit(rows, rows.sum(axis=1)), rows, name="sums")


@pytest.fixture(scope="module")
def image(engine, sums, tmp_path_factory):
    """Build the image in a copy of the package with the wheels of its pins beside it, without a network."""
    context = shutil.copytree(sums.path, tmp_path_factory.mktemp("image") / "package")
    wheels = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--only-binary",
        ":all:",
        "--dest",
        "wheels",
    ]
    subprocess.run(
        [*wheels, "-r", "requirements.txt"], cwd=context, check=True, timeout=300, capture_output=True
    )
    name = f"mlops-test-{uuid.uuid4().hex[:12]}"
    docker("build", "--quiet", "--network", "none", "--tag", name, str(context))
    yield name
    docker("image", "rm", "--force", name, check=False)


@pytest.fixture(scope="module")
def container(image):
    options = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--publish", "127.0.0.1::8000"]
    name = docker("run", "--detach", *options, image)
    yield name
    docker("rm", "--force", name, check=False)


def test_the_container_turns_healthy_and_answers(container):
    until = time.monotonic() + 60
    while (state := docker("inspect", "-f", "{{.State.Health.Status}}", container)) == "starting":
        assert time.monotonic() < until, docker("logs", container)
        time.sleep(0.5)
    assert state == "healthy", docker("logs", container)
    address = docker("port", container, "8000").splitlines()[0]
    body = json.dumps({"features": [[1.0, 2.0]]}).encode()
    request = urllib.request.Request(f"http://{address}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert json.load(response)["predictions"] == [pytest.approx(3.0)]


def test_it_runs_without_rights_and_writes_nothing(container):
    assert docker("exec", container, "id", "-u") == "10001"
    assert docker("diff", container) == ""


def test_the_image_holds_no_pip_and_no_wheels(container):
    assert docker("exec", container, "sh", "-c", "ls /opt/venv/bin | grep -c '^pip' || true") == "0"
    assert docker("exec", container, "sh", "-c", "ls / | grep -c wheels || true") == "0"
