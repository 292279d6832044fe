"""One workspace and one package for the whole room: building is the slow part."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace

ROOT = Path(__file__).parents[2]


def make_flights(rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "distance": random.uniform(50, 3000, rows),
            "origin": random.choice(["JFK", "LGA", "EWR"], rows),
            "hour": random.integers(0, 24, rows),
        }
    )
    late = frame["distance"] / 3000 + random.uniform(size=rows) > 1
    return frame, pd.Series(np.where(late, "late", "on time"), name="arrival")


def make_pipe(**options):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin"]),
        (StandardScaler(), ["distance", "hour"]),
    )
    return make_pipeline(columns, LogisticRegression(**options))


@pytest.fixture(scope="session")
def flights():
    """Make rows and their answers: ``flights(rows=300, seed=0)``."""
    return make_flights


@pytest.fixture(scope="session")
def pipeline():
    """Make an unfitted pipeline: ``pipeline(C=0.1)``."""
    return make_pipe


@pytest.fixture(scope="session")
def workspace(private_workspace):
    return open_workspace()


@pytest.fixture(scope="session")
def store(workspace):
    return open_store(workspace)


@pytest.fixture(scope="session")
def packaged(workspace, store):
    """Build a package: ``packaged(model, data, name=…)``."""

    def make(model, data, *, name, **options):
        request = PackageRequest(model, name, data, **options)
        return build(workspace, store, request, lambda _: None)

    return make


@pytest.fixture(scope="session")
def delay(packaged, flights, pipeline):
    """A package of a small pipeline, measured on test data, with slices."""
    frame, target = flights()
    test, truth = flights(100, seed=1)
    return packaged(
        pipeline().fit(frame, target),
        frame,
        name="delay",
        target=target,
        test_data=test,
        test_target=truth,
        slices=("origin",),
    )


@pytest.fixture
def run_python(tmp_path):
    """Run a script in a fresh process that can import us: ``run_python(code, MLOPS_KILL_AT=…)``."""

    def run(code: str, *arguments: str, cwd: Path | None = None, **environment: str):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(code), encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True,
            text=True,
            cwd=cwd or tmp_path,
            timeout=180,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    return run
