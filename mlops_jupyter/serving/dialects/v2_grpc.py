"""A V2 request as gRPC has it, as the body of one over HTTP, and its answer back.

So routing, remote variants, limits, metrics and capture are those of every other request. Raw contents are
what the binary-tensor extension sends after the JSON, byte for byte; typed contents are written like them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..problems import InvalidRequest, shortened_name
from .v2_answer import HEADER_LENGTH
from .v2_binary import join_texts, split_texts
from .v2_messages import message, parameter_value, set_parameters
from .v2_request import DTYPES

if TYPE_CHECKING:
    from ..call import Outcome

_FIELDS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def to_body(request: Any) -> tuple[bytes, int]:
    """Return the body of a ``ModelInferRequest`` over HTTP, and the length of its JSON.

    Raises
    ------
    InvalidRequest
        400 when its contents are not where they should be, 422 when they are not of their datatype.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidRequest(400, f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs")
    chunks = [_contents(tensor, raw[i] if raw else None) for i, tensor in enumerate(request.inputs)]
    document: dict[str, Any] = {
        "parameters": _parameters(request.parameters) | {"binary_data_output": True},
        "inputs": [_input(tensor, data) for tensor, data in zip(request.inputs, chunks, strict=True)],
        "outputs": [_output(output) for output in request.outputs],
    }
    if request.id:
        document["id"] = request.id
    header = orjson.dumps(document)
    return b"".join([header, *chunks]), len(header)


def _input(tensor: Any, data: bytes) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
        "parameters": _parameters(tensor.parameters) | {"binary_data_size": len(data)},
    }


def _output(output: Any) -> dict[str, Any]:
    return {"name": output.name, "parameters": _parameters(output.parameters) | {"binary_data": True}}


def _parameters(parameters: Any) -> dict[str, Any]:
    return {name: parameter_value(value) for name, value in parameters.items()}


def _contents(tensor: Any, raw: bytes | None) -> bytes:
    """Return the values of an input as the binary-tensor extension has them."""
    if raw is not None:
        if tensor.contents.ListFields():  # MLServer sends empty ones beside
            raise InvalidRequest(400, f"{_shown(tensor)}: contents beside raw_input_contents")
        return raw
    field = _FIELDS.get(tensor.datatype)
    given = [each.name for each, _ in tensor.contents.ListFields()]
    if field is None and tensor.datatype in DTYPES:
        raise InvalidRequest(400, f"{_shown(tensor)}: {tensor.datatype} needs raw_input_contents")
    if field is None:  # told when it is read
        return b""
    if given not in ([], [field]):
        raise InvalidRequest(400, f"{_shown(tensor)}: {tensor.datatype} has its values in {field}")
    return _as_bytes(tensor, list(getattr(tensor.contents, field)))


def _as_bytes(tensor: Any, values: list[Any]) -> bytes:
    if tensor.datatype == "BYTES":
        return join_texts(values)
    try:
        return np.array(values, DTYPES[tensor.datatype]).tobytes()
    except OverflowError:
        raise InvalidRequest(422, f"{_shown(tensor)}: a value is more than {tensor.datatype} holds") from None


def _shown(tensor: Any) -> str:
    return f"input {shortened_name(tensor.name)}"


def to_response(outcome: Outcome, *, raw: bool) -> Any:
    """Return the ``ModelInferResponse`` of an answer.

    Parameters
    ----------
    outcome : Outcome
        Status 200, to what `to_body` made.
    raw : bool
        Whether values go in ``raw_output_contents``, as the request had them, or in typed contents.
    """
    length = int(dict(outcome.headers)[HEADER_LENGTH])
    document, data = orjson.loads(outcome.body[:length]), memoryview(outcome.body)[length:]
    response: Any = message("ModelInferResponse")(
        model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
    )
    set_parameters(response.parameters, document["parameters"])
    for output in document["outputs"]:
        size = output["parameters"].pop("binary_data_size")
        values, data = data[:size], data[size:]
        tensor = response.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        set_parameters(tensor.parameters, output["parameters"])
        if raw:
            response.raw_output_contents.append(bytes(values))
        else:
            _set_contents(tensor, values)
    return response


def _set_contents(tensor: Any, data: memoryview) -> None:
    field = getattr(tensor.contents, _FIELDS[tensor.datatype])
    if tensor.datatype == "BYTES":
        field.extend(map(bytes, split_texts(data, len(data)) or ()))
    else:
        field.extend(np.frombuffer(data, DTYPES[tensor.datatype]).tolist())
