"""Data frames for models that were fitted on one: made anew for each batch, so made by blocks of columns.

pandas keeps columns of one dtype together. Handed over so, thirty columns cost as much as one; as thirty
series they cost more than many a model's prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .model_input import has_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from .batch import Batch

    # arrays of pandas, or of NumPy with shape (columns, rows), and the positions of their columns
    Blocks = list[tuple[Any, NDArray[np.intp]]]

Values = Callable[["NDArray[Any]"], Any]


class FrameMaker:
    """Makes the frames of one schema.

    Parameters
    ----------
    columns : sequence of dict
        ``input.columns`` of ``feature_schema.json``.
    """

    def __init__(self, columns: Sequence[dict[str, Any]]) -> None:
        import pandas as pd

        self._names = [column["name"] for column in columns]
        self._index = pd.Index(self._names)
        self._restored = [_restorer(column) for column in columns]
        dtypes = {column["dtype"] for column in columns}
        self._dtype = np.dtype(dtypes.pop()) if dtypes <= {"float64"} or dtypes <= {"float32"} else None
        self._join = _joiner()

    def make(self, batch: Batch) -> pd.DataFrame:
        """Return the rows with the dtypes of the frame that the model was fitted on."""
        import pandas as pd

        rows = pd.RangeIndex(batch.rows)
        if batch.block is not None and self._dtype is not None:
            # a copy, for a model may write into what it gets
            return pd.DataFrame(batch.block.astype(self._dtype), index=rows, columns=self._index, copy=False)
        columns = batch.columns
        restored = [restore(columns[name]) for restore, name in zip(self._restored, self._names, strict=True)]
        return self._join(restored, rows, self._index)


def _joiner() -> Callable[[list[Any], pd.Index[Any], pd.Index[Any]], pd.DataFrame]:
    import pandas as pd

    create = getattr(getattr(pd.api, "internals", None), "create_dataframe_from_blocks", None)
    if create is None:  # before pandas 3
        return _joined_by_column

    def join(arrays: list[Any], rows: pd.Index[Any], names: pd.Index[Any]) -> pd.DataFrame:
        frame: pd.DataFrame = create(_blocks(arrays), rows, names)
        return frame

    return join


def _joined_by_column(arrays: list[Any], rows: pd.Index[Any], names: pd.Index[Any]) -> pd.DataFrame:
    import pandas as pd

    # as series, since objects by themselves may be taken for strings
    series = (pd.Series(array, index=rows, dtype=array.dtype, copy=False) for array in arrays)
    return pd.DataFrame(dict(zip(names, series, strict=True)), index=rows, copy=False)


def _blocks(arrays: list[Any]) -> Blocks:
    """Return arrays of one NumPy dtype stacked, and each of pandas' own by itself."""
    alike: dict[Any, list[int]] = {}
    for position, array in enumerate(arrays):
        alike.setdefault(array.dtype if type(array) is np.ndarray else position, []).append(position)
    return [
        (_stacked([arrays[position] for position in positions]), np.array(positions, dtype=np.intp))
        for positions in alike.values()
    ]


def _stacked(arrays: list[Any]) -> Any:
    return np.stack(arrays) if type(arrays[0]) is np.ndarray else arrays[0]


def _restorer(column: dict[str, Any]) -> Values:
    """Return what gives the values of a column the dtype that it had in training."""
    import pandas as pd

    if column["dtype"] == "category":
        return _categories(column["categories"] or [])
    dtype: Any = pd.api.types.pandas_dtype(column["dtype"])
    if isinstance(dtype, pd.DatetimeTZDtype):
        return lambda values: pd.DatetimeIndex(values).tz_localize("UTC").astype(dtype).array
    if not isinstance(dtype, np.dtype):
        return lambda values: _own_array(values, dtype)
    return lambda values: _numpy_array(values, dtype)


def _own_array(values: NDArray[Any], dtype: Any) -> Any:
    """Return an array of one of pandas' own dtypes: of nullable numbers, or of strings."""
    import pandas as pd

    return pd.array(values, dtype=dtype)


def _numpy_array(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    import pandas as pd

    if values.dtype == object:
        return _objects(values, dtype)
    if dtype.kind in "iub" and has_missing(values):
        return values
    if dtype.kind == "O" and values.dtype.kind == "M":
        return pd.Series(values).astype(object).to_numpy()  # timestamps, as pandas has them among objects
    return values.astype(dtype)


def _objects(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return strings, or booleans of which one may be missing: missing is NaN, as pandas reads it."""
    missing = [value is None for value in values.tolist()]
    if True not in missing:
        return values.astype(dtype)
    mended = values.copy()
    mended[missing] = np.nan
    return mended


def _categories(known: list[Any]) -> Values:
    """Return what makes a category column; values not seen in training come after the known, not missing."""
    import pandas as pd

    places = {value: place for place, value in enumerate(known)}
    dtype = pd.CategoricalDtype(known)

    def restore(values: NDArray[Any]) -> pd.Categorical:
        present = values.tolist()
        # a missing number is NaN, which equals nothing, itself included
        codes = [places.get(value, -1) if value == value else -1 for value in present]
        unseen = {
            value: None for value, code in zip(present, codes, strict=True) if code < 0 and _is_there(value)
        }
        if unseen:
            return pd.Categorical(values, categories=[*known, *unseen])
        return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)

    return restore


def _is_there(value: Any) -> bool:
    return value is not None and value == value
