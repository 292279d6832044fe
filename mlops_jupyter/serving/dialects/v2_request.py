"""What a V2 request says beside its data: names, shapes, datatypes, what is wanted back.

The JSON is decoded into structs, so its form is checked in C; what they do not name is not read, as the
protocol asks. How many values there are is checked before any is looked at.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ..decoding import first_repeated_key
from ..problems import InvalidRequest, given_twice, shortened_name, too_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..call import Call

DTYPES = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BYTES": "O",
}
"""NumPy's name of each datatype; those of several bytes are little-endian, as the binary form of V2 is."""

_Parameters = dict[str, Any] | None
_Dimension = Annotated[int, msgspec.Meta(ge=0)]
_LONGEST_ID = 1024


class InputTensor(msgspec.Struct):
    """One of ``inputs``."""

    name: str
    shape: list[_Dimension]
    datatype: str
    parameters: _Parameters = None
    data: Any = msgspec.UNSET

    @property
    def size(self) -> int:
        """How many values the shape asks for."""
        return prod(self.shape)

    @property
    def shown(self) -> str:
        """Its name in a sentence."""
        return f"input {shortened_name(self.name)}"

    @property
    def binary_size(self) -> int | None:
        """How many of the bytes after the JSON are its own; None when its values stand in the JSON.

        Raises
        ------
        InvalidRequest
            400 when there is no such number.
        """
        size = parameter(self.parameters, "binary_data_size")
        if size is None:
            return None
        if type(size) is not int or size < 0:
            raise InvalidRequest(400, f"{self.shown}: binary_data_size is a number of bytes")
        return size


class RequestedOutput(msgspec.Struct):
    """One of ``outputs`` of a request."""

    name: str
    parameters: _Parameters = None


class Wanted(msgspec.Struct):
    """What a request wants back; its inputs are not read."""

    id: Annotated[str, msgspec.Meta(max_length=_LONGEST_ID)] | None = None
    parameters: _Parameters = None
    outputs: list[RequestedOutput] | None = None


class InferRequest(Wanted, kw_only=True):
    """A request."""

    inputs: list[InputTensor]


_decode_wanted = msgspec.json.Decoder(Wanted).decode


def parameter(parameters: _Parameters, name: str) -> Any:
    """Return a parameter, None where there is none."""
    return parameters.get(name) if parameters else None


def read_request(call: Call, most_bytes: int) -> tuple[InferRequest, memoryview]:
    """Return the JSON of a call, and the bytes after it.

    Parameters
    ----------
    call : Call
        `header_length` says where the JSON ends, 0 that there is nothing else.
    most_bytes : int
        How long the body may be.

    Raises
    ------
    InvalidRequest
        413 when it is longer, 400 when it is no V2 request, or asks for what is not offered here.
    """
    body = call.body
    if len(body) > most_bytes:
        raise too_large(most_bytes)
    if not 0 <= call.header_length <= len(body):
        raise InvalidRequest(400, f"Inference-Header-Content-Length is not within the {len(body)} bytes sent")
    end = call.header_length or len(body)
    request = _decoded(body[:end])
    _check_inputs(request.inputs)
    for output in request.outputs or ():
        _refuse_offers(output.parameters, f"output {shortened_name(output.name)}")
    return request, memoryview(body)[end:]


def read_wanted(call: Call) -> Wanted:
    """Return what a call that was read before wants back."""
    return _decode_wanted(memoryview(call.body)[: call.header_length or len(call.body)])


def _decoded(document: bytes) -> InferRequest:
    if not document:
        raise InvalidRequest(400, "invalid JSON: the body is empty")
    try:
        decoded = msgspec.json.decode(document)
        request = msgspec.convert(decoded, InferRequest)
        repeated = _repeated_key(document, decoded)
    except msgspec.ValidationError as error:
        raise InvalidRequest(400, f"not a V2 request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            400, f"invalid JSON: {'not UTF-8' if isinstance(error, UnicodeDecodeError) else error}"
        ) from None
    except RecursionError:
        raise InvalidRequest(400, "invalid JSON: nested too deep") from None
    if repeated is not None:
        raise given_twice(repeated)
    return request


def _repeated_key(body: bytes, document: dict[str, Any]) -> str | None:
    """Return a key that one object of the JSON has twice: the decoder keeps the last, and the first is lost.

    Every key has a colon of its own. No more colons than keys and colons in texts: none was lost.
    """
    colons = body.count(b":")
    if colons == _usual_keys(document):
        return None
    keys, in_texts = _colons(document)
    if colons == keys or (colons == keys + in_texts and b"\\" not in body):
        return None
    return first_repeated_key(body)


def _usual_keys(document: dict[str, Any]) -> int:
    """Return how many keys there are where the protocol has some; the form was checked before."""
    tensors = [*document["inputs"], *(document.get("outputs") or ())]
    described = [document, *tensors]
    return sum(map(len, described)) + sum(len(each.get("parameters") or ()) for each in described)


def _colons(value: Any) -> tuple[int, int]:
    """Return how many keys there are in a document, and how many colons in its texts."""
    if type(value) is str:
        return 0, value.count(":")
    if type(value) is dict:
        inner = [_colons(each) for pair in value.items() for each in pair]
    elif type(value) is list and value and type(value[0]) in (str, dict, list):
        inner = list(map(_colons, value))
    else:
        return 0, 0
    keys = len(value) if type(value) is dict else 0
    return keys + sum(key for key, _ in inner), sum(text for _, text in inner)


def _check_inputs(inputs: Sequence[InputTensor]) -> None:
    if not inputs:
        raise InvalidRequest(400, "inputs is empty: send at least one tensor")
    if len({tensor.name for tensor in inputs}) < len(inputs):
        names = [tensor.name for tensor in inputs]
        twice = next(tensor for tensor in inputs if names.count(tensor.name) > 1)
        raise InvalidRequest(400, f"{twice.shown} is given twice")
    for tensor in inputs:
        if tensor.datatype not in DTYPES:
            known = ", ".join(DTYPES)
            raise InvalidRequest(400, f"{tensor.shown}: no such datatype; known are {known}")
        if tensor.parameters:
            _refuse_offers(tensor.parameters, tensor.shown)


_NOT_OFFERED = {
    "shared_memory_region": "shared memory is not read or written here; send the values",
    "classification": "classification is not offered here; ask for predict_proba",
}


def _refuse_offers(parameters: _Parameters, shown: str) -> None:
    """Refuse what other servers offer: leaving it unread would answer another question than was asked."""
    for name in _NOT_OFFERED.keys() & (parameters or {}).keys():
        raise InvalidRequest(400, f"{shown}: {_NOT_OFFERED[name]}")
