"""A record that the model answers as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_TYPE = {
    "boolean": True,
    "integer": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "datetime": "2026-11-20T10:15:00",
}


def example_record(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return one record with a value for every column.

    Parameters
    ----------
    schema : dict
        ``model/feature_schema.json``.

    Examples
    --------
    >>> column = {"name": "distance", "type": "double", "dtype": "float64", "example": 200.0}
    >>> example_record({"input": {"columns": [column]}})
    {'distance': 200.0}
    """
    return {column["name"]: _example(column) for column in schema["input"]["columns"]}


def example_body(schema: Mapping[str, Any], rows: int = 1) -> bytes:
    """Return a request of that record, or of so many like it.

    Examples
    --------
    >>> column = {"name": "distance", "type": "double", "dtype": "float64", "example": 200.0}
    >>> example_body({"input": {"columns": [column]}})
    b'{"features":{"distance":200.0}}'
    """
    record = example_record(schema)
    return orjson.dumps({"features": [record] * rows if rows > 1 else record})


def _example(column: Mapping[str, Any]) -> Any:
    given = column.get("example")
    if given is not None or column.get("nullable"):
        return given
    zone = "Z" if column["type"] == "datetime" and "," in column["dtype"] else ""
    return f"{_BY_TYPE['datetime']}{zone}" if column["type"] == "datetime" else _BY_TYPE[column["type"]]
