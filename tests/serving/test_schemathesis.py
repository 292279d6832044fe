"""What schemathesis finds when it asks a real worker everything that its OpenAPI document allows, and more.

By its command: its own plugin for pytest does not know of pytest 9's subtests yet.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .served import Served

HERE = Path(__file__).parent
EXAMPLES = 150
CONFIG = """
hooks = "schemathesis_hooks"

[parameters]
"path.model" = "delays"
"path.version" = "1.0.0"

[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "413", "415", "422"]
"""
# JSON Schema cannot say that a tensor has as many values as its shape, or a frame the columns of the model:
# what schemathesis takes for valid there need not be accepted
BEYOND = "(invocations|infer)$"
RUNS = {
    "told whole": ["--exclude-path-regex", BEYOND],
    "told in part": ["--include-path-regex", BEYOND, "--exclude-checks", "positive_data_acceptance"],
}


@pytest.fixture(scope="module")
def deployment(delays_package):
    served = Served(delays_package)
    yield served
    served.stop()


@pytest.fixture(scope="module", params=RUNS)
def said(deployment, request, tmp_path_factory):
    """Return what schemathesis says of the deployment."""
    folder = tmp_path_factory.mktemp("schemathesis")
    (folder / "schemathesis.toml").write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    options = ["--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)]
    fixed = ["--generation-deterministic", "--continue-on-failure", "--no-color"]
    asked = [f"{deployment.url}/openapi.json", "--url", deployment.url]
    run = subprocess.run(
        [program, "run", *asked, *options, *fixed, *RUNS[request.param]],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(HERE), "NO_PROXY": "*"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return run.stdout + run.stderr


def test_every_answer_is_as_documented_and_every_wrong_request_is_refused(said):
    assert not re.search("(Failures|Errors):", said), said
    selected, total, tested = re.findall(r"Selected: (\d+)/(\d+)\n +Tested: (\d+)", said)[0]
    assert selected == tested
    assert (int(selected), int(total)) in ((3, 19), (16, 19))
    (cases,) = re.findall(r"(\d+) generated", said)
    assert int(cases) > EXAMPLES


def test_the_server_had_no_fault_in_all_this(said, deployment):
    assert "generated" in said
    assert deployment.counted("mlops_requests_total", code="200") > 0
    assert deployment.counted("mlops_requests_total", code="500") == 0
    assert deployment.counted("mlops_validation_errors_total") > 0
    assert "Traceback" not in deployment.logs()
    assert deployment.worker.is_running()
