"""The four forms of MLflow's JSON as what `Validator.read` takes: a list of records or rows, or columns."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import orjson

from ..decoding import repeated_key
from ..problems import MOST, InvalidRequest, Problem, given_twice, invalid, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..validation import Request, Validator

_SPLIT_KEYS = frozenset({"columns", "data", "index"})
_LONGEST_INTEGER = 20  # digits of 2**64
_ONE_OF = "an object with one of dataframe_split, dataframe_records, instances and inputs"


def read_json(validator: Validator, body: bytes) -> Request:
    """Return the rows of a request.

    Parameters
    ----------
    validator : Validator
        Of the model.
    body : bytes
        JSON, or what Python's ``json`` makes of NaN.

    Raises
    ------
    InvalidRequest
        400 when it is not JSON, 413 for too many rows, 422 when it does not fit the model.
    """
    document = _decoded(body)
    form = _form(document)
    given = document[form]
    request = validator.read(_FORMS[form](given, validator))
    try:
        repeated = repeated_key(body, given)
    except RecursionError:
        raise InvalidRequest(400, "invalid JSON: nested too deep") from None
    if repeated is not None:
        raise given_twice(repeated)
    return request


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body:
            raise InvalidRequest(400, f"invalid JSON: {error if body else 'the body is empty'}") from None
    try:
        return json.loads(body.decode(), parse_constant=_constant, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise InvalidRequest(400, "invalid JSON: nested too deep") from None
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise InvalidRequest(400, f"invalid JSON: {reason}") from None


def _constant(name: str) -> None:
    """Return the missing value that NaN is."""
    if name != "NaN":
        raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INTEGER else _finite(text)


def _form(document: Any) -> str:
    """Return which of the four forms a document has; keys beside them are not read, as MLflow does not."""
    if type(document) is not dict:
        raise invalid([Problem(None, None, "type", shortened(document), _ONE_OF)])
    forms = [name for name in _FORMS if name in document]
    if len(forms) != 1:
        raise invalid([Problem(None, None, "type", _and(forms), _ONE_OF)])
    if document.get("params"):
        # unread, they would answer another question than was asked
        expected = "none: this model takes no parameters"
        raise invalid([Problem(None, "params", "extra", shortened(document["params"]), expected)])
    return forms[0]


def _and(names: list[str]) -> str:
    return " and ".join(names) or "none of them"


def _from_split(given: Any, validator: Validator) -> Any:
    """Return columns by name; rows as they are, when their columns have no names but positions."""
    if type(given) is not dict or "data" not in given or not _SPLIT_KEYS.issuperset(given):
        expected = "an object with data, columns and at most an index"
        raise invalid([Problem(None, "dataframe_split", "type", shortened(given), expected)])
    rows = _list(given["data"], "dataframe_split.data")
    if not rows:
        return rows
    names = given.get("columns")
    if names is None or _are_positions(names):
        return _from_list(rows, validator)
    _check_names(_list(names, "dataframe_split.columns"))
    _check_rows(rows, len(names))
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return _without_nat(columns, validator)


def _are_positions(names: Any) -> bool:
    return type(names) is list and names != [] and names == list(range(len(names)))


def _without_nat(columns: dict[str, list[Any]], validator: Validator) -> dict[str, list[Any]]:
    """Return columns with None for what MLflow's client writes for a missing moment."""
    moments = [column.name for column in validator.columns if column.type == "datetime"]
    for name in columns.keys() & moments:
        columns[name] = [None if value == "NaT" else value for value in columns[name]]
    return columns


def _check_names(names: list[Any]) -> None:
    seen: set[str] = set()
    for name in names:
        if type(name) is not str:
            expected = "names of columns"
            raise invalid([Problem(None, "dataframe_split.columns", "type", shortened(name), expected)])
        if name in seen:
            raise given_twice(name)
        seen.add(name)
    if not names:
        raise invalid([Problem(None, "dataframe_split.columns", "empty", "none", "names of columns")])


def _check_rows(rows: list[Any], width: int) -> None:
    if set(map(type, rows)) == {list} and set(map(len, rows)) == {width}:
        return
    expected = f"a list of {width} values, one for each column"
    wrong = (i for i, row in enumerate(rows) if type(row) is not list or len(row) != width)
    problems = [
        Problem(i, None, "length", shortened(rows[i]), expected)
        for i, _ in zip(wrong, range(MOST), strict=False)
    ]
    raise invalid(problems)


def _from_records(given: Any, _: Validator) -> Any:
    return _list(given, "dataframe_records")


def _from_instances(given: Any, validator: Validator) -> Any:
    return _from_list(_list(given, "instances"), validator)


def _from_inputs(given: Any, validator: Validator) -> Any:
    if type(given) is dict:
        return {name: _flat(values) for name, values in given.items()}
    if type(given) is str:
        return given
    return _from_list(_list(given, "inputs"), validator)


def _from_list(items: list[Any], validator: Validator) -> Any:
    """Return one item a row, also where a row is a single value."""
    if validator.kind == "text":
        return [item[0] if type(item) is list and len(item) == 1 else item for item in items]
    if validator.kind != "columns" and {dict, list}.isdisjoint(map(type, items)):
        return [[item] for item in items]
    return items


def _flat(values: Any) -> Any:
    """Return a column of shape [n, 1] as one of [n]."""
    if type(values) is list and set(map(type, values)) == {list} and set(map(len, values)) == {1}:
        return [value[0] for value in values]
    return values


def _list(given: Any, name: str) -> list[Any]:
    if type(given) is not list:
        raise invalid([Problem(None, name, "type", shortened(given), "a list")])
    return given


_FORMS: dict[str, Callable[[Any, Validator], Any]] = {
    "dataframe_split": _from_split,
    "dataframe_records": _from_records,
    "instances": _from_instances,
    "inputs": _from_inputs,
}
