"""Values of Arrow's arrays: no copy where nothing is missing and the type fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .labels import Booleans, Codes, Texts
from .values import Missing, Numbers, Unread, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .values import Form, Values

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DAY = 86400.0


def of_arrow(array: Any) -> Values:
    """Return the values of an array of Arrow's.

    Parameters
    ----------
    array : pyarrow.Array or pyarrow.ChunkedArray
        Of any type; what cannot be profiled comes back with the reason.

    Examples
    --------
    >>> import pyarrow as pa
    >>> of_arrow(pa.array([1, None, 3])).values.tolist()
    [1.0, nan, 3.0]
    >>> of_arrow(pa.array([[1], [2]])).why
    'holds lists (list<item: int64>)'
    """
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    form = form_of(array.type)
    if form == "missing":
        return Missing(len(array))
    if form == "unreadable":
        return Unread(_why(array.type), len(array))
    if form in ("numeric", "datetime"):
        values = _numbers(_decoded(array))
        return Numbers(values, "datetime" if form == "datetime" else "numeric")
    return _booleans(_decoded(array)) if form == "boolean" else _labels(array)


def form_of(kind: Any) -> Form:
    """Return the form of a type of Arrow's.

    Examples
    --------
    >>> import pyarrow as pa
    >>> form_of(pa.int8()), form_of(pa.dictionary(pa.int8(), pa.string())), form_of(pa.binary())
    ('numeric', 'labels', 'unreadable')
    """
    from pyarrow import types

    if types.is_dictionary(kind):
        inner = form_of(kind.value_type)
        return "labels" if types.is_integer(kind.value_type) else inner
    if types.is_null(kind):
        return "missing"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "datetime"
    if any(check(kind) for check in (types.is_string, types.is_large_string, types.is_string_view)):
        return "labels"
    numeric = (types.is_integer, types.is_floating, types.is_decimal, types.is_time, types.is_duration)
    return "numeric" if any(check(kind) for check in numeric) else "unreadable"


def _decoded(array: Any) -> Any:
    from pyarrow import types

    return array.dictionary_decode() if types.is_dictionary(array.type) else array


def _numbers(array: Any) -> NDArray[np.float64]:
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if types.is_date(kind):
        return scaled_with_nulls(array.cast(pa.date32()).view(pa.int32()), _DAY)
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind):
        bits = pa.int32() if types.is_time32(kind) else pa.int64()
        return scaled_with_nulls(array.view(bits), _UNITS[kind.unit])
    if types.is_decimal(kind) or types.is_float16(kind):
        array = array.cast(pa.float64())
    return as_float(array)


def scaled_with_nulls(ticks: Any, unit: float) -> NDArray[np.float64]:
    """Return integers times a unit, NaN where null."""
    found = scaled(ticks.fill_null(0).to_numpy(), unit)
    if ticks.null_count:
        found[ticks.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return found


def as_float(array: Any) -> NDArray[np.float64]:
    """Return numbers as float64, NaN where null; without a copy where they are float64 and all there."""
    found: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return found.astype(np.float64, copy=False)


def _booleans(array: Any) -> Booleans:
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return Booleans(array.fill_null(False).to_numpy(zero_copy_only=False), missing)


def _labels(array: Any) -> Codes | Texts:
    import pyarrow as pa
    from pyarrow import types

    if not types.is_dictionary(array.type):
        views = types.is_string_view(array.type)
        return Texts(array.cast(pa.large_string()) if views else array)
    labels = array.dictionary.to_pylist()
    if None in labels or len(set(labels)) < len(labels):
        array = array.dictionary_decode().dictionary_encode()
        labels = array.dictionary.to_pylist()
    codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy()
    return Codes(labels, codes)


def _why(kind: Any) -> str:
    from pyarrow import types

    if types.is_nested(kind):
        word = "lists" if "list" in str(kind) else "maps" if types.is_map(kind) else "structures"
        shown = str(kind) if len(str(kind)) <= 60 else f"{str(kind)[:60]}…"
        return f"holds {word} ({shown})"
    return f"holds {'bytes' if 'binary' in str(kind) else f'values of type {kind}'}"
