"""Any MLflow model is served by its own flavour; what would be unpickled is refused without leave."""

from __future__ import annotations

import json
import sys
import zipfile

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LinearRegression

from mlops_jupyter.errors import ModelError
from mlops_jupyter.packaging.formats import save_model
from mlops_jupyter.packaging.formats.mlflow_folder import is_mlflow_folder
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.runtimes import open_runtime
from mlops_jupyter.serving.runtimes.pyfunc import refuse_pickles
from mlops_jupyter.serving.trust import UntrustedModelError

# MLflow warns of its own type hints and of packages it cannot find
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
TABLE = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
SCHEMA = {
    "input": {
        "kind": "columns",
        "columns": [{"name": n, "type": "double", "dtype": "float64", "nullable": False} for n in "ab"],
    },
    "output": {
        "task": "regression",
        "outputs": [{"name": "sum", "type": "double", "classes": None}],
        "probabilities": False,
    },
}
NETWORK = """
import mlflow.pyfunc

class Network(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import json
        with open(context.artifacts["weights"]) as file:
            self.weights = json.load(file)

    def predict(self, context, model_input, params=None):
        return model_input.to_numpy() @ self.weights

mlflow.models.set_model(Network())
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A pyfunc around weights of its own, as one around torch is: a model from code."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "network.py").write_text(NETWORK)
    (folder / "weights.json").write_text(json.dumps([10.0, 1.0]))
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=folder / "network.py",
        artifacts={"weights": str(folder / "weights.json")},
        pip_requirements=["mlflow"],
    )
    return folder / "model"


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    """The same kind of model, pickled as MLflow does for an object."""

    class Doubled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["a"] * 2

    folder = tmp_path_factory.mktemp("pickled") / "model"
    mlflow.pyfunc.save_model(folder, python_model=Doubled(), pip_requirements=["mlflow"])
    return folder


def test_a_pyfunc_of_any_kind_is_served_as_its_flavour(network, tmp_path):
    assert is_mlflow_folder(network)
    saved = save_model(network, tmp_path, TABLE, SCHEMA, allow_pickle=True)
    assert (saved.format, saved.config["model"]) == ("mlflow", "model/mlflow")
    runtime = open_runtime(tmp_path, saved.config, SCHEMA)
    batch = Batch({name: TABLE[name].to_numpy() for name in TABLE}, len(TABLE))
    assert runtime.predict(batch).labels[0].tolist() == [13.0, 24.0]


def test_a_pickled_pyfunc_is_refused_by_the_name_of_its_file(pickled, tmp_path):
    with pytest.raises(ModelError, match=r"python_model\.pkl would be unpickled.*--allow-pickle"):
        save_model(pickled, tmp_path, TABLE, SCHEMA)


def test_a_pickled_pyfunc_is_served_when_allowed(pickled, tmp_path):
    saved = save_model(pickled, tmp_path, TABLE, SCHEMA, allow_pickle=True)
    assert open_runtime(tmp_path, saved.config, SCHEMA).predict_input(TABLE).labels[0].tolist() == [2.0, 4.0]


def test_code_of_the_models_own_is_refused_like_a_pickle(network, tmp_path):
    with pytest.raises(
        ModelError, match=r"network\.py runs code of its own when the model is loaded.*--allow-p"
    ):
        save_model(network, tmp_path, TABLE, SCHEMA)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model that is nothing but data."""
    folder = tmp_path_factory.mktemp("plain") / "model"
    fitted = LinearRegression().fit(TABLE.to_numpy(), TABLE.sum(axis=1).to_numpy())
    mlflow.sklearn.save_model(fitted, folder, serialization_format="skops", pip_requirements=["mlflow"])
    return folder


def test_a_model_that_is_only_data_needs_no_leave(plain, tmp_path):
    saved = save_model(plain, tmp_path, TABLE, SCHEMA)
    answer = open_runtime(tmp_path, saved.config, SCHEMA).predict_input(TABLE.to_numpy())
    assert answer.labels[0].tolist() == pytest.approx([4.0, 6.0])


