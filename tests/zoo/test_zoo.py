"""Every estimator of scikit-learn is packaged, loaded as a server loads it, and served over the app."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections import Counter

import httpx
import numpy as np
import pytest
from sklearn.utils import all_estimators

from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.runtimes.prediction import split_outputs
from tests.zoo.estimators import names
from tests.zoo.excluded import EXCLUDED

ASKED = 6


def test_every_estimator_is_in_the_zoo_or_excluded_with_a_reason():
    everything = {name for name, _ in all_estimators()}
    assert set(names()) | set(EXCLUDED) == everything
    assert all(len(reason) > 10 for reason in EXCLUDED.values())


def the_same(expected, got):
    for ours, theirs in zip(expected, got, strict=True):
        if ours.dtype.kind == "f":
            assert list(theirs) == pytest.approx(ours.tolist(), rel=1e-5, abs=1e-5)
        else:
            assert [str(value) for value in theirs] == ours.astype(str).tolist()
    return True


@pytest.mark.parametrize("name", names())
def test_a_packaged_model_answers_what_it_answers_in_the_notebook(name, zoo):
    found = zoo(name)
    with np.errstate(all="ignore"):
        got = found.package.runtime.predict_input(found.case.sample).labels
        expected = split_outputs(found.case.model.predict(found.case.sample))
    assert the_same(expected, got)


def record(sample, row):
    if isinstance(sample, list):
        return sample[row]
    return [None if math.isnan(value) else value for value in sample[row].tolist()]


async def ask(app, records):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        return await client.post("/predict", json={"features": records})


@pytest.mark.parametrize("name", names())
def test_a_served_model_answers_what_it_answers_in_the_notebook(name, zoo):
    found = zoo(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the server warms up on an example row, maybe far out of range
        app = create_app(SingleRouter(LocalVariant(0, found.package)))
        response = asyncio.run(ask(app, [record(found.case.sample, row) for row in range(ASKED)]))
        expected = split_outputs(found.case.model.predict(found.case.sample[:ASKED]))
    assert response.status_code == 200, response.text
    answers = response.json()["predictions"]
    columns = [list(a.values()) if isinstance(a, dict) else [a] for a in answers]
    assert the_same(expected, zip(*columns, strict=True))


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
    built = zoo(name).built
    assert built.format == "onnx", built.why
    assert built.parity["rows"] > 150
    assert built.parity["score_difference"] < 1e-12


def test_most_of_the_zoo_is_served_by_onnx_and_none_by_a_pickle(zoo):
    formats = Counter(zoo(name).built.format for name in names())
    assert set(formats) == {"onnx", "skops"}
    assert formats["onnx"] / formats.total() >= 0.82
