"""The OpenAPI document of a deployment, with the columns of its own model.

In the words of OpenAPI 3.0, the newest that the vendored Swagger UI draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .examples import example_record
from .json_schema import OPENAPI, answer_schema, request_schema

if TYPE_CHECKING:
    from .router import Contract

VERSION = "3.0.3"
_PROBLEMS = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "one line"},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
    },
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "row": {"type": "integer", "nullable": True, "description": "which record, from 0"},
        "field": {"type": "string", "nullable": True},
        "reason": {"type": "string"},
        "got": {"type": "string"},
        "expected": {"type": "string"},
    },
}
_REFUSALS = {
    "400": "Not JSON",
    "413": "More bytes or records than one request may have",
    "415": "Not sent as application/json",
    "422": "Fields that do not fit the model, each with what was got and expected",
    "500": "The model failed",
}


def with_predict(document: dict[str, Any], contract: Contract, version: str) -> dict[str, Any]:
    """Return an OpenAPI document with ``POST /predict`` of a model in it, before all else.

    Parameters
    ----------
    document : dict
        What FastAPI knows: the other paths.
    contract : Contract
        The model's.
    version : str
        Of the model.
    """
    schemas = {
        "Request": request_schema(contract.schema, OPENAPI),
        "Answer": answer_schema(contract.schema, OPENAPI),
        "Problems": _PROBLEMS,
        "Problem": _PROBLEM,
    }
    return {
        **document,
        "info": {"title": contract.model, "version": version, "description": _description(contract)},
        "servers": [{"url": "."}],  # relative to this document: right behind any prefix
        "paths": {"/predict": {"post": _predict(contract)}, **document["paths"]},
        "components": {"schemas": schemas},
    }


def _description(contract: Contract) -> str:
    output = contract.schema["output"]
    names = ", ".join(f"`{entry['name']}`" for entry in output["outputs"])
    columns = len(contract.schema["input"]["columns"])
    answered = {"prediction": "Prediction"}.get(output["task"], output["task"].capitalize())
    threshold = contract.serving.get("threshold")
    decided = "" if threshold is None else f" The positive label is given from a probability of {threshold}."
    return f"{answered} of {names} from {columns} column{'s' if columns != 1 else ''}.{decided}"


def _predict(contract: Contract) -> dict[str, Any]:
    body = {"application/json": {"schema": _reference("Request"), "examples": _examples(contract)}}
    refusals = {
        status: {"description": text, "content": {"application/json": {"schema": _reference("Problems")}}}
        for status, text in _REFUSALS.items()
    }
    answer = {
        "description": "The predictions",
        "content": {"application/json": {"schema": _reference("Answer")}},
    }
    return {
        "tags": ["predict"],
        "operationId": "predict",
        "summary": "Predict",
        "description": "One record, a list of records or one list per column; the answer looks the same.",
        "requestBody": {"required": True, "content": body},
        "responses": {"200": answer, **refusals},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _examples(contract: Contract) -> dict[str, Any]:
    record = example_record(contract.schema)
    columns = {name: [value, value] for name, value in record.items()}
    return {
        "record": {"summary": "one record", "value": {"features": record}},
        "records": {"summary": "a list of records", "value": {"features": [record, record]}},
        "columns": {"summary": "one list per column", "value": {"features": columns}},
    }
