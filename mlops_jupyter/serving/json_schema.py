"""What a model takes and answers, as JSON Schema: for ``/schema``, and in the older words of OpenAPI 3.0.

Ranges and categories of the training data are told in words, not as ``minimum`` and ``enum``: a value outside
is answered, and a client that validates must not refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .answers import label_key
from .columns import bounds
from .examples import example_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .router import Contract

Schema = dict[str, Any]
_MOST_CATEGORIES = 12
_TYPES = {
    "boolean": "boolean",
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "string": "string",
    "datetime": "string",
}


@dataclass(frozen=True)
class Dialect:
    """How JSON Schema is written here.

    Parameters
    ----------
    name : str
        ``2020-12``, or ``openapi-3.0`` whose null is not a type.
    """

    name: Literal["2020-12", "openapi-3.0"]

    def nullable(self, schema: Schema) -> Schema:
        """Return a schema of a type that takes null as well."""
        if self.name == "openapi-3.0":
            return {**schema, "nullable": True}
        return {**schema, "type": [schema["type"], "null"]}

    def example(self, value: Any) -> Schema:
        """Return the keyword that shows an example."""
        return {"example": value} if self.name == "openapi-3.0" else {"examples": [value]}


DRAFT = Dialect("2020-12")
OPENAPI = Dialect("openapi-3.0")


def schema_document(contract: Contract, version: str) -> Schema:
    """Return what ``GET /schema`` answers: the JSON Schema of a request, that of the answer beside it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Request for predictions of {contract.model} {version}",
        **request_schema(contract.schema, DRAFT),
        "$defs": {"answer": answer_schema(contract.schema, DRAFT)},
    }


def request_schema(schema: Mapping[str, Any], dialect: Dialect) -> Schema:
    """Return the JSON Schema of the body of a request."""
    record = record_schema(schema, dialect)
    others = _other_records(schema)
    forms = [
        {"title": "one record", **record},
        {"title": "records", "type": "array", "minItems": 1, "items": _either(record, *others)},
        _columns_schema(record),
    ]
    return {
        "type": "object",
        "required": ["features"],
        "additionalProperties": False,
        "properties": {"features": {"oneOf": [*forms, *others]}},
        **dialect.example({"features": example_record(schema)}),
    }


def record_schema(schema: Mapping[str, Any], dialect: Dialect) -> Schema:
    """Return the JSON Schema of one record by column names."""
    columns = schema["input"]["columns"]
    optional = schema["input"]["kind"] == "sparse"
    required = [c["name"] for c in columns if not c.get("nullable") and not optional]
    return {
        "type": "object",
        **({"required": required} if required else {}),
        "additionalProperties": True,  # not read, with a warning
        "properties": {column["name"]: column_schema(column, dialect) for column in columns},
    }


def column_schema(column: Mapping[str, Any], dialect: Dialect) -> Schema:
    """Return the JSON Schema of one column's values."""
    schema: Schema = {"type": _TYPES[column["type"]]}
    if column["type"] == "datetime":
        schema["format"] = "date-time"
    schema |= _width(column, dialect)
    if column.get("nullable"):
        schema = dialect.nullable(schema)
    about = about_column(column)
    return {
        **schema,
        **({"description": about} if about else {}),
        **(dialect.example(column["example"]) if column.get("example") is not None else {}),
    }


def _width(column: Mapping[str, Any], dialect: Dialect) -> Schema:
    """Return what a number's type holds, which is refused when it is more: no word of the training data."""
    type_, dtype = column["type"], column.get("dtype", "").lower()
    if type_ in ("float", "double"):
        return {"format": type_} if dialect.name == "openapi-3.0" else {}
    if _TYPES[type_] != "integer":
        return {}
    if dtype in ("int32", "int64"):
        return {"format": dtype} if dialect.name == "openapi-3.0" else {}
    least, most = bounds(type_, dtype)
    return {"minimum": least, "maximum": most}


def answer_schema(schema: Mapping[str, Any], dialect: Dialect) -> Schema:
    """Return the JSON Schema of a 200."""
    outputs = schema["output"]["outputs"]
    prediction = _per_output(outputs, lambda output: _label_schema(output, dialect))
    table = _per_output(outputs, _probabilities_schema)
    confidence = _per_output(outputs, lambda _: dialect.nullable({"type": "number"}))
    rows: Schema = {"type": "array"}
    return {
        "type": "object",
        "required": ["predictions", "probabilities", "confidence", "version", "variant", "prediction_id"],
        "properties": {
            "predictions": {**rows, "items": prediction},
            "probabilities": dialect.nullable({**rows, "items": table}),
            "confidence": dialect.nullable({**rows, "items": confidence}),
            "version": {"type": "string"},
            "variant": {"type": "string", "description": "stable, candidate or shadow"},
            "prediction_id": {
                "type": "string",
                "description": "of the request; row i is <prediction_id>/<i>",
            },
            "warnings": {**rows, "items": {"type": "object"}, "description": "only when there are any"},
        },
    }


def about_column(column: Mapping[str, Any]) -> str:
    """Return what training showed of a column, and whether it may be missing, in words."""
    about = []
    if column.get("minimum") is not None and column.get("maximum") is not None:
        about.append(f"{column['minimum']:.10g} to {column['maximum']:.10g} in training")
    categories = column.get("categories") or []
    if categories:
        more = f" and {len(categories) - _MOST_CATEGORIES} more" if len(categories) > _MOST_CATEGORIES else ""
        about.append(f"{', '.join(map(label_key, categories[:_MOST_CATEGORIES]))}{more} in training")
    if column.get("nullable"):
        about.append("may be null or left out")
    return "; ".join(about)


def _other_records(schema: Mapping[str, Any]) -> list[Schema]:
    """Return what else may stand for a record: texts and matrices need no names."""
    kind, columns = schema["input"]["kind"], schema["input"]["columns"]
    if kind == "text":
        return [{"title": "one text", "type": "string"}]
    if kind == "columns":
        return []
    width = len(columns)
    values: Schema = {"type": "array", "minItems": width, "maxItems": width, "items": {}}
    return [{"title": "one row in the order of the columns", **values}]


def _either(*schemas: Schema) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"oneOf": list(schemas)}


def _columns_schema(record: Schema) -> Schema:
    lists = {
        name: {"type": "array", "minItems": 1, "items": column}
        for name, column in record["properties"].items()
    }
    return {"title": "one list per column", **record, "properties": lists}


def _per_output(outputs: list[Mapping[str, Any]], describe: Any) -> Schema:
    if len(outputs) == 1:
        described: Schema = describe(outputs[0])
        return described
    return {"type": "object", "properties": {output["name"]: describe(output) for output in outputs}}


def label_schema(output: Mapping[str, Any]) -> Schema:
    """Return the JSON Schema of what may be right for an output: a class not seen in training, too."""
    return {"type": _TYPES[output["type"]], "description": output["name"]}


def _label_schema(output: Mapping[str, Any], dialect: Dialect) -> Schema:
    schema = label_schema(output)
    if output.get("classes"):
        return {**schema, "enum": output["classes"]}
    return dialect.nullable(schema)


def _probabilities_schema(output: Mapping[str, Any]) -> Schema:
    share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    labels = map(label_key, output.get("classes") or [])
    return {"type": "object", "properties": dict.fromkeys(labels, share)}
