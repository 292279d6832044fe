"""The values of a V2 tensor that stand in its JSON: row by row, nested or flat, null for a missing one."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ..arrays import Values
from ..problems import MOST, InvalidRequest, Problem, invalid, shortened, shortened_name
from .v2_request import DTYPES, parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .v2_request import InputTensor

_TYPES: dict[str, frozenset[type]] = {
    "?": frozenset({bool}),
    "u": frozenset({int}),
    "i": frozenset({int}),
    "f": frozenset({float, int}),
    "O": frozenset({str}),
}
_NO_TYPES: frozenset[type] = frozenset()
_AS_THEY_ARE = {
    "FP64": frozenset({float, type(None)}),
    "BOOL": frozenset({bool, type(None)}),
    "BYTES": frozenset({str, type(None)}),
}
"""What needs no conversion, and so no check of the range."""
_CALLED = {"?": "true or false", "u": "an integer", "i": "an integer", "f": "a number", "O": "a string"}


def json_values(tensor: InputTensor) -> Values:
    """Return the values of a tensor, in one dimension.

    Raises
    ------
    InvalidRequest
        400 when there are not as many as the shape says, 422 when some are not of the datatype.

    Examples
    --------
    >>> from .v2_request import InputTensor
    >>> json_values(InputTensor("age", [2, 1], "FP64", data=[[41], [None]])).values
    array([41., nan])
    """
    values = _flat(tensor)
    return _typed(tensor, values, set(map(type, values)))


def plain_values(tensor: InputTensor) -> list[Any]:
    """Return the same as a list, None for a missing one: for a few rows, arrays are a detour."""
    values = _flat(tensor)
    types = set(map(type, values))
    if types <= _AS_THEY_ARE.get(tensor.datatype, _NO_TYPES) and not tensor.parameters:
        return values
    read = _typed(tensor, values, types)
    plain: list[Any] = read.values.tolist()
    if read.missing is None:
        return plain
    return [None if missing else value for value, missing in zip(plain, read.missing.tolist(), strict=True)]


def _typed(tensor: InputTensor, values: list[Any], types: set[type]) -> Values:
    """Return Python values as an array of the tensor's datatype."""
    kind, given = _kind(tensor), None
    if type(None) in types:
        types.discard(type(None))
        given = np.fromiter((value is not None for value in values), np.bool_, len(values))
    if not types <= _TYPES[kind]:
        values = _mended(tensor, values)
    if kind == "O":
        return objects(tensor, values)
    try:
        return Values(_array(tensor, values, given), None if given is None else ~given)
    except OverflowError:
        raise _out_of_range(tensor, values) from None


def objects(tensor: InputTensor, texts: list[Any]) -> Values:
    """Return texts as an array, each read as JSON where MLServer's data frames say that they are."""
    if parameter(tensor.parameters, "content_type") == "pd_json":
        texts = [text if text is None else _embedded(tensor, row, text) for row, text in enumerate(texts)]
    return Values(np.fromiter(texts, dtype=object, count=len(texts)))


def _flat(tensor: InputTensor) -> list[Any]:
    data = tensor.data
    if type(data) is not list:
        raise InvalidRequest(400, f"{tensor.shown}: expected a list as data, got {_shown_data(data)}")
    if len(tensor.shape) > 1 and data and type(data[0]) is list:
        data = _unnested(tensor, data)
    if len(data) != tensor.size:
        raise InvalidRequest(
            400, f"{tensor.shown}: shape {tensor.shape} takes {tensor.size} values, {len(data)} given"
        )
    return data


def _unnested(tensor: InputTensor, data: list[Any]) -> list[Any]:
    """Return the values of rows: only if all are as long as the shape says is it clear what belongs where."""
    regular = set(map(type, data)) == {list} and set(map(len, data)) == {tensor.shape[1]}
    if not regular or len(data) != tensor.shape[0]:
        raise InvalidRequest(400, f"{tensor.shown}: the lists of data do not have the shape {tensor.shape}")
    return list(chain.from_iterable(data))


def _shown_data(data: Any) -> str:
    return "none" if data is msgspec.UNSET else shortened(data)


def _kind(tensor: InputTensor) -> str:
    return DTYPES[tensor.datatype].lstrip("<")[0]


def _array(tensor: InputTensor, values: list[Any], given: NDArray[np.bool_] | None) -> NDArray[Any]:
    dtype = np.dtype(DTYPES[tensor.datatype])
    if dtype.kind != "f":
        return np.array(values if given is None else [0 if v is None else v for v in values], dtype)
    exact = np.array(values, np.float64)  # null becomes NaN
    if dtype.itemsize == exact.itemsize:
        return exact
    with np.errstate(over="ignore"):
        rounded = exact.astype(dtype)
    if np.isinf(rounded).any():
        raise OverflowError
    return rounded


def _mended(tensor: InputTensor, values: list[Any]) -> list[Any]:
    """Return the values with ``1`` for ``1.0`` in a tensor of integers, or tell all that are wrong."""
    kind = _kind(tensor)
    mended = [int(v) if kind in "iu" and type(v) is float and v.is_integer() else v for v in values]
    wrong = (row for row, v in enumerate(mended) if v is not None and type(v) not in _TYPES[kind])
    problems = _problems(tensor, mended, wrong, "type", f"{_CALLED[kind]}, as {tensor.datatype} has")
    if problems:
        raise invalid(problems)
    return mended


def _out_of_range(tensor: InputTensor, values: list[Any]) -> InvalidRequest:
    dtype = np.dtype(DTYPES[tensor.datatype])
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    least, most = dtype.type(limits.min).item(), dtype.type(limits.max).item()
    wrong = (row for row, v in enumerate(values) if v is not None and not least <= v <= most)
    return invalid(_problems(tensor, values, wrong, "range", f"what {tensor.datatype} holds"))


def _problems(
    tensor: InputTensor, values: list[Any], wrong: Iterable[int], reason: str, expected: str
) -> list[Problem]:
    width = max(1, tensor.size // tensor.shape[0]) if tensor.shape and tensor.shape[0] else 1
    name = shortened_name(tensor.name)
    told = zip(wrong, range(MOST), strict=False)
    return [Problem(at // width, name, reason, shortened(values[at]), expected) for at, _ in told]


def _embedded(tensor: InputTensor, row: int, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        expected = "JSON, as content_type pd_json says"
        raise invalid(
            [Problem(row, shortened_name(tensor.name), "type", shortened(text), expected)]
        ) from None
