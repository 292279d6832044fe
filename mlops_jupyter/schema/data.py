"""The forms in which a model takes its data: a frame, a matrix, a sparse matrix, a list of texts.

Whatever the reader has (Polars, Arrow, lists, a Series) becomes one of these four, here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mlops_jupyter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

#: A pandas frame, a 2-D array, a CSR matrix or a list of str.
ModelInput: TypeAlias = Any


def as_model_input(data: Any) -> ModelInput:
    """Return `data` in one of the four forms a model takes.

    Parameters
    ----------
    data : object
        A pandas or Polars frame, an Arrow table, a 2-D array, nested lists, a SciPy sparse matrix or texts
        (a list, array or Series of str).

    Returns
    -------
    pandas.DataFrame, numpy.ndarray, scipy.sparse.csr_matrix or list of str
        Frames are not copied; nothing is changed in place.

    Raises
    ------
    DataError
        When it has another shape, no rows, or columns without proper names.

    Examples
    --------
    >>> as_model_input(["cheap", "dear"])
    ['cheap', 'dear']
    >>> as_model_input([[1.0, 2.0]]).shape
    (1, 2)
    """
    found = _from_frame(data)
    if found is None:
        found = _from_array(data)
    if count_rows(found) == 0:
        raise DataError("the data has no rows", hint="give the rows the model was trained on")
    return found


def count_rows(data: ModelInput) -> int:
    """Return the number of rows."""
    return len(data) if isinstance(data, list) else int(data.shape[0])


def take(data: ModelInput, rows: Any) -> ModelInput:
    """Return the rows at these positions: a slice or integers."""
    if isinstance(data, list):
        positions: Sequence[int] = range(len(data))[rows] if isinstance(rows, slice) else rows
        return [data[int(position)] for position in positions]
    return data.iloc[rows] if is_frame(data) else data[rows]


def head(data: ModelInput, limit: int) -> ModelInput:
    """Return at most `limit` rows spread evenly over the data, always the same ones."""
    rows = count_rows(data)
    if rows <= limit:
        return data
    return take(data, np.linspace(0, rows - 1, limit).astype(int))


def is_frame(data: Any) -> bool:
    """Return whether this is a pandas frame, without importing pandas."""
    return hasattr(data, "iloc") and hasattr(data, "columns")


def is_sparse(data: Any) -> bool:
    """Return whether this is a SciPy sparse matrix or array, without importing SciPy."""
    return hasattr(data, "tocsr")


def is_series(data: Any) -> bool:
    """Return whether this is a pandas series."""
    return hasattr(data, "iloc") and not hasattr(data, "columns")


def _from_frame(data: Any) -> ModelInput | None:
    if is_frame(data):
        return _checked_names(data)
    if hasattr(data, "to_pandas"):  # Polars, Arrow
        converted = data.to_pandas()
        return [*converted] if is_series(converted) else _checked_names(converted)
    if is_sparse(data):
        return data.tocsr()
    return None


def _from_array(data: Any) -> ModelInput:
    array = data if isinstance(data, np.ndarray) else _array_of(data)
    if array.ndim == 2:
        return array
    if array.ndim == 1 and all(isinstance(value, str) for value in array):
        return [str(value) for value in array]
    raise DataError(
        f"the data has {array.ndim} dimension{'s' * (array.ndim != 1)}",
        hint="give a table (rows by columns) or a list of texts",
    )


def _array_of(data: Any) -> np.ndarray[Any, Any]:
    if is_series(data):
        return np.asarray(data, dtype=object)
    if not isinstance(data, list | tuple):
        raise DataError(
            f"{type(data).__name__} is not data", hint="give a frame, an array, a sparse matrix or texts"
        )
    try:
        return np.asarray(data, dtype=object if data and isinstance(data[0], str) else None)
    except ValueError:
        raise DataError("the rows of the data have different lengths") from None


def _checked_names(frame: pd.DataFrame) -> ModelInput:
    names = list(frame.columns)
    duplicates = (
        sorted({str(name) for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    )
    if duplicates:
        raise DataError(
            f"the data has two columns named {duplicates[0]!r}", hint="give each column its own name"
        )
    if names and all(isinstance(name, int | np.integer) for name in names):
        return _numbered(frame)
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        raise DataError(
            f"the column name {strange[0]!r} is not text",
            hint="name the columns by str: df.columns = df.columns.map(str)",
        )
    return frame


def _numbered(frame: pd.DataFrame) -> ModelInput:
    """Take a frame whose columns are only numbered as a matrix: scikit-learn sees it so too."""
    if all(dtype.kind in "biuf" for dtype in frame.dtypes):
        return frame.to_numpy()
    raise DataError(
        f"the columns are numbered ({frame.columns[0]}, …) and not all numeric",
        hint="name the columns by str: df.columns = df.columns.map(str)",
    )
