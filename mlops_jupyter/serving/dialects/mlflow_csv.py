"""CSV as ``DataFrame.to_csv`` writes it, each column read as its type: what is empty is missing."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING, Any

from ..problems import InvalidRequest, Problem, check_once_each, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..columns import Column
    from ..validation import Request, Validator

# what `pandas.read_csv`, and so MLflow, reads as missing
_NAN = frozenset({"NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"})
_MISSING = _NAN | {"", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "None", "n/a", "null"}
_BOOLEANS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
_LONGEST_INTEGER = 20  # characters of what 64 bits hold
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def read_csv(validator: Validator, body: bytes) -> Request:
    """Return the rows of a request.

    Parameters
    ----------
    validator : Validator
        Of the model.
    body : bytes
        CSV in UTF-8, its first line the names of the columns.

    Raises
    ------
    InvalidRequest
        400 when it is not CSV, 413 for too many rows, 422 when it does not fit the model.
    """
    names, rows = _table(body, validator.limits.rows)
    if not rows:
        return validator.read([])
    names = _in_order(names, validator)
    columns = {column.name: column for column in validator.columns}
    features = {}
    for name, texts in zip(names, zip(*rows, strict=True), strict=True):
        if name:  # the index of a frame has none
            features[name] = _values(columns.get(name), texts)
    return validator.read(features)


def _table(body: bytes, most: int) -> tuple[list[str], list[list[str]]]:
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names = next(lines, [])
        check_once_each(names)
        return names, _rows(lines, len(names), most)
    except UnicodeDecodeError:
        raise InvalidRequest(400, "invalid CSV: not UTF-8") from None
    except csv.Error as error:
        raise InvalidRequest(400, f"invalid CSV: {error}") from None


def _rows(lines: Any, width: int, most: int) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in filter(None, lines):
        if len(row) != width:
            got, expected = f"{len(row)} values", f"{width} values, one for each column"
            raise invalid([Problem(len(rows), None, "length", got, expected)])
        rows.append(row)
        if len(rows) > most:
            raise InvalidRequest(413, f"more than {most} records in one request")
    return rows


def _in_order(names: list[str], validator: Validator) -> list[str]:
    """Return the names of the model's columns for those of a matrix, which are but positions."""
    by_position = validator.kind != "columns" and len(names) == len(validator.columns)
    if by_position and names == [str(i) for i in range(len(names))]:
        return [column.name for column in validator.columns]
    return names


def _values(column: Column | None, texts: tuple[str, ...]) -> list[Any]:
    """Return the values of one column; what is none of its type is left as it is, to be told."""
    values = _all_numbers(column, texts)
    if values is not None:
        return values
    read = _READERS.get(column.type, str) if column is not None else str
    return [None if text in _MISSING else read(text) for text in texts]


def _all_numbers(column: Column | None, texts: tuple[str, ...]) -> list[Any] | None:
    """Return plain numbers, many times faster than one by one; None when there is anything else."""
    convert = _CONVERTERS.get(column.type) if column is not None else None
    if convert is None or "_" in "".join(texts):  # which Python takes in numbers
        return None
    if convert is int and max(map(len, texts)) > _LONGEST_INTEGER:
        return None
    try:
        values = list(map(convert, texts))
    except ValueError:
        return None
    return values if convert is int or all(map(math.isfinite, values)) else None


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return text if math.isinf(number) else number


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


_CONVERTERS: dict[str, Callable[[str], Any]] = {"integer": int, "long": int, "float": float, "double": float}
_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}
