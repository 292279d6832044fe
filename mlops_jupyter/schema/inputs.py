"""The input half of the schema: what a request must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import describe_column, plain
from .data import ModelInput, as_model_input, is_frame, is_sparse

if TYPE_CHECKING:
    from collections.abc import Sequence


def infer_input(data: Any, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Describe what a model takes, from data it was trained on.

    Parameters
    ----------
    data : object
        Anything `schema.data.as_model_input` takes.
    names : sequence of str, optional
        Names for the columns of a matrix; ``x0 … xn`` without.

    Returns
    -------
    dict
        ``{"kind": "columns" | "matrix" | "sparse" | "text", "columns": […]}``.

    Raises
    ------
    DataError
        When the data or one of its columns has no form a request could carry.

    Examples
    --------
    >>> infer_input([[1.0, 2.0]])["kind"]
    'matrix'
    >>> [column["name"] for column in infer_input([[1.0, 2.0]])["columns"]]
    ['x0', 'x1']
    """
    table = as_model_input(data)
    if is_frame(table):
        return {"kind": "columns", "columns": [describe_column(name, table[name]) for name in table.columns]}
    if isinstance(table, list):
        return {"kind": "text", "columns": [_text_column(table)]}
    labels = list(names) if names is not None else [f"x{position}" for position in range(table.shape[1])]
    if is_sparse(table):
        return {"kind": "sparse", "columns": _sparse_columns(table, labels)}
    return {"kind": "matrix", "columns": _matrix_columns(table, labels)}


def _text_column(texts: ModelInput) -> dict[str, Any]:
    return _entry("text", "string", "str", texts[0])


def _matrix_columns(matrix: Any, labels: list[str]) -> list[dict[str, Any]]:
    if matrix.dtype.kind in "biuf":
        return _numeric_columns(matrix, labels)
    import pandas as pd

    return [describe_column(label, pd.Series(matrix[:, i], dtype=object)) for i, label in enumerate(labels)]


def _numeric_columns(matrix: Any, labels: list[str]) -> list[dict[str, Any]]:
    """Describe all columns at once: a picture has thousands, and a series for each is slow."""
    import pandas as pd

    first = describe_column(labels[0], pd.Series(matrix[:, 0])) if labels else {}
    if matrix.dtype.kind == "b":
        return [_entry(label, "boolean", "bool", plain(matrix[0, i])) for i, label in enumerate(labels)]
    finite = np.where(np.isfinite(matrix), matrix, np.nan).astype(float)
    empty = np.isnan(finite).all(axis=0)
    lows = np.fmin.reduce(finite, axis=0)
    highs = np.fmax.reduce(finite, axis=0)
    examples = matrix[np.argmax(~np.isnan(finite), axis=0), np.arange(len(labels))]
    return [
        _entry(label, first["type"], str(matrix.dtype), plain(examples[i]), plain(lows[i]), plain(highs[i]))
        if not empty[i]
        else _entry(label, first["type"], str(matrix.dtype), None)
        for i, label in enumerate(labels)
    ]


def _sparse_columns(matrix: Any, labels: list[str]) -> list[dict[str, Any]]:
    import pandas as pd

    kind = describe_column("x", pd.Series(np.zeros(1, dtype=matrix.dtype)))["type"]
    lows = np.asarray(matrix.min(axis=0).toarray()).ravel()
    highs = np.asarray(matrix.max(axis=0).toarray()).ravel()
    first = np.asarray(matrix[0].toarray()).ravel()
    return [
        _entry(label, kind, str(matrix.dtype), plain(first[i]), float(lows[i]), float(highs[i]))
        for i, label in enumerate(labels)
    ]


def _entry(
    name: str, kind: str, dtype: str, example: Any, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "dtype": dtype,
        "nullable": False,
        "minimum": low,
        "maximum": high,
        "categories": None,
        "example": example,
    }
