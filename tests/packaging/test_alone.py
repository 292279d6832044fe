"""A package stands alone: it tests itself, serves, and is loaded by MLflow, all without mlops_jupyter."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mlops_jupyter.packaging.sealing import verified

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


@pytest.fixture(scope="session")
def own_python(delay, tmp_path_factory):
    """An interpreter with what the two requirements files of the package name, and nothing else."""
    if UV is None:
        pytest.skip("uv is not installed")
    place = tmp_path_factory.mktemp("environment") / "venv"
    python = place / "bin/python"
    files = [delay.path / "requirements.txt", delay.path / "requirements-test.txt"]
    for command in (
        [UV, "venv", "--quiet", "--python", sys.executable, str(place)],
        [UV, "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
        + [word for file in files for word in ("-r", str(file))],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"the pins cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


def test_its_tests_pass_with_its_own_pins_alone(delay, own_python):
    absent = subprocess.run(
        [own_python, "-I", "-c", "import mlops_jupyter"], capture_output=True, check=False
    )
    assert b"No module named 'mlops_jupyter'" in absent.stderr
    command = [own_python, "-I", "-m", "pytest", "-q", "-W", "error"]
    done = subprocess.run(command, cwd=delay.path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert verified(delay.path).digest == delay.digest


def test_uvicorn_serves_it_with_its_own_pins_alone(delay, own_python):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        own_python,
        "-m",
        "uvicorn",
        "src.inference:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    server = subprocess.Popen(command, cwd=delay.path)
    try:
        golden = json.loads((delay.path / "tests/golden.json").read_text())
        answer = ask(f"http://127.0.0.1:{port}/predict", {"features": golden["features"]}, server)
        assert answer["predictions"] == golden["predictions"]
        assert answer["version"] == "1.0.0"
    finally:
        server.terminate()
        server.wait(10)
    assert verified(delay.path).digest == delay.digest


def ask(url, document, server):
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not answer ({server.poll()})")


MLFLOW = """
import json, sys
sys.modules["mlops_jupyter"] = None  # as if it were not installed
import mlflow.pyfunc, pandas as pd
golden = json.load(open(sys.argv[2]))
model = mlflow.pyfunc.load_model(sys.argv[1])
other = mlflow.pyfunc.load_model(sys.argv[3])
frame = pd.DataFrame(golden["features"])
print(json.dumps({
    "same": model.predict(frame).tolist() == golden["predictions"],
    "other": other.predict(frame).tolist() != golden["predictions"],
    "inputs": model.metadata.signature.inputs.input_names(),
    "ours": [name for name in sys.modules if name.startswith("mlops_jupyter.")],
}))
"""


def test_mlflow_loads_two_packages_in_a_process_without_us(delay, packaged, flights, pipeline, tmp_path):
    frame, target = flights()
    turned = packaged(pipeline().fit(frame, target), frame, name="turned", target=target, threshold=0.99)
    golden = delay.path / "tests/golden.json"
    command = [sys.executable, "-I", "-c", MLFLOW, str(delay.path), str(golden), str(turned.path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"same": True, "other": True, "inputs": ["distance", "origin", "hour"], "ours": []}
    assert verified(delay.path).digest == delay.digest


def test_mlflow_does_not_load_a_package_that_was_changed(delay, tmp_path):
    copy = shutil.copytree(delay.path, tmp_path / "changed")
    (copy / "config/serving_config.yaml").write_text("threshold: null\n")
    command = [
        sys.executable,
        "-I",
        "-c",
        "import mlflow.pyfunc, sys; mlflow.pyfunc.load_model(sys.argv[1])",
        copy,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode != 0
    assert "config/serving_config.yaml: changed" in done.stderr
