"""``uvicorn src.inference:app`` in the folder of a package, where mlops_jupyter is not installed."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import httpx
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_jupyter.serving.manifest import verify

FEATURES = "from src import inference, scale\n\ndef scaled(frame):\n    return frame * scale.FACTOR\n"


@pytest.fixture(scope="module", params=["with an __init__.py", "without"])
def package_with_src(request, tmp_path_factory, package_builder):
    """A package of a project that has a package named src, with modules named as the server's."""
    code = {
        "src/features.py": FEATURES,
        "src/inference.py": "TEMPERATURE = 1\n",
        "src/scale.py": "FACTOR = 10.0\n",
        "src/validation.py": "raise RuntimeError('this is the project, not the server')\n",
    }
    if request.param != "without":
        code["src/__init__.py"] = ""
    project = tmp_path_factory.mktemp("project")
    (project / "src").mkdir()
    for name, text in code.items():
        (project / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(project)
        scaled = importlib.import_module("src.features").scaled
        data = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
        model = make_pipeline(FunctionTransformer(scaled), LinearRegression()).fit(data, [0.0, 20.0, 40.0])
        folder = package_builder(tmp_path_factory.mktemp("own-src") / "package", model, data, code=code)
    for name in [name for name in sys.modules if name.partition(".")[0] == "src"]:
        del sys.modules[name]
    return folder


def test_a_project_with_a_package_named_src_is_served(package_with_src, serve_package):
    server = serve_package(package_with_src)
    response = httpx.post(f"{server.url}/predict", json={"features": {"a": 3}}, trust_env=False)
    assert response.status_code == 200, server.log.read_text()
    assert response.json()["predictions"] == [pytest.approx(60.0)]
    assert response.json()["probabilities"] is None
    verify(package_with_src)  # nothing was written into it


def test_serving_the_package_leaves_it_as_it_was_packaged(server, delays_package, client):
    assert client.get("/ready").status_code == 200
    assert verify(delays_package).version == "1.0.0"


def test_several_worker_processes_serve_it(delays_package, serve_package, flight):
    server = serve_package(delays_package, "--workers", "2")
    response = httpx.post(f"{server.url}/predict", json={"features": flight}, trust_env=False)
    assert response.json()["predictions"] == ["late"]


def test_an_onnx_package_starts_without_what_it_does_not_need(delays_package):
    heavy = ["mlops_jupyter", "pandas", "scipy", "sklearn", "mlflow", "skops", "IPython", "sqlalchemy"]
    program = (
        "import json, sys\n"
        f"heavy = {heavy!r}\n"
        "from src.inference import app\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=delays_package, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_asking_for_anything_but_app_is_an_error(delays_package):
    program = "import src.inference as i\ntry:\n    i.other\nexcept AttributeError as e:\n    print(e)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=delays_package, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "module 'src.inference' has no attribute 'other'"
