"""Opening a package: verified first, its own code found, nothing written beside what was verified."""

from __future__ import annotations

import importlib
import shutil
import sys

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.serving.loading import LoadFailure, load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.manifest import IntegrityFailure, verify

FEATURES = "def double(frame):\n    return frame * 2\n"


@pytest.fixture
def own_imports():
    """Take back what a test does to the interpreter's imports."""
    path, hooks, modules = sys.path[:], sys.path_hooks[:], set(sys.modules)
    yield
    sys.path[:], sys.path_hooks[:] = path, hooks
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def with_code(tmp_path, package_builder, monkeypatch, own_imports):
    """Return a builder of packages whose model needs a function of `features.py`."""

    def build(name, text=FEATURES):
        project = tmp_path / f"project-{name}"
        project.mkdir()
        (project / "features.py").write_text(text)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(project)
            function = importlib.import_module("features").double
            data = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
            model = make_pipeline(FunctionTransformer(function), LogisticRegression()).fit(data, [0, 0, 1, 1])
            folder = package_builder(tmp_path / name, model, data, code={"features.py": text})
        del sys.modules["features"]
        importlib.invalidate_caches()
        shutil.rmtree(project)
        return folder

    return build


def predict(package, features):
    request = package.validator.parse(orjson.dumps({"features": features}))
    return package.predict(request.batch)


def test_a_loaded_package_answers_what_its_model_answers(delays_package, delays, flight):
    model, flights, _ = delays
    rows = orjson.loads(flights.head(50).to_json(orient="records"))
    assert predict(load(delays_package), rows).predictions == model.predict(flights.head(50)).tolist()


def test_a_changed_file_is_refused_by_its_name_before_anything_is_opened(delays_package, tmp_path):
    copy = shutil.copytree(delays_package, tmp_path / "copy")
    path = copy / "config" / "serving_config.yaml"
    path.write_bytes(path.read_bytes().replace(b"null", b"0.01"))
    with pytest.raises(IntegrityFailure, match=r"config/serving_config\.yaml"):
        load(copy)


def test_another_digest_than_the_recorded_one_is_refused(delays_package):
    with pytest.raises(IntegrityFailure):
        load(delays_package, "0" * 64)


def test_the_users_own_code_is_found_and_leaves_no_bytecode(with_code):
    folder = with_code("one")
    assert predict(load(folder), [{"a": 0.0}, {"a": 3.0}]).predictions == [0, 1]
    assert sys.modules["features"].__file__ == str(folder / "code" / "features.py")
    assert verify(folder).model == "delays"
    assert not list((folder / "code").rglob("__pycache__"))


def test_equal_code_of_two_versions_shares_a_process(with_code):
    first, second = with_code("one"), with_code("two")
    for folder in (first, second):
        assert predict(load(folder), {"a": 3.0}).predictions == [1]


def test_the_users_own_code_is_never_run_in_the_event_loop_however_quick(with_code, delays_package):
    own, ours = load(with_code("one")), load(delays_package)
    assert (own.runs_own_code, ours.runs_own_code) == (True, False)
    assert LocalVariant(0, own).quick_bytes == -1
    assert LocalVariant(0, ours).quick_bytes > 0


def test_another_module_of_the_same_name_is_refused_not_taken_for_it(with_code):
    first, second = with_code("one"), with_code("two", FEATURES.replace("* 2", "* -2"))
    load(first)
    with pytest.raises(LoadFailure, match="another module 'features'"):
        load(second)


def test_a_threshold_without_a_binary_classifier_is_refused_at_loading(delays_package, tmp_path):
    copy = shutil.copytree(delays_package, tmp_path / "copy")
    (copy / "config" / "serving_config.yaml").write_text("threshold: 0.3\npositive: early\n")
    (copy / "MANIFEST.json").unlink()
    seal(copy, {"model": "delays", "version": "1.0.0"})
    with pytest.raises(LoadFailure, match="the positive label 'early' is not a class"):
        load(copy)


def test_a_threshold_of_the_package_is_applied(delays, package_builder, tmp_path):
    serving = {"threshold": 0.9, "positive": "late"}
    package = load(package_builder(tmp_path / "p", *delays, serving=serving))
    answer = predict(package, [{"distance": 1000, "hour": hour, "origin": "JFK"} for hour in range(24)])
    late = np.array([row["late"] for row in answer.probabilities]) >= 0.9
    assert late.any()
    assert np.array_equal(np.array(answer.predictions) == "late", late)
