"""Arrow arrays of values, laid out by NumPy.

Arrow can be handed its buffers as they are; that is several times as fast as handing it Python objects, and
`pyarrow.array`, `take` and `cast` would each import pandas or a large module on their first call, in the
midst of serving.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .layout import arrow_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_KEPT = 16  # arrays that are wanted again: most batches have the size of a crowd
_DTYPES = {
    "double": "float64",
    "float": "float32",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint64": "uint64",
}


@functools.lru_cache(_KEPT)
def nothing(type_: str, rows: int) -> pa.Array:
    """Return missing values alone."""
    import pyarrow as pa

    return pa.nulls(rows, arrow_type(type_))


def numbers(values: NDArray[Any], type_: str, missing: Mask | None = None) -> pa.Array:
    """Return numbers, or microseconds since 1970, in a type that holds them."""
    import pyarrow as pa

    data = np.ascontiguousarray(values, dtype=_DTYPES.get(type_, "int64"))
    return pa.Array.from_buffers(arrow_type(type_), len(data), [_bitmap(missing), pa.py_buffer(data)])


def columns(table: NDArray[Any], type_: str, missing: Mask | None = None) -> list[pa.Array]:
    """Return the rows of a table as arrays, which share its memory."""
    import pyarrow as pa

    rows = table.shape[1]
    data = pa.py_buffer(np.ascontiguousarray(table, dtype=_DTYPES[type_]))
    arrow, make = arrow_type(type_), pa.Array.from_buffers
    arrays = [make(arrow, rows, [None, data], 0, i * rows) for i in range(len(table))]
    for i in np.flatnonzero(missing.any(axis=1)) if missing is not None else ():
        arrays[i] = numbers(table[i], type_, missing[i])  # type: ignore[index]
    return arrays


def doubles(table: NDArray[np.float64]) -> list[pa.Array]:
    """Return the rows of a table of doubles as arrays, which share its memory; NaN is missing."""
    if not table.size:
        return columns(table, "double")
    # a quarter of the time that a look at each value takes: the least of some is NaN where one of them is
    any_missing = np.isnan(table.min(axis=1)).any()
    return columns(table, "double", np.isnan(table) if any_missing else None)


def flags(values: NDArray[np.bool_], missing: Mask | None = None) -> pa.Array:
    """Return booleans."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(values), [_bitmap(missing), _bits(values)])


def moments(values: NDArray[np.datetime64], type_: str) -> pa.Array:
    """Return moments in UTC or of no zone; NaT is missing."""
    exact = values.astype("datetime64[us]", copy=False)
    return numbers(exact.view(np.int64), type_, np.isnat(exact))


def texts(values: Sequence[str | None]) -> pa.Array:
    """Return texts, None for a missing one."""
    try:
        return _texts(values, None)  # type: ignore[arg-type]
    except TypeError:  # there is a None among them
        missing = np.fromiter((value is None for value in values), bool, len(values))
        return _texts([value or "" for value in values], missing)


def texts_of_width(table: NDArray[np.uint8]) -> pa.Array:
    """Return texts of one width each, of a table of their bytes of shape (rows, width)."""
    import pyarrow as pa

    rows, width = table.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(table))]
    return pa.Array.from_buffers(pa.string(), rows, buffers)


@functools.lru_cache(_KEPT)
def same_text(value: str, rows: int) -> pa.Array:
    """Return one text many times."""
    return _of_bytes(value.encode() * rows, np.full(rows, len(value.encode())), None)


def empty_texts(rows: int, room: int) -> pa.Array:
    """Return empty texts, with room for so many bytes."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(np.zeros(rows + 1, np.int32)), pa.py_buffer(bytes(room))]
    return pa.Array.from_buffers(pa.string(), rows, buffers)


def repeated_texts(values: Sequence[str | None], counts: NDArray[np.int64]) -> pa.Array:
    """Return each text, None for a missing one, as often as its count says."""
    missing = np.repeat([value is None for value in values], counts)
    encoded = [(value or "").encode() for value in values]
    data = b"".join([text * count for text, count in zip(encoded, counts.tolist(), strict=True)])
    return _of_bytes(data, np.repeat(list(map(len, encoded)), counts), missing)


def repeated_numbers(values: Sequence[float], type_: str, counts: NDArray[np.int64]) -> pa.Array:
    """Return each number as often as its count says."""
    return numbers(np.repeat(np.array(values, _DTYPES.get(type_, "int64")), counts), type_)


def array_of(values: NDArray[Any], type_: str) -> pa.Array:
    """Return an array of any kind but objects; NaN and NaT are missing."""
    match values.dtype.kind:
        case "b":
            return flags(values)
        case "M":
            return moments(values, type_)
        case "f":
            missing = np.isnan(values)
            whole = _DTYPES[type_].lstrip("u").startswith("int")
            return numbers(np.where(missing, 0, values) if whole else values, type_, missing)
        case "U":
            return texts(values.tolist())
    return numbers(values, type_)


def objects(values: Sequence[Any], type_: str) -> pa.Array:
    """Return Python values, None for a missing one; moments without a zone."""
    if type_ == "string":
        return texts(values)
    if type_.startswith("timestamp"):
        return moments(np.array(values, "datetime64[us]"), type_)
    try:
        return _present(values, type_)
    except TypeError:  # there is a None among them
        missing = np.fromiter((value is None for value in values), bool, len(values))
        return _present([0 if value is None else value for value in values], type_, missing)


def _present(values: Sequence[Any], type_: str, missing: Mask | None = None) -> pa.Array:
    if type_ in ("double", "float"):
        return array_of(np.fromiter(values, np.float64, len(values)), type_)  # of None NumPy makes NaN
    if type_ != "bool":
        return numbers(np.fromiter(values, _DTYPES[type_], len(values)), type_, missing)
    if None in values:  # which would be false
        raise TypeError
    return flags(np.fromiter(values, bool, len(values)), missing)


def joined_texts(values: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Return texts one behind the other, and the bytes of each."""
    joined = "".join(values)
    if joined.isascii():
        return joined.encode(), np.fromiter(map(len, values), np.int64, len(values))
    encoded = [value.encode() for value in values]
    return b"".join(encoded), np.fromiter(map(len, encoded), np.int64, len(values))


def _texts(values: Sequence[str], missing: Mask | None) -> pa.Array:
    return _of_bytes(*joined_texts(values), missing)


def _of_bytes(data: bytes, lengths: NDArray[np.int64], missing: Mask | None) -> pa.Array:
    import pyarrow as pa

    if len(data) > np.iinfo(np.int32).max:
        raise OverflowError("more than 2 GB of text at once")
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [_bitmap(missing), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(lengths), buffers)


def _bitmap(missing: Mask | None) -> pa.Buffer | None:
    return None if missing is None or not missing.any() else _bits(~missing)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(values, bitorder="little"))
