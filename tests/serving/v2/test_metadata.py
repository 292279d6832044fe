"""What V2 tells without a prediction, of routers and schemas of every kind."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from mlops_jupyter.serving.dialects.v2_metadata import infer_path, model_metadata, model_path, v2_get
from mlops_jupyter.serving.problems import InvalidRequest
from mlops_jupyter.serving.router import Contract


def variant(version, schema):
    return SimpleNamespace(version=version, contract=Contract("flights", schema, {}))


class Two:
    """A deployment by a name of its own, with two versions of one model."""

    ready, draining = True, False

    def __init__(self, v2, **changes):
        self.variants = [variant("1.1.0", v2.MATRIX), variant("1.2.0", v2.FLIGHTS)]
        vars(self).update(changes)

    def stable(self):
        return self.variants[1]

    def describe(self):
        return {"deployment": "flights-staging"}


def get(router, path):
    outcome = v2_get(path, SimpleNamespace(router=router))
    return outcome and (outcome.status, json.loads(outcome.body))


def test_the_server_tells_its_extensions(v2):
    told = {"name": "mlops_model_server", "version": "1.2.0", "extensions": ["binary_tensor_data"]}
    assert get(Two(v2), "/v2") == get(Two(v2), "/v2/") == (200, told)


@pytest.mark.parametrize("changes", [{"ready": False}, {"draining": True}])
def test_a_server_that_is_not_ready_is_live(v2, changes):
    router = Two(v2, **changes)
    assert get(router, "/v2/health/live") == (200, {"live": True})
    assert get(router, "/v2/health/ready") == (503, {"ready": False, "live": True})
    assert get(router, "/v2/models/flights/ready") == (503, {"name": "flights", "ready": False})


def test_each_resident_version_tells_its_own_tensors(v2):
    stable = get(Two(v2), "/v2/models/flights")[1]
    assert stable["versions"] == ["1.1.0", "1.2.0"]
    assert stable["inputs"][0]["name"] == "distance"
    older = get(Two(v2), "/v2/models/flights/versions/1.1.0")[1]
    assert older["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 3]}]


def test_a_deployment_goes_by_its_own_name_too(v2):
    assert get(Two(v2), "/v2/models/flights-staging")[1]["name"] == "flights-staging"
    assert get(Two(v2), "/v2/models/flights-staging/ready")[0] == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v2/models/flight", "no model flight here; did you mean flights?"),
        ("/v2/models/other/ready", "no model other here; this is flights"),
        ("/v2/models/flights/versions/9", "version 9 is not resident here; there is 1.1.0, 1.2.0"),
    ],
)
def test_what_is_not_here_is_told_with_what_is(v2, path, said):
    assert get(Two(v2), path) == (404, {"error": said})


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models",
        "/v2/models//ready",
        "/v2/models/flights/infer",
        "/v2/models/flights/versions",
        "/v2/models/flights/version/1.2.0",
        "/v2/models/flights/versions/1.2.0/ready/now",
        "/v2/models/flights/load",
        "/v2/repository",
        "/v2x",
        "/v1/models/flights",
    ],
)
def test_other_paths_are_left_to_others(v2, path):
    assert get(Two(v2), path) is None


def test_the_target_of_a_prediction_is_read_from_its_path(v2):
    assert infer_path("/v2/models/flights/infer", Two(v2)).version is None
    assert infer_path("/v2/models/flights/versions/1.1.0/infer", Two(v2)).version == "1.1.0"
    assert infer_path("/v2/models/flights/ready", Two(v2)) is None
    with pytest.raises(InvalidRequest, match="not resident"):
        infer_path("/v2/models/flights/versions/1.1/infer", Two(v2))


def test_a_path_may_be_as_long_as_it_likes():
    assert model_path("/v2/models/" + "a/" * 100_000) is None


def test_every_column_has_its_datatype_and_what_it_bears(v2):
    inputs = model_metadata(Contract("flights", v2.FLIGHTS, {}), ["1.2.0"])["inputs"]
    assert [(tensor["name"], tensor["datatype"], tensor.get("parameters")) for tensor in inputs] == [
        ("distance", "FP64", {"nullable": True}),
        ("hour", "INT64", None),
        ("delay", "FP32", None),
        ("seats", "UINT8", None),
        ("night", "BOOL", None),
        ("origin", "BYTES", {"content_type": "str", "nullable": True}),
        ("leaves", "BYTES", {"content_type": "datetime"}),
    ]


@pytest.mark.parametrize(
    ("dtype", "type_", "datatype"),
    [
        ("Int64", "long", "INT64"),
        ("UInt16", "integer", "UINT16"),
        ("Float32", "float", "FP32"),
        ("float16", "float", "FP16"),
        ("int64[pyarrow]", "long", "INT64"),
        ("boolean", "boolean", "BOOL"),
        ("category", "long", "INT64"),
        ("category", "string", "BYTES"),
        ("datetime64[ns, UTC]", "datetime", "BYTES"),
    ],
)
def test_dtypes_of_pandas_have_a_datatype(v2, dtype, type_, datatype):
    schema = {"input": {"kind": "columns", "columns": [{"name": "a", "type": type_, "dtype": dtype}]}}
    told = model_metadata(Contract("m", schema | {"output": v2.MATRIX["output"]}, {}), [])
    assert told["inputs"][0]["datatype"] == datatype
