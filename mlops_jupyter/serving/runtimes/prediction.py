"""What every runtime answers, and what it looks like from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..batch import Batch


@dataclass(slots=True)
class Prediction:
    """Labels or values for a batch of rows.

    Parameters
    ----------
    labels : list of ndarray
        One array of shape (rows,) per output of the model.
    probabilities : list of ndarray or None
        One array of shape (rows, classes) per output, classes in the order of the schema.
    """

    labels: list[NDArray[Any]]
    probabilities: list[NDArray[np.float64]] | None = None


class Runtime(Protocol):
    """A loaded model."""

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        ...

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes: a frame, a matrix, a sparse matrix or a list of texts."""
        ...


def gives_probabilities(schema: dict[str, Any]) -> bool:
    """Tell whether answers have probabilities by class; a mixture has some, but its components no names.

    Examples
    --------
    >>> gives_probabilities({"output": {"probabilities": True, "outputs": [{"classes": None}]}})
    False
    """
    output = schema["output"]
    return bool(output["probabilities"]) and output["outputs"][0]["classes"] is not None


def split_outputs(values: Any) -> list[NDArray[Any]]:
    """Return one array of shape (rows,) per output, from what `predict` of any library returns.

    Examples
    --------
    >>> [a.tolist() for a in split_outputs([[1, 2], [3, 4]])]
    [[1, 3], [2, 4]]
    """
    array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    if array.ndim <= 1:
        return [array]
    table = array.reshape(len(array), -1)
    return [np.ascontiguousarray(table[:, i]) for i in range(table.shape[1])]


def split_probabilities(values: Any, outputs: int = 1) -> list[NDArray[np.float64]]:
    """Return one array of shape (rows, classes) per output.

    scikit-learn gives a list when there are several outputs, or, for yes-or-no outputs, one table of the
    probabilities of yes.

    Examples
    --------
    >>> [a.tolist() for a in split_probabilities([[0.25, 0.5]], outputs=2)]
    [[[0.75, 0.25]], [[0.5, 0.5]]]
    """
    if outputs > 1 and np.ndim(values[0]) == 1:
        yes = np.asarray(values, dtype=np.float64)
        return [np.column_stack([1 - yes[:, i], yes[:, i]]) for i in range(outputs)]
    tables = values if outputs > 1 else [values]
    return [np.asarray(table, dtype=np.float64) for table in tables]


_TYPES: dict[str, Callable[[Any], Any]] = {
    "boolean": lambda labels: labels.astype(np.int64).astype(bool),
    "long": lambda labels: labels.astype(np.int64, copy=False),
    "integer": lambda labels: labels.astype(np.int64, copy=False),
    "double": lambda labels: labels.astype(np.float64, copy=False),
    "float": lambda labels: labels.astype(np.float64, copy=False),
    "string": lambda labels: labels.astype(object, copy=False),
}


def as_declared(labels: NDArray[Any], output: dict[str, Any]) -> NDArray[Any]:
    """Return labels in the type that the schema declares for the output.

    Examples
    --------
    >>> as_declared(np.array([1, 0]), {"type": "boolean"}).tolist()
    [True, False]
    """
    convert = _TYPES.get(output["type"])
    return np.asarray(labels if convert is None else convert(labels))
