"""What lies in memory as NumPy sees it: pandas frames, dicts of columns, arrays, sparse matrices, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import DataError

from .arrow_values import of_arrow
from .in_memory import InMemory
from .labels import Booleans, Codes
from .tables import naming
from .values import Missing, Numbers, Unread, of_numpy, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from .tables import Table
    from .values import Values

_TABLE = 2


def of_data(data: Any) -> Table | None:
    """Return a table over what pandas, NumPy, SciPy or Python holds; None for what is none."""
    if hasattr(data, "iloc"):
        return of_pandas(data if hasattr(data, "columns") else data.to_frame())
    if hasattr(data, "tocsc"):
        return of_sparse(data)
    if isinstance(data, dict):
        return of_columns(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return of_columns({name: data[name] for name in data.dtype.names})
    if isinstance(data, list | tuple | np.ndarray):
        return _of_rows(data)
    return None


def of_pandas(frame: pd.DataFrame) -> InMemory:
    """Return a table over a frame; its index is not read."""

    def series(position: int, start: int, stop: int) -> pd.Series[Any]:
        whole = frame.iloc[:, position]
        return whole if stop - start == len(whole) else whole.iloc[start:stop]

    return InMemory(
        naming(frame.columns),
        len(frame),
        lambda *at: of_series(series(*at)),
        lambda *at: _series_as_arrow(series(*at)),
    )


def of_series(values: pd.Series[Any]) -> Values:
    """Return the values of a series of any dtype.

    Examples
    --------
    >>> import pandas as pd
    >>> of_series(pd.Series([1, None], dtype="Int64")).values.tolist()
    [1.0, nan]
    """
    dtype: Any = values.dtype
    if isinstance(dtype, np.dtype):
        return of_numpy(values.to_numpy())
    read = _READERS.get(type(dtype).__name__)
    if read is not None:
        return read(values)
    masked = getattr(dtype, "numpy_dtype", None) is not None and hasattr(values.array, "_mask")
    if masked and dtype.kind in "iuf":
        return Numbers(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return _by_arrow(values)


def of_columns(columns: Mapping[Any, Any]) -> InMemory:
    """Return a table over a dict of columns of any kind.

    Raises
    ------
    DataError
        When they are not all of the same length.
    """
    tables = {str(name): _column(str(name), values) for name, values in columns.items()}
    lengths = {name: table.rows for name, table in tables.items()}
    if len(set(lengths.values())) > 1:
        named = ", ".join(f"{name} {rows}" for name, rows in list(lengths.items())[:4])
        raise DataError(f"the columns have different lengths: {named}")
    each = list(tables.values())
    return InMemory(
        naming(columns),
        next(iter(lengths.values()), 0),
        lambda position, start, stop: each[position].read(0, start, stop),
        lambda position, start, stop: each[position].arrow(0, start, stop),
    )


def of_values(columns: Mapping[str, Values]) -> InMemory:
    """Return a table over values that are at hand, each column whole."""
    each = list(columns.values())
    rows = each[0].rows if each else 0
    return InMemory(naming(columns), rows, lambda position, *_: each[position], lambda *_: None)


def of_matrix(matrix: NDArray[Any], names: Sequence[str] | None = None) -> InMemory:
    """Return a table over the columns of a 2-D array: ``x0 … xn``, as a schema names them."""
    return InMemory(
        naming(names or [f"x{position}" for position in range(matrix.shape[1])]),
        len(matrix),
        lambda position, start, stop: of_numpy(matrix[start:stop, position]),
        lambda position, start, stop: _array_as_arrow(matrix[start:stop, position]),
    )


def of_sparse(matrix: Any, names: Sequence[str] | None = None) -> InMemory:
    """Return a table over a sparse matrix; one column at a time is made dense."""
    columns = matrix.tocsc()

    def column(position: int, start: int, stop: int) -> NDArray[Any]:
        found: NDArray[Any] = columns[:, [position]].toarray().ravel()[start:stop]
        return found

    return InMemory(
        naming(names or [f"x{position}" for position in range(matrix.shape[1])]),
        int(matrix.shape[0]),
        lambda *at: of_numpy(column(*at)),
        lambda *at: _array_as_arrow(column(*at)),
    )


def _of_rows(data: Any) -> InMemory:
    array = data if isinstance(data, np.ndarray) else _as_array(data)
    if array.ndim == _TABLE:
        return of_matrix(array)
    if array.ndim == 1 and array.dtype.kind in "OUT" and all(isinstance(value, str) for value in array):
        return of_columns({"text": array})
    raise DataError(
        f"an array of {array.ndim} dimension{'s' * (array.ndim != 1)} is no table",
        hint="give rows by columns, or name its columns: {'score': array}",
    )


def _as_array(data: Any) -> NDArray[Any]:
    if len(data) and isinstance(data[0], dict):
        raise DataError("a list of records is no table", hint="give pandas.DataFrame(records)")
    try:
        return np.asarray(data, dtype=object if len(data) and isinstance(data[0], str) else None)
    except ValueError:
        raise DataError("the rows of the table have different lengths") from None


def _column(name: str, values: Any) -> InMemory:
    if hasattr(values, "iloc"):
        return of_pandas(values.to_frame())
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        from .streams import of_arrays

        return of_arrays({name: values})
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"column {name!r} has {array.ndim} dimensions", hint="a column has one")
    return InMemory(
        naming([name]),
        len(array),
        lambda _, start, stop: of_numpy(array[start:stop]),
        lambda _, start, stop: _array_as_arrow(array[start:stop]),
    )


def _by_arrow(values: pd.Series[Any]) -> Values:
    array = _series_as_arrow(values)
    if array is None:
        return Unread(f"is of type {values.dtype}", len(values))
    return of_arrow(array)


def _categories(values: pd.Series[Any]) -> Values:
    """Return categories by their codes; numbers that are no integers, and dates, are what they stand for."""
    labels = values.cat.categories
    if not len(labels):
        return Missing(len(values))
    dense = of_series(labels.to_series())
    codes = values.cat.codes.to_numpy()
    if isinstance(dense, Booleans):
        flags = dense.values[codes]
        return Booleans(flags, codes < 0 if (codes < 0).any() else None)
    if isinstance(dense, Numbers) and labels.dtype.kind not in "iu":
        return Numbers(np.append(dense.values, np.nan)[codes], dense.form)
    return Codes([int(label) if labels.dtype.kind in "iu" else str(label) for label in labels], codes)


def _zoned(values: pd.Series[Any]) -> Values:
    return Numbers(seconds(values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()), "datetime")


def _periods(values: pd.Series[Any]) -> Values:
    return Numbers(seconds(values.dt.to_timestamp().to_numpy()), "datetime")


def _sparse(values: pd.Series[Any]) -> Values:
    return of_numpy(np.asarray(values))


_READERS: dict[str, Callable[[Any], Values]] = {
    "CategoricalDtype": _categories,
    "DatetimeTZDtype": _zoned,
    "PeriodDtype": _periods,
    "SparseDtype": _sparse,
}


def _series_as_arrow(values: pd.Series[Any]) -> Any:
    """Return a series as Arrow has it; None where it has no type for it."""
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _array_as_arrow(values: NDArray[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
