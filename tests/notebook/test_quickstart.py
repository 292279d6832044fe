"""The main job: the quickstart notebook, run by papermill as the README's first command runs it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]


def run(home, *command):
    environment = os.environ | {"MLOPS_HOME": str(home)}
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        capture_output=True,
        text=True,
        cwd=home.parent,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quiet_jupyter):
    """The notebook has run; its endpoint is left behind, and stopped after the tests."""
    home = tmp_path_factory.mktemp("quickstart") / ".mlops"
    executed = home.parent / "executed.ipynb"
    runner = REPOSITORY / "notebooks" / "run.py"
    done = run(home, str(runner), "quickstart.ipynb", "--to", str(executed))
    assert done.returncode == 0, done.stdout + done.stderr
    yield home, done.stdout, nbformat.read(executed, as_version=4)
    stopped = run(home, "-m", "mlops_jupyter.cli", "stop", "flight-delay")
    assert stopped.returncode == 0, stopped.stderr
    deadline = time.monotonic() + 30  # for what tells MLflow of the alias, after the rollback returned
    while (left := _left_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def _left_of(home):
    running = psutil.process_iter(["cmdline"])
    return [process for process in running if str(home) in " ".join(process.info["cmdline"] or [])]


def test_it_ends_with_the_endpoint_a_prediction_and_the_way_back(finished):
    _, closing, _ = finished
    assert re.search(r"endpoint +http://127\.0\.0\.1:\d+, version 1\.0\.0", closing)
    assert re.search(r"prediction +flight \d+: (late|on time) \(confidence \d+%\)", closing)
    assert re.search(r"rollback +[\d.]+ ms from the call to the first answer by 1\.0\.0", closing)


def test_the_endpoint_outlives_the_notebook(finished):
    _, closing, _ = finished
    url = re.search(r"http://127\.0\.0\.1:\d+", closing)[0]
    with urlopen(f"{url}/health") as response:
        shares = {v["version"]: v["weight"] for v in json.load(response)["variants"]}
    assert shares == {"1.0.0": 100, "1.1.0": 0}
    with urlopen(f"{url}/openapi.json") as response:
        operation = json.load(response)["paths"]["/predict"]["post"]
    example = next(iter(operation["requestBody"]["content"]["application/json"]["examples"].values()))[
        "value"
    ]
    request = Request(f"{url}/predict", json.dumps(example).encode(), {"Content-Type": "application/json"})
    with urlopen(request) as response:
        assert json.load(response)["version"] == "1.0.0"


def test_a_shell_sees_what_the_notebook_did(finished):
    home, _, _ = finished
    history = json.loads(run(home, "-m", "mlops_jupyter.cli", "history", "flight-delay", "--json").stdout)
    assert "trying out the way back" in json.dumps(history)
    audit = run(home, "-m", "mlops_jupyter.cli", "audit")
    assert audit.returncode == 0, audit.stderr


def test_every_result_is_readable_without_a_kernel(finished):
    _, _, notebook = finished
    shown = [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "execute_result"]
    ours = [output.data for output in shown if "mlops" in output.data.get("text/html", "")]
    assert len(ours) > 8
    assert all(data["text/plain"] and len(data["text/html"]) < 200_000 for data in ours)
    assert not [
        data for data in ours if re.search(r'(src|href)="https?://(?!127\.0\.0\.1)', data["text/html"])
    ]
