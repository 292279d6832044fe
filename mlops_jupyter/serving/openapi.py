"""The OpenAPI document of a deployment, with the columns of its own model.

In the words of OpenAPI 3.0, the newest that the vendored Swagger UI draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .answers import AnswerMaker
from .columns import EXPECTED
from .examples import example_record
from .json_schema import OPENAPI, about_column, answer_schema, column_schema, request_schema
from .problems import Problem, invalid
from .runtimes import Prediction

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
    "400": ("Not JSON", {"error": "invalid JSON: nested too deep"}),
    "413": ("More than one request may have", {"error": "200000 records in one request; at most 100000"}),
    "415": ("Not JSON by its content type", {"error": "content type 'text/csv'; send application/json"}),
    "500": ("The model failed", {"error": "the model failed with ValueError; the server's log says more"}),
}
_MOST_COLUMNS = 60


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
        "paths": {"/predict": {"post": _predict(contract, version)}, **document["paths"]},
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


def _predict(contract: Contract, version: str) -> dict[str, Any]:
    body = {"application/json": {"schema": _reference("Request"), "examples": _examples(contract)}}
    refusals = {status: _response(*refusal, "Problems") for status, refusal in _REFUSALS.items()}
    refusals["422"] = _response("Fields that do not fit the model", _misfit(contract), "Problems")
    return {
        "tags": ["predict"],
        "operationId": "predict",
        "summary": "Predict",
        "description": _columns_table(contract),
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": _response("The predictions", _answer(contract, version), "Answer"),
            **dict(sorted(refusals.items())),
        },
    }


def _response(text: str, example: Any, schema: str) -> dict[str, Any]:
    content = {"schema": _reference(schema), "example": example}
    return {"description": text, "content": {"application/json": content}}


def _answer(contract: Contract, version: str) -> dict[str, Any]:
    """Return an answer as one may look: of a model that cannot decide."""
    outputs = contract.schema["output"]["outputs"]
    labels = [np.array([entry["classes"][0] if entry["classes"] else 0], dtype=object) for entry in outputs]
    tables = None
    if contract.schema["output"]["probabilities"]:
        counts = [len(entry["classes"] or ()) for entry in outputs]
        tables = [np.full((1, count), round(1 / max(count, 1), 3)) for count in counts]
    answer = AnswerMaker(contract.schema, {}).answer(Prediction(labels, tables))
    return {
        "predictions": answer.predictions,
        "probabilities": answer.probabilities,
        "confidence": answer.confidence,
        "version": version,
        "variant": "stable",
        "prediction_id": "01a1fbdfe18773308d3f8bb07712d030",
    }


def _misfit(contract: Contract) -> dict[str, Any]:
    """Return the answer to a request that leaves out its first column that must be there."""
    columns = contract.schema["input"]["columns"]
    column = next((column for column in columns if not column.get("nullable")), columns[0])
    expected = EXPECTED[column["type"]]
    problem = Problem(0, column["name"], "missing", "nothing", expected)
    return invalid([problem]).document()


def _columns_table(contract: Contract) -> str:
    """Return the model's columns as a table in Markdown."""
    columns = contract.schema["input"]["columns"]
    rows = [
        f"| `{column['name']}` | {_type(column)} | {about_column(column)} |"
        for column in columns[:_MOST_COLUMNS]
    ]
    more = len(columns) - _MOST_COLUMNS
    rest = f"\n\nand {more} more columns, all in the schema." if more > 0 else ""
    table = "\n".join(["| column | type | |", "|---|---|---|", *rows])
    return f"Send one record, a list of records or one list per column, by name.\n\n{table}{rest}"


def _type(column: dict[str, Any]) -> str:
    return str(column_schema(column, OPENAPI).get("format") or column_schema(column, OPENAPI)["type"])


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
