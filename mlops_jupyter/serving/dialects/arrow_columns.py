"""The columns of an Arrow stream as arrays, read from their buffers.

Nothing here calls what makes pyarrow import pandas or its compute functions: ``pa.array``,
``is_null``, ``to_numpy`` of anything but numbers, ``to_pandas_dtype``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Values
from ..problems import too_large

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DTYPES = {"halffloat": "f2", "float": "f4", "double": "f8", "date64[ms]": "datetime64[ms]"}
_VIEW = 16  # bytes of one element of string_view, its length first


class ColumnsOfArrow:
    """Reads the columns of one request.

    Parameters
    ----------
    text_bytes : int
        How long all strings together may be: views and dictionaries can tell one a million times, and columns
        can share their buffers.
    """

    def __init__(self, text_bytes: int) -> None:
        self._allowed, self._left = text_bytes, text_bytes
        self._dictionaries: dict[Any, Values] = {}

    def read(self, column: Any) -> Values:
        """Return a ``ChunkedArray`` as values, or values of no type when a model can have none such.

        Raises
        ------
        InvalidRequest
            413 when its strings are too long.
        """
        name, zoned = str(column.type), getattr(column.type, "tz", None) is not None
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        if not chunks or not _is_plain(column.type):
            return nothing(len(column), name)
        values, missing = zip(*map(self._chunk, chunks), strict=True)
        return Values(_joined(values), _joined_masks(missing, chunks), zoned, name)

    def _chunk(self, chunk: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        from pyarrow import types

        if types.is_dictionary(chunk.type):
            return self._coded(chunk)
        if types.is_null(chunk.type):
            return np.full(len(chunk), None, object), None
        if _is_text(chunk.type):
            return self._texts(chunk), None
        if types.is_boolean(chunk.type):
            return _bits(chunk.buffers()[1], chunk), _missing(chunk)
        return _numbers(chunk), _missing(chunk)

    def _texts(self, chunk: Any) -> NDArray[Any]:
        self._left -= _text_bytes(chunk)
        if self._left < 0:
            raise too_large(self._allowed)
        return _objects(chunk.to_pylist())

    def _coded(self, chunk: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return the values that the codes of a dictionary stand for."""
        known = self._dictionary(chunk.dictionary)
        codes, missing = _numbers(chunk.indices), _missing(chunk.indices)
        if len(known.values) == 0:
            return np.full(len(chunk), None, object), None
        if missing is not None:
            codes = np.where(missing, 0, codes)
        if known.missing is not None:
            among = known.missing[codes]
            missing = among if missing is None else missing | among
        return known.values[codes], missing

    def _dictionary(self, dictionary: Any) -> Values:
        """Return the values of a dictionary; many batches share one, which is read once."""
        where = tuple(b if b is None else b.address for b in dictionary.buffers())
        key = (where, dictionary.offset, len(dictionary))
        if key not in self._dictionaries:
            values, missing = (
                self._chunk(dictionary) if len(dictionary) else (np.empty(0, dtype=object), None)
            )
            self._dictionaries[key] = Values(values, missing)
        return self._dictionaries[key]


def nothing(rows: int, called: str) -> Values:
    """Return values of a type that no column has, in no memory."""
    return Values(np.broadcast_to(np.zeros((), "V1"), rows), called=called)


def _is_text(type_: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_))


def _is_plain(type_: Any) -> bool:
    """Return whether values of a type can be those of a column."""
    from pyarrow import types

    if types.is_dictionary(type_):
        return not types.is_dictionary(type_.value_type) and _is_plain(type_.value_type)
    plain = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_timestamp)
    return any(is_one(type_) for is_one in (*plain, types.is_date, _is_text))


def _joined(parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _joined_masks(masks: tuple[NDArray[np.bool_] | None, ...], chunks: list[Any]) -> NDArray[np.bool_] | None:
    if all(mask is None for mask in masks):
        return None
    whole = [
        np.zeros(len(chunk), np.bool_) if mask is None else mask
        for mask, chunk in zip(masks, chunks, strict=True)
    ]
    return _joined(tuple(whole))


def _numbers(chunk: Any) -> NDArray[Any]:
    """Return numbers or moments; what stands where one is missing does not matter."""
    end = chunk.offset + len(chunk)
    name = str(chunk.type)
    if name == "date32[day]":
        return np.frombuffer(chunk.buffers()[1], "i4", end)[chunk.offset :].astype("datetime64[D]")
    dtype = f"datetime64[{chunk.type.unit}]" if name.startswith("timestamp") else _DTYPES.get(name, name)
    return np.frombuffer(chunk.buffers()[1], dtype, end)[chunk.offset :]


def _missing(chunk: Any) -> NDArray[np.bool_] | None:
    validity = chunk.buffers()[0]
    return None if validity is None or not chunk.null_count else ~_bits(validity, chunk)


def _bits(buffer: Any, chunk: Any) -> NDArray[np.bool_]:
    end = chunk.offset + len(chunk)
    packed = np.frombuffer(buffer, np.uint8, (end + 7) // 8)
    return np.unpackbits(packed, count=end, bitorder="little")[chunk.offset :].view(np.bool_)


def _text_bytes(chunk: Any) -> int:
    from pyarrow import types

    if types.is_string_view(chunk.type):
        views = np.frombuffer(chunk.buffers()[1], "<i4", (chunk.offset + len(chunk)) * _VIEW // 4)
        return int(views.reshape(-1, 4)[chunk.offset :, 0].sum(dtype=np.int64))
    width = "<i8" if types.is_large_string(chunk.type) else "<i4"
    ends = np.frombuffer(chunk.buffers()[1], width)[chunk.offset : chunk.offset + len(chunk) + 1]
    return int(ends[-1]) - int(ends[0])


def _objects(values: list[Any]) -> NDArray[Any]:
    objects = np.empty(len(values), object)
    objects[:] = values
    return objects
