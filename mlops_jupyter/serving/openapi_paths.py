"""The paths of the OpenAPI document beside ``/predict``: other protocols, feedback, what the server tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dialects.v2_metadata import model_metadata
from .examples import example_record
from .json_schema import OPENAPI, label_schema, record_schema
from .openapi_refusals import ACCESS, BODY, REQUEST_ID, Refusals, json_response, reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .about import Page
    from .router import Contract

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_ANY_LIST: Schema = {"type": "array", "items": {}}
_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": _STRING,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "example": "FP64"},
        "parameters": {"type": "object", "nullable": True},
        "data": {**_ANY_LIST, "description": "row by row, nested or flat; null for a missing value"},
    },
}
_V2_SCHEMAS: dict[str, Schema] = {
    "Tensor": _TENSOR,
    "InferRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string", "maxLength": 1024, "nullable": True},
            "parameters": {"type": "object", "nullable": True},
            "inputs": {"type": "array", "minItems": 1, "items": reference("Tensor")},
            "outputs": {
                "type": "array",
                "nullable": True,
                "items": {"type": "object", "required": ["name"], "properties": {"name": _STRING}},
            },
        },
    },
    "InferAnswer": {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": _STRING,
            "model_name": _STRING,
            "model_version": _STRING,
            "parameters": _OBJECT,
            "outputs": {"type": "array", "items": reference("Tensor")},
        },
    },
    "V2Model": {
        "type": "object",
        "required": ["name", "versions", "platform", "inputs", "outputs"],
        "properties": {
            "name": _STRING,
            "versions": {"type": "array", "items": _STRING},
            "platform": _STRING,
            "inputs": {"type": "array", "items": _OBJECT},
            "outputs": {"type": "array", "items": _OBJECT},
        },
    },
    "V2Server": {
        "type": "object",
        "required": ["name", "version", "extensions"],
        "properties": {
            "name": _STRING,
            "version": _STRING,
            "extensions": {"type": "array", "items": _STRING},
        },
    },
}
_READY: Schema = {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}}
_HEALTH: Schema = {
    "type": "object",
    "required": ["status", "variants"],
    "properties": {
        "status": {"type": "string", "enum": ["alive"]},
        "variants": {"type": "array", "items": _OBJECT},
    },
}
_OURS, _V2 = Refusals(), Refusals()
_MLFLOW = Refusals("MLflowError", "message", (("error_code", "BAD_REQUEST"),))
_OPEN: list[Schema] = []  # for everybody, also where keys are asked for
_NOT_YET = "Not yet, or no more"


def other_schemas(contract: Contract) -> dict[str, Schema]:
    """Return the schemas that `other_paths` refers to."""
    return {"Feedback": _feedback_message(contract), **_V2_SCHEMAS}


def other_paths(contract: Contract, pages: Mapping[str, Page], misfit: Schema) -> dict[str, Any]:
    """Return all paths but ``/predict``.

    Parameters
    ----------
    contract : Contract
        The model's.
    pages : mapping of str to Page
        What the server tells of itself.
    misfit : dict
        An answer of ours to fields that do not fit.
    """
    told = {path: {"get": _page(path, page)} for path, page in pages.items()}
    return {
        "/feedback": {"post": _feedback(contract, misfit)},
        "/invocations": {"post": _invocations(contract, misfit)},
        **_v2(contract, misfit),
        **told,
        "/docs": {"get": _told("about", "This page", {"200": _text("The page", "text/html")})},
    }


def _page(path: str, page: Page) -> Schema:
    responses = {"200": _TOLD.get(path) or json_response("The answer", _OBJECT)}
    if path == "/ready":
        responses["503"] = json_response(_NOT_YET, _READY)
    if path == "/ping":
        responses["503"] = _text(_NOT_YET)
    if page.scope is None:
        return _told("about", page.summary, responses, page.text)
    return {
        **_told("about", page.summary, {**responses, **_OURS.responses(ACCESS)}, page.text),
        "security": [{}, {"key": []}],
    }


def _told(tag: str, summary: str, responses: Schema, text: str = "", **more: Any) -> Schema:
    described = {"description": text} if text else {}
    return {
        "tags": [tag], "summary": summary, **described, **more, "security": _OPEN, "responses": responses
    }  # fmt: skip


def _text(text: str, media: str = "text/plain") -> Schema:
    return {"description": text, "headers": REQUEST_ID, "content": {media: {"schema": _STRING}}}


_TOLD: dict[str, Schema] = {
    "/health": json_response("It is alive", _HEALTH),
    "/ready": json_response("Send requests here", _READY),
    "/metrics": _text("The metrics"),
    "/ping": _text("It is ready"),
    "/version": _text("The release"),
}


def _taken(tag: str, name: str, summary: str, body: Schema, responses: Schema, **more: Any) -> Schema:
    """Return an operation that takes a body."""
    return {
        "tags": [tag],
        "operationId": name,
        "summary": summary,
        **more,
        "requestBody": {"required": True, "content": body},
        "responses": dict(sorted(responses.items())),
    }


def _feedback(contract: Contract, misfit: Schema) -> Schema:
    one, example = reference("Feedback"), _feedback_example(contract)
    schema = {"oneOf": [one, {"type": "array", "minItems": 1, "maxItems": 10_000, "items": one}]}
    accepted = {"type": "object", "required": ["accepted"], "properties": {"accepted": {"type": "integer"}}}
    statuses = {status: each for status, each in BODY.items() if status not in ("415", "504")}
    statuses["404"] = ("Nothing is captured here", "nothing is captured here")
    statuses["415"] = ("Compressed", "compressed bodies are not read; send them as they are")
    responses = {
        "202": json_response("How many messages were taken", accepted, {"accepted": 1}),
        **_OURS.responses(statuses, misfit),
    }
    text = (
        "One message, or a list of them; `label` may be written for `actual`. Kept beside what was answered."
    )
    content = {"application/json": {"schema": schema, "example": example}}
    return _taken("predict", "feedback", "What was right after all", content, responses, description=text)


def _feedback_example(contract: Contract) -> Schema:
    outputs = contract.schema["output"]["outputs"]
    values = {each["name"]: each["classes"][0] if each.get("classes") else 0 for each in outputs}
    actual = values if len(outputs) > 1 else next(iter(values.values()))
    return {"prediction_id": "01a1fbdfe18773308d3f8bb07712d030", "row": 0, "actual": actual}


def _feedback_message(contract: Contract) -> Schema:
    actual = _actual(contract)
    return {
        "type": "object",
        "required": ["prediction_id"],
        "additionalProperties": False,
        "properties": {
            "prediction_id": {"type": "string", "minLength": 1, "maxLength": 256},
            "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "nullable": True},
            "actual": actual,
            "label": actual,
            "unit": {"type": "string", "maxLength": 256, "nullable": True},
            "time": {"type": "string", "format": "date-time", "nullable": True},
        },
        "oneOf": [{"required": ["actual"]}, {"required": ["label"]}],
    }


def _actual(contract: Contract) -> Schema:
    outputs = contract.schema["output"]["outputs"]
    schemas = {each["name"]: label_schema(each) for each in outputs}
    if len(outputs) == 1:
        return next(iter(schemas.values()))
    return {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": schemas}


def _invocations(contract: Contract, misfit: Schema) -> Schema:
    record = example_record(contract.schema)
    split = {"columns": list(record), "data": [list(record.values())]}
    examples = {
        "dataframe_split": {"value": {"dataframe_split": split}},
        "dataframe_records": {"value": {"dataframe_records": [record]}},
    }
    body = {
        "application/json": {"schema": _invocation_schema(contract), "examples": examples},
        "text/csv": {"schema": _STRING},
    }
    answer = {"type": "object", "required": ["predictions"], "properties": {"predictions": _ANY_LIST}}
    responses = {"200": json_response("The predictions", answer), **_MLFLOW.responses(BODY, misfit)}
    text = "As MLflow's scoring server takes it; `params` must be empty."
    return _taken("MLflow", "invocations", "MLflow: predict", body, responses, description=text)


def _invocation_schema(contract: Contract) -> Schema:
    split = {
        "type": "object",
        "required": ["data"],
        "additionalProperties": False,
        "properties": {
            "columns": _ANY_LIST,
            "index": {"description": "not read"},
            "data": {"type": "array", "items": _ANY_LIST},
        },
    }
    records = {"type": "array", "minItems": 1, "items": record_schema(contract.schema, OPENAPI)}
    forms = {"dataframe_split": split, "dataframe_records": records, "instances": _ANY_LIST, "inputs": {}}
    return {
        "oneOf": [
            {"type": "object", "required": [name], "properties": {name: form}} for name, form in forms.items()
        ]
    }


def _v2(contract: Contract, misfit: Schema) -> dict[str, Any]:
    """Return the paths of V2, each with a version and without."""
    paths: dict[str, Any] = {
        "/v2": {"get": _told("V2", "V2: the server", {"200": json_response("It", reference("V2Server"))})},
        "/v2/health/live": {"get": _told("V2", "V2: is it alive?", {"200": json_response("It is", _OBJECT)})},
        "/v2/health/ready": {"get": _told("V2", "V2: is it ready?", _ready())},
    }
    for infix, names in (("", ["model"]), ("/versions/{version}", ["model", "version"])):
        path, parameters = f"/v2/models/{{model}}{infix}", [_parameter(name, contract) for name in names]
        about = {"200": json_response("Its tensors", reference("V2Model")), **_not_here()}
        paths[path] = {"get": _told("V2", "V2: the model", about, parameters=parameters)}
        ready = {**_ready(), **_not_here()}
        paths[f"{path}/ready"] = {"get": _told("V2", "V2: is it ready?", ready, parameters=parameters)}
        paths[f"{path}/infer"] = {"post": _infer(contract, misfit, names, parameters)}
    return paths


def _ready() -> Schema:
    return {"200": json_response("It is", _READY), "503": json_response(_NOT_YET, _READY)}


def _not_here() -> Schema:
    return _V2.responses({"404": ("No such model or version", "no model chrun here; did you mean churn?")})


def _parameter(name: str, contract: Contract) -> Schema:
    more = {"example": contract.model} if name == "model" else {}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        **more,
    }


def _infer(contract: Contract, misfit: Schema, names: list[str], parameters: list[Schema]) -> Schema:
    body = {
        "application/json": {"schema": reference("InferRequest"), "example": _infer_example(contract)},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
    answered = json_response("The predictions", reference("InferAnswer"))
    answered["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    responses = {"200": answered, **_V2.responses(BODY, misfit)}
    name = "infer" if names == ["model"] else "infer_version"
    text = "The Open Inference Protocol; binary tensors follow the JSON, as its extension has it."
    return _taken(
        "V2", name, "V2: predict", body, responses, description=text, parameters=parameters
    )  # fmt: skip


def _infer_example(contract: Contract) -> Schema:
    record = example_record(contract.schema)
    inputs = model_metadata(contract, [])["inputs"]
    if len(inputs) == 1 and len(record) > 1:  # a matrix
        return {"inputs": [_tensor(inputs[0], list(record.values()), [1, len(record)])]}
    return {"inputs": [_tensor(entry, [record[entry["name"]]], [1, 1]) for entry in inputs]}


def _tensor(entry: Schema, data: list[Any], shape: list[int]) -> Schema:
    return {"name": entry["name"], "shape": shape, "datatype": entry["datatype"], "data": data}
