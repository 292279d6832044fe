"""The Open Inference Protocol, V2, over HTTP: the dialect of Triton's, KServe's and MLServer's clients.

One tensor a column, of shape [n] or [n, 1], by name. A model fitted on a matrix takes one tensor of shape
[n, columns] as well, under any name. Shapes that do not fit their data, and data that does not fit its
datatype, are refused before the model's own rules are asked (`arrays`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..arrays import Values, read_arrays
from ..call import Outcome
from ..problems import MOST, InvalidRequest, Problem, invalid, shortened_name
from .v2_answer import write_answer
from .v2_binary import binary_values, split_tensors
from .v2_json import json_values, plain_values
from .v2_request import parameter, read_request, read_wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..call import Answered, Call
    from ..validation import Request, Validator
    from .v2_request import InputTensor

_MEDIA = frozenset({"", "application/json", "application/octet-stream"})
_FEW = 16  # rows of JSON that are read faster one by one than as arrays


class V2:
    """Reads and writes V2 over HTTP: see `call.Dialect`."""

    def read(self, validator: Validator, call: Call) -> Request:
        """Return the rows of a call."""
        if call.content_type.partition(";")[0].strip().lower() not in _MEDIA:
            sent = call.content_type[:40]
            raise InvalidRequest(415, f"content type {sent!r}; send application/json")
        request, binary = read_request(call, validator.limits.body_bytes)
        _check_rows(request.inputs, validator)
        whole = _is_whole(request.inputs, validator)
        if not whole:
            _check_shapes(request.inputs, validator)
        parts = split_tensors(request.inputs, binary)
        if not parts and request.inputs[0].shape[0] <= _FEW:
            return validator.read(_features(request.inputs, validator, whole=whole))
        if whole:
            arrays = _columns(request.inputs[0], parts, validator)
        else:
            arrays = {tensor.name: _values(tensor, parts) for tensor in request.inputs}
        return read_arrays(validator.columns, validator.kind, arrays, validator.limits, validator.extra)

    def write(self, answered: Answered) -> Outcome:
        """Return the answer; 400 when an output is wanted that the model does not have."""
        try:
            return write_answer(answered, read_wanted(answered.call))
        except InvalidRequest as refusal:
            return self.refuse(refusal, answered.call)

    def refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:  # noqa: ARG002 - as all dialects
        """Return a refusal: ``{"error": …}``, and what to mend beside it."""
        body = orjson.dumps(refusal.document())
        return Outcome(refusal.status, body, problems=refusal.problems, error=refusal.error)


def _check_rows(tensors: Sequence[InputTensor], validator: Validator) -> None:
    """Refuse too many rows before any of their values is looked at."""
    rows = max((tensor.shape[0] for tensor in tensors if tensor.shape), default=0)
    if rows > validator.limits.rows:
        raise InvalidRequest(413, f"{rows} records in one request; at most {validator.limits.rows}")


def _is_whole(tensors: Sequence[InputTensor], validator: Validator) -> bool:
    """Whether one tensor has all columns, in the order of the schema; names say more than an order does."""
    if validator.kind == "columns" or len(tensors) != 1:
        return False
    width, shape = len(validator.columns), tensors[0].shape
    return shape[1:] == [width] or (width == 1 and len(shape) == 1)


def _is_column(shape: Sequence[int]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _check_shapes(tensors: Sequence[InputTensor], validator: Validator) -> None:
    expected = "the shape [n] or [n, 1], one tensor a column"
    if validator.kind != "columns" and len(validator.columns) > 1:
        expected += f", or a single one of [n, {len(validator.columns)}]"
    problems = [
        Problem(None, shortened_name(tensor.name), "length", f"{tensor.shape[:8]}", expected)
        for tensor in tensors
        if not _is_column(tensor.shape)
    ]
    if problems:
        raise invalid(problems[:MOST])


def _features(tensors: Sequence[InputTensor], validator: Validator, *, whole: bool) -> Any:
    """Return what `Validator.read` takes: one list a column, or the rows of a matrix."""
    for tensor in tensors:
        if tensor.parameters:
            _check_encoding(tensor)
    if not whole:
        return {tensor.name: plain_values(tensor) for tensor in tensors}
    values, width = plain_values(tensors[0]), len(validator.columns)
    names = [column.name for column in validator.columns]
    return {name: values[i::width] for i, name in enumerate(names)}


def _columns(tensor: InputTensor, parts: dict[str, memoryview], validator: Validator) -> dict[str, Values]:
    read = _values(tensor, parts)
    width = len(validator.columns)
    values, missing = read.values.reshape(-1, width), read.missing
    masks: NDArray[Any] | None = None if missing is None else missing.reshape(-1, width)
    return {
        column.name: Values(values[:, i], None if masks is None else masks[:, i])
        for i, column in enumerate(validator.columns)
    }


def _check_encoding(tensor: InputTensor) -> None:
    if parameter(tensor.parameters, "content_type") == "base64":
        raise InvalidRequest(400, f"{tensor.shown}: base64 is not read; send the text itself")


def _values(tensor: InputTensor, parts: dict[str, memoryview]) -> Values:
    _check_encoding(tensor)
    if tensor.name in parts:
        return binary_values(tensor, parts[tensor.name])
    return json_values(tensor)


DIALECT = V2()
