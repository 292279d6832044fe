"""A batch as what the model was fitted on: a matrix, a sparse one, texts, or a frame where it must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .batch import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ModelInput = Callable[[Batch], Any]


def input_maker(schema: dict[str, Any]) -> ModelInput:
    """Return what turns the batches of one schema into the model's input.

    Parameters
    ----------
    schema : dict
        ``model/feature_schema.json``.

    Returns
    -------
    callable
        From a `Batch` to a DataFrame, ndarray, csr_array or list of str, for the input kinds ``columns``,
        ``matrix``, ``sparse`` and ``text``.

    Examples
    --------
    >>> columns = [{"name": "x0", "dtype": "int64"}, {"name": "x1", "dtype": "int64"}]
    >>> make = input_maker({"input": {"kind": "matrix", "columns": columns}})
    >>> make(Batch({"x1": np.array([2]), "x0": np.array([1])}, 1)).tolist()
    [[1, 2]]
    """
    columns = schema["input"]["columns"]
    match schema["input"]["kind"]:
        case "columns":
            from .frames import FrameMaker

            return FrameMaker(columns).make
        case "text":
            return lambda batch: batch.columns[columns[0]["name"]].tolist()
        case "sparse":
            from scipy.sparse import csr_array

            dense = _matrix_maker(columns)
            return lambda batch: csr_array(dense(batch))
    return _matrix_maker(columns)


def _matrix_maker(columns: Sequence[dict[str, Any]]) -> Callable[[Batch], NDArray[Any]]:
    names = [column["name"] for column in columns]
    fitted = np.result_type(*{np.dtype(column["dtype"]) for column in columns})

    def make(batch: Batch) -> NDArray[Any]:
        values = batch.block
        if values is None:
            values = np.column_stack([batch.columns[name] for name in names])
        # the one dtype of the fitted matrix, unless missing values do not fit in it
        dtype = values.dtype if fitted.kind in "iub" and has_missing(values) else fitted
        # a copy of a block, for a model may write into what it gets
        return values.astype(dtype, order="C", copy=batch.block is not None)

    return make


def has_missing(values: NDArray[Any]) -> bool:
    """Return whether one of some numbers is NaN."""
    return values.dtype.kind == "f" and bool(np.isnan(values).any())
