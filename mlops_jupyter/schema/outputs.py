"""The output half of the schema: what the model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import ModelError

from .asking import asking
from .columns import plain
from .data import head

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAMPLE = 50
_TASKS = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier_detector": "outliers",
}


def infer_output(model: Any, data: Any, target: Any = None) -> dict[str, Any]:
    """Describe what a fitted model answers, by asking it.

    Parameters
    ----------
    model : object
        Anything fitted with `predict`; `predict_proba` and `classes_` are used when it has them.
    data : object
        Rows of the form the model takes.
    target : object, optional
        What it was trained to answer; only its names are used.

    Returns
    -------
    dict
        ``{"task": …, "outputs": [{"name", "type", "classes"}, …], "probabilities": bool}``, the
        classes in the estimator's order.

    Raises
    ------
    ModelError
        When its answers are not one value, or one row of values, for each row of data.
    """
    sample = head(data, _SAMPLE)
    with asking():
        answers = _as_answers(model.predict(sample))
        probabilities = _gives_probabilities(model, sample)
    task = task_of(model)
    width = 1 if answers.ndim == 1 else answers.shape[1]
    classes = _classes(model, width) if task == "classification" else [None] * width
    names = _names(model, target, width)
    return {
        "task": task,
        "outputs": [
            {"name": name, "type": _type_of(_column(answers, i), classes[i]), "classes": classes[i]}
            for i, name in enumerate(names)
        ],
        "probabilities": probabilities,
    }


def task_of(model: Any) -> str:
    """Return ``classification``, ``regression``, ``clustering``, ``outliers``, or else ``prediction``."""
    from sklearn.utils import get_tags

    try:
        kind = get_tags(model).estimator_type
    except (AttributeError, TypeError, ValueError):
        kind = getattr(model, "_estimator_type", None)
    if kind is None and hasattr(model, "classes_"):
        kind = "classifier"
    return _TASKS.get(str(kind), "prediction")


def _as_answers(answers: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(answers.toarray() if hasattr(answers, "toarray") else answers)
    if array.ndim == 2 and array.shape[1] == 1:
        return array.ravel()
    if array.ndim not in {1, 2}:
        raise ModelError(f"the model answers with {array.ndim} dimensions", hint="only tables can be served")
    return array


def _gives_probabilities(model: Any, sample: Any) -> bool:
    if not hasattr(model, "predict_proba"):
        return False
    try:
        model.predict_proba(sample)
    except (AttributeError, NotImplementedError):
        return False
    return True


def _classes(model: Any, width: int) -> list[list[Any] | None]:
    found = getattr(model, "classes_", None)
    if found is None:
        return [None] * width
    if isinstance(found, list) and len(found) == width and isinstance(found[0], np.ndarray):
        return [[plain(label) for label in labels] for labels in found]
    if width == 1:
        return [[plain(label) for label in np.ravel(found)]]
    return [[0, 1] for _ in range(width)]  # a multilabel indicator: classes_ are the labels' names


def _names(model: Any, target: Any, width: int) -> Sequence[str]:
    columns = getattr(target, "columns", None)
    if columns is None:
        columns = getattr(model, "output_names_", None)  # an MLflow model may name them
    if columns is not None and len(columns) == width:
        return [str(column) for column in columns]
    name = getattr(target, "name", None)
    if width == 1:
        return [str(name) if name is not None else "prediction"]
    return [f"output_{position}" for position in range(width)]


def _column(answers: np.ndarray[Any, Any], position: int) -> np.ndarray[Any, Any]:
    return answers if answers.ndim == 1 else answers[:, position]


def _type_of(values: np.ndarray[Any, Any], classes: list[Any] | None) -> str:
    sample = classes if classes else [plain(value) for value in values]
    if all(isinstance(value, bool) for value in sample):
        return "boolean"
    if all(isinstance(value, int) for value in sample):
        return "long"
    if all(isinstance(value, float | int) for value in sample if value is not None):
        return "double"
    return "string"
