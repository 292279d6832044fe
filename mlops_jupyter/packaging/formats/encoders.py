"""Imputers and encoders of categories in ONNX, missing values included.

ONNX strings cannot be missing: `MISSING_TEXT` stands for it on the way in. An encoder's table is what the
encoder itself answers for each of its categories; where it refuses a category it has not seen, the graph
refuses too, as the row to gather lies outside the table.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from skl2onnx import _parse
from sklearn import impute, preprocessing

from mlops_jupyter.serving.runtimes.graph import MISSING_TEXT

from .notation import ML, Graph, Tensor, transformer

# else skl2onnx joins the columns of a TargetEncoder, and numbers beside texts become texts
_parse.do_not_merge_columns += (preprocessing.TargetEncoder,)


def single_columns(tensor: Tensor) -> list[Tensor]:
    """Split a tensor of known width into its columns."""
    if tensor.width == 1:
        return [tensor]
    if tensor.width is None:
        raise NotImplementedError("ONNX needs to know the number of columns before an encoder")
    columns = [tensor.columns([i]) for i in range(tensor.width)]
    return [Tensor(c.graph, c.name, tensor.text, 1) for c in columns]


def encoded(graph: Graph, encoder: Any, columns: list[Tensor]) -> Tensor:
    """Return what a fitted OneHotEncoder or OrdinalEncoder makes of columns."""
    tables = _tables(encoder)
    return graph.concat(
        [
            graph.rows_of(table, _codes(graph, column, categories))
            for column, categories, table in zip(columns, encoder.categories_, tables, strict=True)
        ]
    )


def _is_missing(category: Any) -> bool:
    return category is None or category != category or not isinstance(category == category, bool | np.bool_)


def _codes(graph: Graph, column: Tensor, categories: Any) -> Tensor:
    """Return the number of each value among the categories, or one past the last; of shape (rows,)."""
    if column.text:
        keys = [MISSING_TEXT if _is_missing(c) else str(c) for c in categories]
        return graph(
            "LabelEncoder",
            column,
            domain=ML,
            keys_strings=[key.encode() for key in keys],
            values_int64s=list(range(len(keys))),
            default_int64=len(keys),
        ).reshape(-1)
    known = [c for c in categories if not _is_missing(c)]
    equal = [column.equals(np.asarray(known, dtype=np.float64).reshape(1, -1)).to("DOUBLE")] if known else []
    if len(known) < len(categories):
        equal.append(column.is_nan().to("DOUBLE"))
    hits = graph.concat(equal)
    return graph.concat([hits, 1.0 - hits.sum()]).argmax()


def _tables(encoder: Any) -> list[Any]:
    """Return for each column the rows of its categories, and one for the unknown where that is allowed."""
    categories = [list(c) for c in encoder.categories_]
    longest = max(map(len, categories))
    rows = [[c[min(i, len(c) - 1)] for c in categories] for i in range(longest)]
    if tolerant := encoder.handle_unknown != "error":
        texts = [any(isinstance(v, str) for v in c) for c in categories]
        rows.append(["\U0010fffe" if text else np.pi * 1e300 for text in texts])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that the rows do not bear, and of unknown categories
        answers = encoder.transform(_as_fitted(encoder, rows))
    answers = np.asarray(answers.toarray() if hasattr(answers, "toarray") else answers, dtype=np.float64)
    blocks = np.split(answers, np.cumsum(_widths(encoder))[:-1], axis=1)
    return [
        np.vstack([block[: len(c)], block[-1:]]) if tolerant else block[: len(c)]
        for block, c in zip(blocks, categories, strict=True)
    ]


def _as_fitted(encoder: Any, rows: list[list[Any]]) -> Any:
    """One pandas-free column per feature cannot hold mixed types, an object array can."""
    table = np.empty((len(rows), len(rows[0])), dtype=object)
    table[:] = rows
    kinds = {c.dtype.kind for c in encoder.categories_}
    return table.astype(np.float64) if kinds <= set("biuf") else table


def _widths(encoder: Any) -> list[int]:
    if isinstance(encoder, preprocessing.OneHotEncoder):
        return list(encoder._n_features_outs)
    return [1] * len(encoder.categories_)


@transformer(preprocessing.OneHotEncoder, preprocessing.OrdinalEncoder, whole=False)
def encode(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Look every category up in the encoder's own answers."""
    return encoded(graph, model, [c for tensor in inputs for c in single_columns(tensor)])


@transformer(preprocessing.TargetEncoder, whole=False)
def encode_by_target(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Look up each category's mean of the target."""
    columns = [c for tensor in inputs for c in single_columns(tensor)]
    per_column = len(model.encodings_) // len(columns)  # several where there are more than two classes
    unknown = np.atleast_1d(model.target_mean_)
    blocks = []
    for i, (column, categories) in enumerate(zip(columns, model.categories_, strict=True)):
        means = np.column_stack(model.encodings_[i * per_column : (i + 1) * per_column])
        blocks.append(graph.rows_of(np.vstack([means, unknown]), _codes(graph, column, categories)))
    return graph.concat(blocks)


@transformer(impute.MissingIndicator)
def missing(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Say where values are missing."""
    return _missing(x, model.missing_values, text=x.text).to("DOUBLE").columns(model.features_)


@transformer(impute.SimpleImputer, whole=False)
def fill(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Replace the missing by the statistic, and say where it was missing if asked."""
    x = graph.concat(inputs)
    text = inputs[0].text
    missing = _missing(x, model.missing_values, text=text)
    empty = [not text and _is_missing(s) for s in model.statistics_]
    statistics = model.statistics_.astype(str) if text else model.statistics_.astype(np.float64)
    filled = graph.where(missing, statistics.reshape(1, -1), x)
    if any(empty):
        filled = filled.columns(np.flatnonzero(~np.array(empty)))
    if model.indicator_ is None:
        return filled
    return graph.concat([filled, missing.to("DOUBLE").columns(model.indicator_.features_)])


def _missing(x: Tensor, value: Any, *, text: bool) -> Tensor:
    if text:
        return x.equals(np.array([MISSING_TEXT if _is_missing(value) else str(value)]))
    return x.is_nan() if _is_missing(value) else x.equals(float(value))
