"""Requests of one row each, as callers send them: from data, else from what the package was tested with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError
from mlops_jupyter.serving.examples import example_record

from .calling import encode, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_RECORDS: Final = 10_000


def requests_from(data: Any, schema: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return one request for each of the first rows of the data.

    Parameters
    ----------
    data : frame, array, sparse matrix or texts
        The rows; of a frame only the columns the model knows are sent.
    schema : dict
        ``feature_schema.json`` of the version that answers.

    Raises
    ------
    DataError
        When there are no rows, or they have none of the model's columns.
    """
    rows, _, parts = pieces(schema, data[:MOST_RECORDS])
    if rows == 0:
        raise DataError("there are no rows to send")
    return tuple(encode(features) for _, part in parts for features in _one_by_one(part))


def requests_of_package(package: Path) -> tuple[bytes, ...]:
    """Return one request for each row the package was tested with, else one for its example."""
    golden = package / "tests" / "golden.json"
    if golden.exists():
        records = json.loads(golden.read_bytes())["features"]
    else:
        records = [example_record(read_schema(package))]
    return tuple(encode(record if isinstance(record, dict) else [record]) for record in records)


def read_schema(package: Path) -> dict[str, Any]:
    """Return the feature schema of a package."""
    schema: dict[str, Any] = json.loads((package / "model" / "feature_schema.json").read_bytes())
    return schema


def _one_by_one(part: Any) -> Iterator[Any]:
    """Yield the features of each row of a part: of columns a record, of texts and arrays a list of one."""
    if isinstance(part, dict):
        yield from (dict(zip(part, row, strict=True)) for row in zip(*part.values(), strict=True))
    else:
        yield from ([row] for row in part)
