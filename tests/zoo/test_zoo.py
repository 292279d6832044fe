"""Every estimator of scikit-learn is saved, opened by the server's own runtime, and served over the app."""

from __future__ import annotations

import asyncio
import json
import math
import warnings

import httpx
import numpy as np
import pytest
import yaml
from sklearn.utils import all_estimators

from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.runtimes import open_runtime
from mlops_jupyter.serving.runtimes.prediction import split_outputs
from tests.zoo.estimators import names
from tests.zoo.excluded import EXCLUDED

ASKED = 6


def test_every_estimator_is_in_the_zoo_or_excluded_with_a_reason():
    everything = {name for name, _ in all_estimators()}
    assert set(names()) | set(EXCLUDED) == everything
    assert all(len(reason) > 10 for reason in EXCLUDED.values())


@pytest.mark.parametrize("name", names())
def test_a_saved_model_answers_what_it_answers_in_the_notebook(name, zoo):
    found = zoo(name)
    runtime = open_runtime(found.folder, found.saved.config, found.case.schema)
    with np.errstate(all="ignore"):
        got = runtime.predict_input(found.case.sample).labels
        expected = split_outputs(found.case.model.predict(found.case.sample))
    for ours, theirs in zip(expected, got, strict=True):
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(theirs.astype(float), ours, rtol=1e-5, atol=1e-5)
        else:
            assert theirs.astype(str).tolist() == ours.astype(str).tolist()


@pytest.mark.parametrize(
    "name",
    [
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "RandomForestClassifier",
        "GradientBoostingRegressor",
    ],
)
def test_the_models_of_tables_are_served_by_onnx_exactly(name, zoo):
    saved = zoo(name).saved
    assert saved.format == "onnx", saved.why
    assert saved.parity["rows"] > 150
    assert saved.parity["score_difference"] < 1e-12


def test_most_of_the_zoo_is_served_by_onnx(zoo):
    share = np.mean([zoo(name).saved.format == "onnx" for name in names()])
    assert share >= 0.78


def _record(sample, row):
    if isinstance(sample, list):
        return sample[row]
    return [None if math.isnan(value) else value for value in sample[row].tolist()]


async def _ask(app, records):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        return await client.post("/predict", json={"features": records})


@pytest.mark.parametrize("name", names())
def test_a_served_model_answers_what_it_answers_in_the_notebook(name, zoo):
    found = zoo(name)
    (found.folder / "config").mkdir()
    (found.folder / "model/feature_schema.json").write_text(json.dumps(found.case.schema))
    (found.folder / "config/model_config.yaml").write_text(yaml.safe_dump(found.saved.config))
    (found.folder / "config/serving_config.yaml").write_text("{}")
    seal(found.folder, {"model": name, "version": "1.0.0"})
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the server warms up on an example row, which may be far out of range
        app = create_app(SingleRouter(LocalVariant(0, load(found.folder))))
        records = [_record(found.case.sample, row) for row in range(ASKED)]
        response = asyncio.run(_ask(app, records))
        expected = split_outputs(found.case.model.predict(found.case.sample[:ASKED]))
    assert response.status_code == 200, response.text
    answers = response.json()["predictions"]
    columns = [list(a.values()) if isinstance(a, dict) else [a] for a in answers]
    for ours, theirs in zip(expected, zip(*columns, strict=True), strict=True):
        if ours.dtype.kind == "f":
            assert list(theirs) == pytest.approx(ours.tolist(), rel=1e-5, abs=1e-5)
        else:
            assert [str(value) for value in theirs] == ours.astype(str).tolist()
