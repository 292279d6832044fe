"""The application by itself: several variants, draining, and a model that fails."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace

import httpx
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.call import Outcome
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.router import SingleRouter, variant_entry


@pytest.fixture(scope="module")
def package(delays_package):
    return load(delays_package)


def ask(app, method="POST", path="/predict", **request):
    async def exchange():
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, path, **request)

    return asyncio.run(exchange())


class FailingRuntime:
    """A model that answers until a hour comes that it cannot bear."""

    def __init__(self, runtime):
        self._runtime = runtime

    def predict(self, batch):
        if (batch.columns["hour"] == 13).any():
            raise ZeroDivisionError("a detail\nof /the/server")
        return self._runtime.predict(batch)


class InTurn:
    """A router that sends requests to its variants in turn."""

    ready, draining = True, False

    def __init__(self, *variants):
        self.variants, self._requests = variants, 0

    def choose(self, unit):
        self._requests += 1
        slot = self._requests % len(self.variants)
        return self.variants[slot], "candidate" if slot else "stable"

    def shadows(self):
        return ()

    def find(self, name):
        return next(((v, "candidate") for v in self.variants if v.version == name), None)

    def stable(self):
        return self.variants[0]

    def describe(self):
        return {"deployment": "churn", "variants": [variant_entry(v, "stable", 50.0) for v in self.variants]}


def test_a_failing_model_answers_500_in_one_line_and_logs_the_rest(package, flight, caplog):
    failing = replace(package, runtime=FailingRuntime(package.runtime))
    app = create_app(SingleRouter(LocalVariant(0, failing)))
    with caplog.at_level(logging.ERROR, "model_server"):
        response = ask(app, json={"features": flight | {"hour": 13}})
    answer = response.json()
    assert response.status_code == 500
    assert answer["error"] == "the model failed with ZeroDivisionError; the server's log says more"
    assert answer["prediction_id"] in caplog.text
    assert "ZeroDivisionError: a detail" in caplog.text
    assert ask(app, json={"features": flight}).status_code == 200


def test_a_category_that_the_model_cannot_bear_is_the_requests_fault(tmp_path, package_builder, flight):
    flights = pd.DataFrame({"hour": [1, 2, 3, 4], "origin": ["JFK", "LGA", "JFK", "LGA"]})
    encode = make_column_transformer((OneHotEncoder(), ["origin"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(flights, [0, 0, 1, 1])
    app = create_app(SingleRouter(LocalVariant(0, load(package_builder(tmp_path / "p", model, flights)))))
    response = ask(app, json={"features": [{"hour": 1, "origin": "JFK"}, {"hour": 1, "origin": "XYZ"}]})
    assert response.status_code == 422
    assert response.json()["problems"] == [
        {
            "row": 1,
            "field": "origin",
            "reason": "category",
            "got": "'XYZ'",
            "expected": "a category seen in training",
        }
    ]


def test_each_answer_says_which_version_and_variant_gave_it(package, flight):
    newer = replace(package, manifest=replace(package.manifest, version="2.0.0"))
    app = create_app(InTurn(LocalVariant(0, package), LocalVariant(1, newer)))
    answers = [ask(app, json={"features": flight}).json() for _ in range(4)]
    told = [(answer["version"], answer["variant"]) for answer in answers]
    assert told == [("2.0.0", "candidate"), ("1.0.0", "stable")] * 2


def test_a_variant_elsewhere_is_handed_the_request_as_it_came(package):
    class Elsewhere(LocalVariant):
        mode = "remote"

        quick_bytes = -1

        def answer_now(self, call):
            return None

        async def respond(self, call):
            told = f'{{"body": "{call.body.decode()}", "type": "{call.content_type}", "role": "{call.role}"}}'
            return Outcome(202, told.encode())

    app = create_app(SingleRouter(Elsewhere(0, package)))
    response = ask(app, content=b"as it came", headers={"content-type": "x/y"})
    assert response.status_code == 202
    assert response.json() == {"body": "as it came", "type": "x/y", "role": "stable"}


def test_a_candidate_that_is_gone_is_counted_and_stable_answers_in_its_place(package, flight):
    class Gone(LocalVariant):
        def answer_now(self, call):
            return Outcome(503, b"{}", gone=True)

    stable, gone = LocalVariant(0, package), Gone(1, package)
    gone.version = "2.0.0"
    app = create_app(InTurn(stable, gone))
    answers = [ask(app, json={"features": flight}).json() for _ in range(4)]
    assert [(answer["version"], answer["variant"]) for answer in answers] == [("1.0.0", "stable")] * 4
    counted = ask(app, "GET", "/metrics").text
    assert 'code="503",model="delays",variant="candidate",version="2.0.0"} 2.0' in counted
    assert ask(app, json={"features": flight}, headers={"x-mlops-variant": "2.0.0"}).status_code == 503


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/health"), ("GET", "/docs")])
def test_every_answer_of_a_draining_server_ends_its_connection(package, method, path):
    variant = LocalVariant(0, package)
    draining = create_app(SingleRouter(variant, draining=True))
    assert ask(draining, method, path).headers["connection"] == "close"
    assert "connection" not in ask(create_app(SingleRouter(variant)), method, path).headers


@pytest.mark.parametrize("state", [{"ready": False}, {"draining": True}])
def test_a_server_that_should_get_no_requests_is_not_ready(package, state):
    app = create_app(SingleRouter(LocalVariant(0, package), **state))
    response = ask(app, "GET", "/ready")
    assert (response.status_code, response.json()) == (503, {"ready": False})


def test_a_slow_model_leaves_the_loop_free(package, flight):
    class Slow(FailingRuntime):
        def predict(self, batch):
            import time

            time.sleep(0.05)
            return self._runtime.predict(batch)

    app = create_app(SingleRouter(LocalVariant(0, replace(package, runtime=Slow(package.runtime)))))

    async def exchange():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            slow = asyncio.create_task(client.post("/predict", json={"features": flight}))
            ticks = 0
            while not slow.done():
                await asyncio.sleep(0.005)
                ticks += 1
            return ticks, (await slow).status_code

    ticks, status = asyncio.run(exchange())
    assert status == 200
    assert ticks > 3


def test_who_asks_for_what_is_not_there_does_not_make_the_documentation_load(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlops_jupyter.serving.documented", None)  # importing it fails
    app = create_app(SingleRouter(LocalVariant(0, package)))
    for method, path in (("GET", "/wp-login.php"), ("POST", "/nothing"), ("GET", "/docsx")):
        assert ask(app, method, path).status_code == 404


def test_an_unknown_path_is_404_and_a_prefix_is_understood(package, flight):
    app = create_app(SingleRouter(LocalVariant(0, package)))
    response = ask(app, "GET", "/nothing")
    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})

    async def behind_prefix():
        transport = httpx.ASGITransport(app, root_path="/prefix")
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post("/prefix/predict", json={"features": flight})

    assert asyncio.run(behind_prefix()).status_code == 200
