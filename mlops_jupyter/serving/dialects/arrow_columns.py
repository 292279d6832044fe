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

    _Part = tuple[NDArray[Any], NDArray[np.bool_] | None]  # values, and which of them are missing

_WHOLE = {f"{sign}int{8 * width}": f"{sign or 'i'}{width}" for sign in ("", "u") for width in (1, 2, 4, 8)}
_REAL = {"halffloat": "f2", "float": "f4", "double": "f8"}
_DATES = {"date32[day]": "i4", "date64[ms]": "datetime64[ms]"}  # NumPy has no days in 32 bits
_DTYPES = _WHOLE | _REAL | _DATES
_TEXTS = {"string": "<i4", "large_string": "<i8", "string_view": ""}  # and how wide their offsets are
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
        type_ = column.type
        name = str(type_)
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        if not chunks or not _is_plain(type_, name):
            return nothing(len(column), name)
        zoned = name.startswith("timestamp") and type_.tz is not None
        return Values(*_joined([self._chunk(chunk) for chunk in chunks]), zoned, name)

    def _chunk(self, chunk: Any) -> _Part:
        name = str(chunk.type)
        if name in _DTYPES or name.startswith("timestamp"):
            return _numbers(chunk, name)
        if name.startswith("dictionary"):
            return self._coded(chunk)
        if name in _TEXTS:
            return self._texts(chunk, name), None
        if name == "null":
            return np.full(len(chunk), None, object), None
        return _bits(chunk.buffers()[1], chunk), _missing(chunk, chunk.buffers()[0])

    def _texts(self, chunk: Any, name: str) -> NDArray[Any]:
        self._left -= _text_bytes(chunk, name)
        if self._left < 0:
            raise too_large(self._allowed)
        return _objects(chunk.to_pylist())

    def _coded(self, chunk: Any) -> _Part:
        """Return the values that the codes of a dictionary stand for."""
        known = self._dictionary(chunk.dictionary)
        codes, missing = _numbers(chunk.indices, str(chunk.indices.type))
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
            part = self._chunk(dictionary) if len(dictionary) else (np.empty(0, object), None)
            self._dictionaries[key] = Values(*part)
        return self._dictionaries[key]


def nothing(rows: int, called: str) -> Values:
    """Return values of a type that no column has, in no memory."""
    return Values(np.broadcast_to(np.zeros((), "V1"), rows), called=called)


def _is_plain(type_: Any, name: str) -> bool:
    """Return whether values of a type can be those of a column."""
    if name.startswith("dictionary"):
        inner = type_.value_type
        return not str(inner).startswith("dictionary") and _is_plain(inner, str(inner))
    return name in _DTYPES or name in _TEXTS or name in ("bool", "null") or name.startswith("timestamp")


def _joined(parts: list[_Part]) -> _Part:
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([values for values, _ in parts])
    if all(missing is None for _, missing in parts):
        return values, None
    masks = [np.zeros(len(v), np.bool_) if missing is None else missing for v, missing in parts]
    return values, np.concatenate(masks)


def _numbers(chunk: Any, name: str) -> _Part:
    """Return numbers or moments; what stands where one is missing does not matter."""
    validity, data = chunk.buffers()
    begin, rows = chunk.offset, len(chunk)
    dtype = _DTYPES.get(name) or f"datetime64[{chunk.type.unit}]"
    values = np.frombuffer(data, dtype, begin + rows)[begin:]
    if name == "date32[day]":
        values = values.astype("datetime64[D]")
    return values, None if validity is None else _missing(chunk, validity)


def _missing(chunk: Any, validity: Any) -> NDArray[np.bool_] | None:
    return None if validity is None or not chunk.null_count else ~_bits(validity, chunk)


def _bits(buffer: Any, chunk: Any) -> NDArray[np.bool_]:
    end = chunk.offset + len(chunk)
    packed = np.frombuffer(buffer, np.uint8, (end + 7) // 8)
    return np.unpackbits(packed, count=end, bitorder="little")[chunk.offset :].view(np.bool_)


def _text_bytes(chunk: Any, name: str) -> int:
    data, begin, rows = chunk.buffers()[1], chunk.offset, len(chunk)
    if name == "string_view":
        lengths = np.frombuffer(data, "<i4", (begin + rows) * _VIEW // 4).reshape(-1, 4)[begin:, 0]
        return int(lengths.sum(dtype=np.int64))
    ends = np.frombuffer(data, _TEXTS[name], begin + rows + 1)
    return int(ends[-1]) - int(ends[begin])


def _objects(values: list[Any]) -> NDArray[Any]:
    objects = np.empty(len(values), object)
    objects[:] = values
    return objects
