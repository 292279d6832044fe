"""Predictions and scores as Arrow arrays, in whichever of their forms a variant hands them over."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import array_of, doubles, nothing, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from .layout import Captured, Layout


class ResultArrays:
    """Makes the arrays of predictions and scores.

    Parameters
    ----------
    layout : Layout
        Whose outputs and classes.
    """

    def __init__(self, layout: Layout) -> None:
        self._predictions, self._scores = layout.predictions, layout.scores

    def predictions(self, labels: Sequence[Any] | None, rows: int) -> list[pa.Array]:
        """Return one array per output.

        Parameters
        ----------
        labels : sequence or None
            For each entry a list of values, or an ndarray per output; None when nothing was predicted.
        rows : int
            How many in all.
        """
        if labels is None:
            return _nothing(self._predictions, rows)
        outputs = _by_output(labels, len(self._predictions), axes=1)
        return [_labels(parts, each) for parts, each in zip(outputs, self._predictions, strict=True)]

    def scores(self, tables: Sequence[Any] | None, rows: int) -> list[pa.Array]:
        """Return one array per output and class.

        Parameters
        ----------
        tables : sequence or None
            For each entry a list of rows, or an ndarray of shape (rows, classes), or one per output.
        rows : int
            How many in all.
        """
        if tables is None:
            return [array for each in self._scores for array in _nothing(each, rows)]
        outputs = _by_output(tables, len(self._scores), axes=2)
        blocks = [_table(parts, len(each)) for parts, each in zip(outputs, self._scores, strict=True)]
        return [array for block in blocks for array in doubles(np.ascontiguousarray(block.T))]

    def scores_of_table(self, table: NDArray[np.float64]) -> list[pa.Array]:
        """Return the arrays of all scores, from a table of shape (scores, rows)."""
        return doubles(table)


def _nothing(captured: Sequence[Captured], rows: int) -> list[pa.Array]:
    return [nothing(each.type, rows) for each in captured]


def _by_output(entries: Sequence[Any], outputs: int, axes: int) -> list[list[Any]]:
    """Return the parts of each output, one per entry."""
    if outputs > 1:
        return [list(parts) for parts in zip(*entries, strict=True)]
    first = entries[0]
    if isinstance(first, list) and first and isinstance(first[0], np.ndarray) and first[0].ndim == axes:
        return [list(chain.from_iterable(entries))]
    return [list(entries)] * outputs


def _labels(parts: list[Any], captured: Captured) -> pa.Array:
    if not isinstance(parts[0], np.ndarray):
        return objects(list(chain.from_iterable(parts)), captured.type)
    values = np.concatenate(parts)
    return (
        objects(values.tolist(), captured.type) if values.dtype == object else array_of(values, captured.type)
    )


def _table(parts: list[Any], classes: int) -> NDArray[np.float64]:
    """Return the probabilities of all entries, of shape (rows, classes)."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    values = chain.from_iterable(chain.from_iterable(parts))
    return np.fromiter(values, np.float64).reshape(-1, classes)
