"""Rows on their way to the model: one array per column, no data frame unless the model was fitted on one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


class Batch:
    """Validated rows.

    Parameters
    ----------
    columns : dict of str to ndarray
        One array of shape (rows,) for each column of the schema. Both float types are float64 with NaN
        for a missing value; both integer types int64 (uint64 where the schema says so), but float64 where a
        value is missing; booleans are bool, but object with None where one is missing; strings are object
        with None; datetimes are ``datetime64[us]`` with NaT, in UTC where the column has a zone.
    rows : int
        How many.
    block : ndarray, optional
        The same values as one float64 array of shape (rows, columns), columns in the order of the schema,
        when all of them are floats.
    """

    __slots__ = ("_columns", "_names", "block", "rows")

    def __init__(
        self, columns: dict[str, NDArray[Any]], rows: int, block: NDArray[np.float64] | None = None
    ) -> None:
        self._columns: dict[str, NDArray[Any]] | None = columns
        self._names: Sequence[str] = ()
        self.rows, self.block = rows, block

    @classmethod
    def of_block(cls, names: Sequence[str], block: NDArray[np.float64]) -> Batch:
        """Return the rows of one block; its columns are only looked up when somebody asks for one."""
        batch = cls({}, len(block), block)
        batch._columns, batch._names = None, names
        return batch

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """One array for each column of the schema."""
        if self._columns is None:
            assert self.block is not None
            self._columns = dict(zip(self._names, self.block.T, strict=True))
        return self._columns


def as_model_input(batch: Batch, schema: dict[str, Any]) -> Any:
    """Return a batch as what the model was fitted on.

    Parameters
    ----------
    batch : Batch
        Validated rows.
    schema : dict
        ``model/feature_schema.json``.

    Returns
    -------
    DataFrame, ndarray, csr_array or list of str
        For the input kinds ``columns``, ``matrix``, ``sparse`` and ``text``.
    """
    columns = schema["input"]["columns"]
    match schema["input"]["kind"]:
        case "columns":
            return _frame(batch, columns)
        case "text":
            return batch.columns[columns[0]["name"]].tolist()
        case "sparse":
            from scipy.sparse import csr_array

            return csr_array(_matrix(batch, columns))
    return _matrix(batch, columns)


def _matrix(batch: Batch, columns: list[dict[str, Any]]) -> NDArray[Any]:
    values = batch.block
    if values is None:
        values = np.column_stack([batch.columns[column["name"]] for column in columns])
    return values.astype(_common_dtype(columns, values), copy=False)


def _common_dtype(columns: list[dict[str, Any]], values: NDArray[Any]) -> np.dtype[Any]:
    """Return the one dtype of the fitted matrix, unless missing values do not fit in it."""
    dtype = np.result_type(*{np.dtype(column["dtype"]) for column in columns})
    return values.dtype if _has_missing(values) and dtype.kind in "iub" else dtype


def _has_missing(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


def _frame(batch: Batch, columns: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    restored = {column["name"]: _restored(batch.columns[column["name"]], column) for column in columns}
    return pd.DataFrame(restored, index=pd.RangeIndex(batch.rows), copy=False)


def _restored(values: NDArray[Any], column: dict[str, Any]) -> Any:
    """Return the values of a column in the dtype that it had in the frame the model was fitted on."""
    import pandas as pd

    if column["dtype"] == "category":
        return _categorical(values, column["categories"] or [])
    dtype = pd.api.types.pandas_dtype(column["dtype"])
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(values).tz_localize("UTC").astype(dtype)
    if values.dtype == object:
        return _objects(values, dtype)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub" and _has_missing(values):
        return values
    return pd.Series(values).astype(dtype)


def _objects(values: NDArray[Any], dtype: Any) -> pd.Series[Any]:
    """Return strings, or booleans with a missing one, as a column: missing is NaN, as pandas reads it."""
    import pandas as pd

    series = pd.Series(values, dtype=object)
    series[series.isna()] = np.nan
    holds_objects = isinstance(dtype, np.dtype)
    return series if holds_objects else series.astype(dtype)


def _categorical(values: NDArray[Any], categories: list[Any]) -> pd.Categorical:
    """Return a category column; values not seen in training come after the known ones, not missing."""
    import pandas as pd

    known = set(categories)
    present = values[~pd.isna(values)].tolist()
    unseen = [value for value in dict.fromkeys(present) if value not in known]
    return pd.Categorical(values, categories=[*categories, *unseen])
