"""Triton's own client over HTTP, unmodified, and a real server."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

MODEL = "delays"


@pytest.fixture(scope="module")
def http(server):
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


def inputs(module, flights, *, binary=True):
    """A tensor for each column of a frame of flights."""
    kinds = {"distance": ("FP64", "<f8"), "hour": ("INT64", "<i8"), "origin": ("BYTES", object)}
    made = []
    for name, (datatype, dtype) in kinds.items():
        values = flights[name].to_numpy(dtype).reshape(-1, 1)
        tensor = module.InferInput(name, list(values.shape), datatype)
        made.append(tensor.set_data_from_numpy(values, **({} if binary else {"binary_data": False})))
    return made


def test_the_server_and_the_model_are_live_and_ready(http):
    assert http.is_server_live()
    assert http.is_server_ready()
    assert http.is_model_ready(MODEL)
    assert http.is_model_ready(MODEL, "1.0.0")


def test_metadata_tells_the_server_and_the_tensors_of_the_model(http):
    assert http.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    told = http.get_model_metadata(MODEL, "1.0.0")
    assert (told["name"], told["versions"]) == (MODEL, ["1.0.0"])
    assert [(t["name"], t["datatype"], t["shape"]) for t in told["inputs"]] == [
        ("distance", "FP64", [-1, 1]),
        ("hour", "INT64", [-1, 1]),
        ("origin", "BYTES", [-1, 1]),
    ]
    assert [(t["name"], t["datatype"], t["shape"]) for t in told["outputs"]] == [
        ("predict", "BYTES", [-1]),
        ("predict_proba", "FP64", [-1, 2]),
    ]


@pytest.mark.parametrize("binary", [True, False])
def test_its_predictions_are_those_of_the_model(http, delays, binary):
    model, flights, _ = delays
    outputs = [
        triton.InferRequestedOutput("predict", binary_data=binary),
        triton.InferRequestedOutput("predict_proba", binary_data=not binary),
    ]
    asked = inputs(triton, flights, binary=binary)
    result = http.infer(MODEL, asked, outputs=outputs, request_id="42")
    labels = [label.decode() if binary else label for label in result.as_numpy("predict")]
    assert labels == model.predict(flights).tolist()
    assert np.allclose(result.as_numpy("predict_proba"), model.predict_proba(flights), atol=1e-5)
    assert result.get_response()["id"] == "42"
    assert result.get_response()["model_version"] == "1.0.0"


def test_without_asking_for_outputs_it_gets_all_as_bytes(http, delays):
    result = http.infer(MODEL, inputs(triton, delays[1][:3]), model_version="1.0.0")
    told = result.get_response()
    assert [output["name"] for output in told["outputs"]] == ["predict", "predict_proba"]
    assert all("binary_data_size" in output["parameters"] for output in told["outputs"])
    assert json.loads(result.get_output("predict_proba")["parameters"]["classes"]) == ["late", "on time"]
    assert result.as_numpy("predict").shape == (3,)


def test_its_asynchronous_client_is_answered_as_well(server, delays):
    async def ask():
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            return await client.infer(MODEL, inputs(triton_aio, delays[1][:5]))

    labels = [label.decode() for label in asyncio.run(ask()).as_numpy("predict")]
    assert labels == delays[0].predict(delays[1][:5]).tolist()


def test_it_is_told_what_is_wrong_with_a_request(http, delays):
    with pytest.raises(InferenceServerException, match="hour: missing, expected an integer") as refusal:
        http.infer(MODEL, [t for t in inputs(triton, delays[1][:3]) if t.name() != "hour"])
    assert refusal.value.status() == "422"


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [
        ("delay", "", "no model delay here; did you mean delays?"),
        (MODEL, "9.9.9", "version 9.9.9 is not resident here; there is 1.0.0"),
    ],
)
def test_it_is_told_which_models_and_versions_there_are(http, delays, model, version, said):
    asked = inputs(triton, delays[1][:1])
    for call in (
        lambda: http.infer(model, asked, model_version=version),
        lambda: http.get_model_metadata(model, version),
    ):
        with pytest.raises(InferenceServerException, match=said) as refusal:
            call()
        assert refusal.value.status() == "404"
    assert not http.is_model_ready(model, version)


def test_it_is_told_which_outputs_there_are(http, delays):
    outputs = [triton.InferRequestedOutput("predict_probe")]
    with pytest.raises(InferenceServerException, match="did you mean predict_proba") as refusal:
        http.infer(MODEL, inputs(triton, delays[1][:1]), outputs=outputs)
    assert refusal.value.status() == "400"


def test_a_compressed_request_is_refused_clearly(http, delays):
    with pytest.raises(InferenceServerException, match="compressed") as refusal:
        http.infer(MODEL, inputs(triton, delays[1][:1]), request_compression_algorithm="gzip")
    assert refusal.value.status() == "415"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True, "live": True}),
        ("/v2/models/delays/ready", {"name": "delays", "ready": True}),
        ("/v2/models/delays/versions/1.0.0/ready", {"name": "delays", "ready": True}),
    ],
)
def test_health_is_told_in_the_words_of_the_protocol(client, path, answer):
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, answer)


@pytest.mark.parametrize(
    "path",
    ["/v2/models", "/v2/models/delays/infer", "/v2/models/delays/config", "/v2/repository/index", "/v2x"],
)
def test_what_is_not_of_the_protocol_here_is_not_found(client, path):
    response = client.get(path)
    assert response.status_code in (404, 405)
    assert response.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999", "9" * 30])
def test_a_header_length_that_is_none_is_refused(client, length):
    response = client.post(
        "/v2/models/delays/infer", content=b"{}", headers={"inference-header-content-length": length}
    )
    assert response.status_code == 400
    assert "Inference-Header-Content-Length" in response.json()["error"]


def test_a_request_without_a_client_is_answered_in_json(client, delays):
    columns = delays[1][:2]
    tensors = [
        {"name": "distance", "shape": [2, 1], "datatype": "FP64", "data": columns["distance"].tolist()},
        {"name": "hour", "shape": [2], "datatype": "INT32", "data": columns["hour"].tolist()},
        {"name": "origin", "shape": [2, 1], "datatype": "BYTES", "data": columns["origin"].tolist()},
    ]
    asked = {"inputs": tensors, "outputs": [{"name": "predict"}]}
    answer = client.post("/v2/models/delays/infer", json=asked).json()
    output = {"name": "predict", "datatype": "BYTES", "shape": [2], "parameters": {"content_type": "str"}}
    assert answer.pop("parameters").keys() == {"variant", "prediction_id"}
    assert answer == {
        "model_name": "delays",
        "model_version": "1.0.0",
        "outputs": [output | {"data": delays[0].predict(columns).tolist()}],
    }
