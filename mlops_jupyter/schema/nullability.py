"""Which inputs may be missing: what the fitted model really bears, not what its data happened to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .asking import asking
from .data import ModelInput, head, is_frame, is_sparse

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_ROWS = 4


def probe_nullability(predict: Callable[[Any], Any], data: ModelInput, schema: dict[str, Any]) -> None:
    """Set `nullable` of each column of an input schema by asking the model with that column missing.

    A column may be missing when the model answers, with no NaN, both rows that all lack it and rows of
    which only some do. Of a matrix, halves are tried together: a thousand pixels cost a few calls.

    Parameters
    ----------
    predict : callable
        From rows of `data`'s form to answers.
    data : pandas.DataFrame, numpy.ndarray, scipy.sparse.csr_matrix or list of str
        Rows the model answers.
    schema : dict
        What `infer_input` made of them; changed in place.
    """
    columns = schema["columns"]
    if is_sparse(data):
        return  # absent is zero there, so nothing is ever missing
    sample = _first_rows(data)
    everything = range(len(columns))
    groups = [[position] for position in everything] if is_frame(data) else [list(everything)]
    with asking():
        borne = [position for group in groups for position in _bearable(predict, sample, group)]
    for position in borne:
        columns[position]["nullable"] = True


def _first_rows(data: ModelInput) -> ModelInput:
    sample = head(data, _ROWS)
    return sample if isinstance(sample, list) or is_frame(sample) else sample.astype(_bearing(sample.dtype))


def _bearing(dtype: Any) -> Any:
    return dtype if dtype.kind in "fO" else np.float64


def _bearable(predict: Callable[[Any], Any], sample: ModelInput, group: list[int]) -> list[int]:
    if _bears(predict, sample, group):
        return group
    if len(group) <= 1:
        return []
    middle = len(group) // 2
    return [*_bearable(predict, sample, group[:middle]), *_bearable(predict, sample, group[middle:])]


def _bears(predict: Callable[[Any], Any], sample: ModelInput, group: list[int]) -> bool:
    return all(_answers(predict, without(sample, group, rows)) for rows in (slice(None), slice(1, None, 2)))


def _answers(predict: Callable[[Any], Any], rows: ModelInput) -> bool:
    try:
        answers = np.asarray(predict(rows))
    except Exception:  # noqa: BLE001 - whatever it raises, it does not bear it
        return False
    return answers.dtype.kind != "f" or bool(np.isfinite(answers).all())


def without(sample: ModelInput, columns: list[int], rows: slice) -> ModelInput:
    """Return a copy of the sample in which these columns are missing in these rows."""
    if isinstance(sample, list):
        texts: list[Any] = list(sample)
        texts[rows] = [None] * len(texts[rows])
        return texts
    if not is_frame(sample):
        holed = sample.copy()
        holed[rows, columns] = None if holed.dtype == object else np.nan
        return holed
    frame = sample.copy()
    for position in columns:
        name = frame.columns[position]
        frame[name] = _holed(frame[name], rows)
    return frame


def _holed(values: pd.Series[Any], rows: slice) -> pd.Series[Any]:
    if values.dtype.kind in "iu" and isinstance(values.dtype, np.dtype):
        values = values.astype(float)  # as the server does: an integer column with a gap is a float
    if values.dtype == bool:
        values = values.astype(object)
    holed = values.copy()
    holed.iloc[rows] = np.nan if holed.dtype == object else None
    return holed
