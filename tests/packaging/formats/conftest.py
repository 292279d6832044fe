"""Tables with all that is hard in a table, and the way a package is made and opened again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.packaging.formats import SavedModel, save_model
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output
from mlops_jupyter.serving.runtimes import Prediction, Runtime, open_runtime

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Opened:
    """A saved model, opened again."""

    folder: Path
    saved: SavedModel
    runtime: Runtime
    sample: Any

    @property
    def answer(self) -> Prediction:
        return self.runtime.predict_input(self.sample)

    @property
    def labels(self) -> list[Any]:
        return self.answer.labels[0].tolist()


def schema_for(model, sample, target=None, nullable=()):
    schema = {
        "schema_version": 1,
        "input": infer_input(sample),
        "output": infer_output(model, sample, target),
    }
    for column in schema["input"]["columns"]:
        column["nullable"] = column["name"] in nullable
    return schema


@pytest.fixture
def keep(tmp_path):
    """Save a model and open it again."""

    def save_and_open(model, sample, *, nullable=(), schema=None, described=None, **options):
        schema = schema or schema_for(described or model, sample, nullable=nullable)
        saved = save_model(model, tmp_path, sample, schema, **options)
        return Opened(tmp_path, saved, open_runtime(tmp_path, saved.config, schema), sample)

    return save_and_open


@pytest.fixture(scope="session")
def flights():
    """Numbers with some missing, whole numbers, texts with some missing, categories and yes or no."""
    random = np.random.default_rng(7)
    rows = 300
    table = pd.DataFrame(
        {
            "distance": random.uniform(17, 4983, rows).round(1),
            "wind": random.normal(10, 5, rows),
            "hour": random.integers(5, 24, rows),
            "carrier": random.choice(["AA", "B6", "DL"], rows),
            "origin": pd.Categorical(random.choice(["EWR", "JFK", "LGA"], rows)),
            "weekend": random.random(rows) < 0.3,
        }
    )
    table.loc[::7, "wind"] = np.nan
    table.loc[::11, "carrier"] = None
    late = table.hour / 4 + table.wind.fillna(20) / 5 + (table.carrier == "B6") > 7
    return table, late.to_numpy()


NULLABLE = ("wind", "carrier")
