"""The OpenAPI document of a deployment, with the columns of its own model.

In the words of OpenAPI 3.0, the newest that the vendored Swagger UI draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .answers import AnswerMaker
from .columns import EXPECTED
from .dialects import ARROW
from .examples import example_record
from .json_schema import OPENAPI, about_column, answer_schema, column_schema, request_schema
from .openapi_paths import other_paths, other_schemas
from .openapi_refusals import BODY, SCHEMAS, Refusals, json_response, reference
from .problems import Problem, invalid
from .runtimes import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .about import Page
    from .router import Contract

VERSION = "3.0.3"
_ARROW_STREAM = {"schema": {"type": "string", "format": "binary"}}
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of this deployment; only asked for where it has any.",
}
_HEADERS = {
    "X-Request-Id": "comes back with the answer",
    "X-Mlops-Unit": "whose request it is: the same unit is answered by the same variant",
    "X-Mlops-Variant": "the version that must answer; needs a key of scope operate where there are keys",
}
_MOST_COLUMNS = 60


def openapi_document(contract: Contract, version: str, pages: Mapping[str, Page]) -> dict[str, Any]:
    """Return the OpenAPI document of a deployment, ``POST /predict`` before all else.

    Parameters
    ----------
    contract : Contract
        The model's.
    version : str
        Of the model.
    pages : mapping of str to Page
        What the server tells of itself, by path.
    """
    schemas = {
        "Request": request_schema(contract.schema, OPENAPI),
        "Answer": answer_schema(contract.schema, OPENAPI),
        **SCHEMAS,
        **other_schemas(contract),
    }
    misfit = _misfit(contract)
    predict = {"/predict": {"post": _predict(contract, version, misfit)}}
    return {
        "openapi": VERSION,
        "info": {"title": contract.model, "version": version, "description": _description(contract)},
        "servers": [{"url": "."}],  # relative to this document: right behind any prefix
        "security": [{}, {"key": []}],
        "paths": predict | other_paths(contract, pages, misfit),
        "components": {"schemas": schemas, "securitySchemes": {"key": _KEY}},
    }


def _description(contract: Contract) -> str:
    output = contract.schema["output"]
    names = ", ".join(f"`{entry['name']}`" for entry in output["outputs"])
    columns = len(contract.schema["input"]["columns"])
    answered = {"prediction": "Prediction"}.get(output["task"], output["task"].capitalize())
    threshold = contract.serving.get("threshold")
    decided = "" if threshold is None else f" The positive label is given from a probability of {threshold}."
    return f"{answered} of {names} from {columns} column{'s' if columns != 1 else ''}.{decided}"


def _predict(contract: Contract, version: str, misfit: dict[str, Any]) -> dict[str, Any]:
    json = {"schema": reference("Request"), "examples": _examples(contract)}
    answered = json_response("The predictions", reference("Answer"), _answer(contract, version))
    answered["content"][ARROW] = _ARROW_STREAM
    return {
        "tags": ["predict"],
        "operationId": "predict",
        "summary": "Predict",
        "description": _columns_table(contract),
        "parameters": [_header(name, text) for name, text in _HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": json, ARROW: _ARROW_STREAM}},
        "responses": {"200": answered, **Refusals().responses(BODY, misfit)},
    }


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


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
    return "date-time" if column["type"] == "datetime" else str(column_schema(column, OPENAPI)["type"])


def _examples(contract: Contract) -> dict[str, Any]:
    record = example_record(contract.schema)
    columns = {name: [value, value] for name, value in record.items()}
    return {
        "record": {"summary": "one record", "value": {"features": record}},
        "records": {"summary": "a list of records", "value": {"features": [record, record]}},
        "columns": {"summary": "one list per column", "value": {"features": columns}},
    }
