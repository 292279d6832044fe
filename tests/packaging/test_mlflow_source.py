"""An MLflow model trained anywhere is packaged as its flavour."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops_jupyter.errors import ModelError, UsageError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of its own type hints
    import mlflow
    import mlflow.pyfunc
    import mlflow.sklearn

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, while it saves


@pytest.fixture(scope="module")
def linear(tmp_path_factory, flights):
    frame, _ = flights()
    numbers = frame[["distance", "hour"]].astype(float)
    folder = tmp_path_factory.mktemp("mlflow") / "linear"
    model = LinearRegression().fit(numbers, numbers["distance"])
    mlflow.sklearn.save_model(
        model,
        folder,
        pip_requirements=["scikit-learn"],
        input_example=numbers.head(3),
        serialization_format="skops",
    )
    return folder, numbers


@pytest.fixture(scope="module")
def doubling(tmp_path_factory):
    """Stands for what wraps torch or TensorFlow: any code, pickled by value, answering with two columns."""

    class Doubling(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.assign(double=model_input["x"] * 2)[["x", "double"]]

    folder = tmp_path_factory.mktemp("mlflow") / "doubling"
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    signature = mlflow.models.infer_signature(frame, Doubling().predict(None, frame))
    mlflow.pyfunc.save_model(
        folder, python_model=Doubling(), signature=signature, pip_requirements=["pandas"]
    )
    return folder


def golden(built):
    return json.loads((built.path / "tests/golden.json").read_text())


def test_its_own_example_is_enough_for_the_schema(linear, packaged):
    folder, _ = linear
    built = packaged(folder, None, name="from_mlflow")
    schema = json.loads((built.path / "model/feature_schema.json").read_text())
    assert built.format == "mlflow"
    assert [column["name"] for column in schema["input"]["columns"]] == ["distance", "hour"]
    assert schema["input"]["columns"][0]["maximum"] is None


def test_with_data_and_a_target_it_is_measured(linear, packaged):
    folder, numbers = linear
    built = packaged(folder, numbers, name="measured", target=numbers["distance"])
    assert built.metrics["values"]["r2"] == pytest.approx(1)


def test_a_pickle_needs_to_be_allowed_and_then_any_code_is_served(doubling, packaged):
    with pytest.raises(ModelError, match="--allow-pickle"):
        packaged(doubling, None, name="doubling")
    built = packaged(doubling, None, name="doubling", allow_pickle=True)
    assert golden(built)["predictions"] == [{"x": 0.0, "double": 0.0}]


def test_a_pickle_payload_in_an_mlflow_model_does_not_run(linear, packaged, tmp_path):
    folder, numbers = linear
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return Path.touch, (ran,)

    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    (changed / "model.pkl").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ModelError, match=r"model\.pkl would be unpickled"):
        packaged(changed, numbers, name="payload")
    assert not ran.exists()


def test_a_model_that_says_nothing_of_its_input_needs_data(tmp_path, packaged):
    folder = tmp_path / "silent"
    model = LinearRegression().fit(np.eye(2), [0, 1])
    mlflow.sklearn.save_model(model, folder, pip_requirements=["scikit-learn"], serialization_format="skops")
    with pytest.raises(UsageError, match="does not say what it takes; give --data"):
        packaged(folder, None, name="silent")
