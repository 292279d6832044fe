"""Models that MLflow has, wherever they were trained, packaged by their address."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter import registry
from mlops_jupyter.errors import NotFoundError

if TYPE_CHECKING:
    from mlops_jupyter.store.workspace import Workspace

# In a process of its own, as it would be: MLflow's global state and warnings stay there.
TRAIN = """
import sys, mlflow, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
tracking, artifacts = sys.argv[1:]
mlflow.set_tracking_uri(tracking)
mlflow.set_experiment(experiment_id=mlflow.create_experiment("elsewhere", artifact_location=artifacts))
X = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])
model = LogisticRegression().fit(X, np.where(X["a"] > 0, "yes", "no"))
with mlflow.start_run() as run:
    pins = ["scikit-learn"]
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="plain", pip_requirements=pins, input_example=X.head(2)
    )
print(run.info.run_id)
"""


@pytest.fixture
def run_id(workspace: Workspace) -> str:
    command = [
        sys.executable,
        "-c",
        TRAIN,
        registry.tracking_uri(workspace),
        str(workspace.root / "elsewhere"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_a_model_of_the_registry_and_of_a_run_becomes_a_package(workspace: Workspace, run_id: str):
    data = pd.DataFrame({"a": [1.0, -1.0], "b": [0.0, 0.0]})
    target = np.array(["yes", "no"])
    made = mlops.package("models:/plain/1", name="copied", data=data, target=target)
    assert made.format == "mlflow"
    assert made.metrics["values"]["accuracy"] == 1.0
    # without data its own example and signature tell the schema
    assert mlops.package(f"runs:/{run_id}/model", name="again").version == "1.0.0"
    with pytest.raises(NotFoundError, match=r"no model at 'models:/nope/1'"):
        mlops.package("models:/nope/1", name="copied", data=data)
