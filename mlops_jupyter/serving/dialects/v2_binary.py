"""The binary-tensor extension of V2: values as bytes after the JSON, in the order of the tensors.

Numbers are little-endian without padding, booleans one byte each, and every element of ``BYTES`` has its
length in four bytes before it. It is what Triton's client sends unless told otherwise, and how the raw
contents of V2 gRPC are written.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Values
from ..problems import InvalidRequest, Problem, invalid, shortened_name
from .v2_json import objects
from .v2_request import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .v2_request import InputTensor

_LENGTH = struct.Struct("<I")


def split_tensors(tensors: Iterable[InputTensor], data: memoryview) -> dict[str, memoryview]:
    """Return the bytes of each tensor that has its values there.

    Raises
    ------
    InvalidRequest
        400 when the sizes do not add up to what was sent.
    """
    parts: dict[str, memoryview] = {}
    position = 0
    for tensor in tensors:
        size = tensor.binary_size
        if size is None:
            continue
        parts[tensor.name] = data[position : position + size]
        position += size
    if position != len(data):
        raise InvalidRequest(
            400, f"the binary data of the inputs takes {position} bytes; {len(data)} were sent after the JSON"
        )
    return parts


def binary_values(tensor: InputTensor, data: memoryview) -> Values:
    r"""Return the values of a tensor, in one dimension, without a copy where there are numbers.

    Raises
    ------
    InvalidRequest
        400 when there are not as many as the shape says, 422 when a text is not UTF-8.

    Examples
    --------
    >>> from .v2_request import InputTensor
    >>> binary_values(InputTensor("age", [2, 1], "INT16"), memoryview(b"\x29\x00\x07\x00")).values
    array([41,  7], dtype=int16)
    """
    if tensor.datatype == "BYTES":
        return objects(tensor, _texts(tensor, data))
    dtype = np.dtype(DTYPES[tensor.datatype])
    if len(data) != tensor.size * dtype.itemsize:
        raise InvalidRequest(
            400,
            f"{tensor.shown}: shape {tensor.shape} of {tensor.datatype} takes {tensor.size * dtype.itemsize} "
            f"bytes, {len(data)} given",
        )
    if dtype.kind == "b":
        return Values(np.frombuffer(data, np.uint8) != 0)
    return Values(np.frombuffer(data, dtype))


def _texts(tensor: InputTensor, data: memoryview) -> list[str]:
    parts = split_texts(data, tensor.size)
    if parts is None or len(parts) != tensor.size:
        told = f"{len(data)} bytes are not the {tensor.size} lengths and texts of {tensor.shape}"
        raise InvalidRequest(400, f"{tensor.shown}: {told}")
    return [_text(tensor, row, part) for row, part in enumerate(parts)]


def split_texts(data: memoryview, most: int) -> list[memoryview] | None:
    """Return the elements of ``BYTES``; None if the lengths do not add up, or beyond `most` of them."""
    parts: list[memoryview] = []
    position, end = 0, len(data)
    while position < end:
        begin = position + _LENGTH.size
        if begin > end or len(parts) == most:
            return None
        position = begin + _LENGTH.unpack_from(data, position)[0]
        if position > end:
            return None
        parts.append(data[begin:position])
    return parts


def _text(tensor: InputTensor, row: int, data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        expected = "text in UTF-8"
        got = f"{len(data)} bytes that are not"
        raise invalid([Problem(row, shortened_name(tensor.name), "type", got, expected)]) from None


def as_bytes(values: NDArray[Any], datatype: str) -> bytes:
    r"""Return the binary form of values.

    Examples
    --------
    >>> as_bytes(np.array(["late"], object), "BYTES")
    b'\x04\x00\x00\x00late'
    """
    if datatype == "BYTES":
        return join_texts(text.encode() for text in map(_as_text, values.tolist()))
    return values.astype(DTYPES[datatype], copy=False).tobytes()


def join_texts(texts: Iterable[bytes]) -> bytes:
    """Return elements of ``BYTES``, each after its length."""
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
