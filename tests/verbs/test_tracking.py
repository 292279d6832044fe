"""`track`: a run that says where its numbers come from. One MLflow database for all tests of the module."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import mlops_jupyter as mlops
from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs.provenance import data_in, fingerprint, names_in
from mlops_jupyter.verbs.tracking import last_run
from mlops_jupyter.verbs.types import Script

X = pd.DataFrame({"a": np.arange(20.0), "b": ["x", "y"] * 10})
y = np.arange(20) % 2
model = None
PLAIN = balanced_accuracy_score


def train():
    global model
    model = LogisticRegression(C=0.25).fit(X[["a"]], y)
    said = model.predict(X[["a"]])
    balanced_accuracy_score(y, said)
    return model.score(X[["a"]], y)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A workspace with MLflow's database made, and the client of it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("project")
        patch.setenv("MLOPS_HOME", str(folder / ".mlops"))
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        from mlops_jupyter.registry import client
        from mlops_jupyter.store.workspace import open_workspace

        yield client(open_workspace())


@pytest.fixture(scope="module")
def run(client):
    return mlops.track(train, name="first", experiment="tests")


def test_parameters_metrics_and_the_value_come_back(run):
    assert run.parameters["C"] == "0.25"
    assert "training_accuracy_score" in run.metrics
    assert run.value in [
        value for name, value in run.metrics.items() if name.startswith("LogisticRegression_score")
    ]
    assert run.code == 'mlops.track(<function>, name="first", experiment="tests")'
    assert "value" not in run.to_dict()


def test_a_metric_imported_by_name_before_is_recorded_and_left_as_it_was(run):
    assert "balanced_accuracy_score_unknown_dataset" in run.metrics
    assert balanced_accuracy_score.__module__ == "sklearn.metrics._classification"
    assert balanced_accuracy_score is PLAIN


def test_source_data_and_libraries_are_recorded_and_no_model(client, run):
    folder = Path(client.get_run(run.run_id).info.artifact_uri.removeprefix("file://"))
    assert (folder / "cell.py").read_text().startswith("def train():")
    assert json.loads((folder / "data.json").read_text())["X"] == {
        "shape": [20, 2],
        "fingerprint": fingerprint(X),
    }
    assert "scikit-learn" in json.loads((folder / "libraries.json").read_text())
    recorded = client.get_run(run.run_id)
    assert recorded.data.tags["mlops.data.X"] == fingerprint(X)
    assert recorded.info.status == "FINISHED"
    assert not list(folder.rglob("*.pkl"))


def test_autolog_is_off_afterwards_and_the_address_as_before(client, run):
    import mlflow
    from mlflow.utils.autologging_utils import autologging_is_disabled

    assert autologging_is_disabled("sklearn")
    assert mlflow.active_run() is None
    assert not mlflow.tracking.is_tracking_uri_set()


def test_the_run_behind_a_variable_is_the_one_that_made_it(run):
    assert last_run() == run.run_id
    assert last_run("model", model) == run.run_id
    assert last_run("model", LogisticRegression()) is None
    assert last_run("nothing", model) is None


def test_code_that_fails_is_a_failed_run_and_fails(client, run):
    with pytest.raises(ZeroDivisionError):
        mlops.track(Script("1 / 0", run=lambda: 1 / 0, space={}), experiment="tests")
    experiment = client.get_experiment_by_name("tests").experiment_id
    newest = client.search_runs([experiment], order_by=["attributes.start_time DESC"])[0]
    assert newest.info.status == "FAILED"
    assert last_run() == run.run_id, "a failed run is behind nothing"


def test_a_file_is_tracked(client, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import numpy as np\nrows = np.zeros((3, 2))\n")
    assert mlops.track(str(script), experiment="tests").data["rows"]["shape"] == [3, 2]


def test_what_cannot_be_run_is_refused(client):
    with pytest.raises(UsageError, match="a int cannot be run"):
        mlops.track(3)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.assign(a=f.a.where(f.a != 7, 7.5)),
        lambda f: f.rename(columns={"a": "c"}),
        lambda f: f.astype({"a": "float32"}),
        lambda f: f.iloc[::-1],
        lambda f: f.iloc[:-1],
        lambda f: f[["b", "a"]],
    ],
)
def test_any_change_of_the_content_is_another_fingerprint(change):
    assert fingerprint(change(X)) != fingerprint(X)


def test_the_fingerprint_is_of_the_content_alone():
    assert fingerprint(X.set_index(X.a.to_numpy() + 100)) == fingerprint(X)
    assert fingerprint(np.asfortranarray(np.ones((3, 2)))) == fingerprint(np.ones((3, 2)))
    assert fingerprint(scipy.sparse.eye(3, format="csr")) == fingerprint(scipy.sparse.eye(3, format="csc"))
    assert fingerprint(pd.DataFrame({"tags": [["a"], ["b"]]})) != fingerprint(
        pd.DataFrame({"tags": [["a"], ["c"]]})
    )


def test_only_data_that_the_code_names_counts():
    space = {"X": X, "y": y, "n": 3, "unused": X, "kind": pd.DataFrame}
    assert set(data_in("model.fit(X, y, n, kind)  # unused", space)) == {"X", "y"}
    assert names_in("%time fit(X)") >= {"fit", "X"}