CHANGES = {
    "code": ({"python_function": {"code": "code"}}, "code runs code of its own"),
    "code in its flavour": ({"sklearn": {"code": "code"}}, "code runs code of its own"),
    "a model from code": ({"python_function": {"model_code_path": "m.py"}}, r"m\.py runs code of its own"),
    "a loader of its own": (
        {"python_function": {"loader_module": "evil"}},
        "loader evil runs code of its own",
    ),
    "a loader that unpickles": (
        {"python_function": {"loader_module": "mlflow.pyfunc.model", "python_model": "model.txt"}},
        r"loader mlflow\.pyfunc\.model runs code",
    ),
    "a pickle by another name": ({"sklearn": {"serialization_format": "cloudpickle"}}, "would be unpickled"),
    "data elsewhere": ({"python_function": {"model_path": "/tmp/x.skops"}}, "no file that mlflow.sklearn"),
    "data by another name": ({"python_function": {"model_path": "x.txt"}}, "no file that mlflow.sklearn"),
    "a class from elsewhere": (
        {"python_function": {"loader_module": "mlflow.xgboost"}, "xgboost": {"model_class": "evil.Booster"}},
        r"evil\.Booster runs code of its own",
    ),
    "an estimator in a booster": (
        {
            "python_function": {"loader_module": "mlflow.lightgbm"},
            "lightgbm": {"model_class": "lightgbm.sklearn.LGBMClassifier", "data": "model.lgb"},
        },
        "would be unpickled",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_mlflow_would_run_is_refused_before_and_after_packaging(plain, tmp_path, change):
    flavours, why = CHANGES[change]
    saved = save_model(plain, tmp_path / "package", TABLE, SCHEMA)
    copied = tmp_path / "package/model/mlflow"
    document = yaml.safe_load((copied / "MLmodel").read_text())
    for name, flavour in flavours.items():
        document["flavors"].setdefault(name, {}).update(flavour)
    (copied / "MLmodel").write_text(yaml.safe_dump(document))
    with pytest.raises(UntrustedModelError, match=why):
        open_runtime(tmp_path / "package", saved.config, SCHEMA)
    with pytest.raises(ModelError, match=f"{why}.*--allow-pickle"):
        save_model(copied, tmp_path / "again", TABLE, SCHEMA)
    assert not (tmp_path / "again/model/mlflow").exists()


@pytest.mark.parametrize("allowed", [{"pickle": False}, {}, {"pickle": "yes"}])
def test_code_is_not_loaded_unless_the_configuration_says_so(network, tmp_path, allowed):
    saved = save_model(network, tmp_path, TABLE, SCHEMA, allow_pickle=True)
    assert saved.config["options"] == {"pickle": True}
    with pytest.raises(UntrustedModelError, match=r"network\.py runs code of its own"):
        open_runtime(tmp_path, saved.config | {"options": allowed}, SCHEMA)


def test_a_pickle_put_into_a_package_is_not_loaded(plain, pickled, tmp_path):
    saved = save_model(plain, tmp_path, TABLE, SCHEMA)
    (tmp_path / "model/mlflow/python_model.pkl").write_bytes((pickled / "python_model.pkl").read_bytes())
    with pytest.raises(UntrustedModelError, match=r"python_model\.pkl"):
        open_runtime(tmp_path, saved.config, SCHEMA)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosters_saved_by_mlflow_are_only_data(library, tmp_path):
    module = pytest.importorskip(library)
    table, target = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    classes = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier", "catboost": "CatBoostClassifier"}
    quiet = {
        "xgboost": {},
        "lightgbm": {"verbose": -1},
        "catboost": {"verbose": 0, "allow_writing_files": False},
    }
    model = getattr(module, classes[library])(n_estimators=2, **quiet[library]).fit(table, target)
    save = getattr(mlflow, library).save_model
    save(model, tmp_path / "model", pip_requirements=["mlflow"])
    refuse_pickles(tmp_path / "model")
    if library == "lightgbm":
        save(model.booster_, tmp_path / "booster", pip_requirements=["mlflow"])
        refuse_pickles(tmp_path / "booster")
    assert list((tmp_path / "model").glob("model.*"))


def test_the_trusted_types_of_an_mlflow_model_are_not_believed(tmp_path):
    fitted = LinearRegression().fit(TABLE.to_numpy(), TABLE.sum(axis=1).to_numpy())
    source = tmp_path / "source"
    mlflow.sklearn.save_model(
        fitted,
        source,
        serialization_format="skops",
        skops_trusted_types=["posix.system"],
        pip_requirements=["mlflow"],
    )
    file = next(source.rglob("*.skops"))
    fitted.planted_ = __import__("os").system
    skops.io.dump(fitted, file)
    assert zipfile.is_zipfile(file)
    with pytest.raises(ModelError, match="system"):
        save_model(source, tmp_path / "package", TABLE, SCHEMA)


def test_a_folder_that_is_no_mlflow_model_is_named(tmp_path):
    with pytest.raises(ModelError, match="not the folder of an MLflow model"):
        save_model(np.zeros(1), tmp_path, TABLE, SCHEMA, format="mlflow")


def test_mlflow_is_imported_only_to_serve_its_models():
    program = "import sys, mlops_jupyter.serving.runtimes; print([m for m in HEAVY if m in sys.modules])"
    heavy = ["mlflow", "sklearn", "pandas", "onnxruntime", "skops", "xgboost", "scipy"]
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {heavy}\n{program}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
