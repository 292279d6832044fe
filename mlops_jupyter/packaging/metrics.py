"""How good the model is: the field's metrics, on the data they are measured on and on slices of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import DataError, did_you_mean
from mlops_jupyter.schema.columns import plain
from mlops_jupyter.schema.data import ModelInput, count_rows, is_frame, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BINARY = 2
_SLICE_LIMIT = 30


@dataclass(frozen=True)
class Answers:
    """What the model answers to some rows, next to what was true.

    Parameters
    ----------
    truth, predicted : ndarray of shape (rows,) or (rows, outputs)
        The labels or values.
    scores : ndarray of shape (rows, classes), optional
        The probabilities, in the order of `classes`.
    classes : tuple
        The estimator's classes; empty when it has none.
    positive_at : int
        Which of two classes is the positive one.
    """

    truth: np.ndarray[Any, Any]
    predicted: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any] | None
    classes: tuple[Any, ...]
    positive_at: int = 1

    @property
    def positive(self) -> Any:
        """The positive class of a binary classifier, else None."""
        return self.classes[self.positive_at] if len(self.classes) == _BINARY else None

    def at(self, rows: np.ndarray[Any, Any]) -> Answers:
        """Return the answers to some of the rows."""
        scores = None if self.scores is None else self.scores[rows]
        return replace(self, truth=self.truth[rows], predicted=self.predicted[rows], scores=scores)


def measure(
    model: Any, data: ModelInput, target: Any, output: dict[str, Any], serving: dict[str, Any]
) -> Answers:
    """Let the model answer, with the decision threshold it is served with, and put the truth beside it.

    Raises
    ------
    DataError
        When there is not one answer for each row, or one that the model can give.
    """
    truth = _as_truth(target)
    rows = count_rows(data)
    if len(truth) != rows:
        raise DataError(f"the data has {rows} rows and the target {len(truth)}")
    classes = tuple(output["outputs"][0]["classes"] or ()) if len(output["outputs"]) == 1 else ()
    _check_truth(truth, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = np.asarray(model.predict(data))
        scores = np.asarray(model.predict_proba(data)) if output["probabilities"] and classes else None
    positive = 1 if serving["positive"] is None else classes.index(serving["positive"])
    if serving["threshold"] is not None and scores is not None:
        labels = np.asarray(classes)
        reached = scores[:, positive] >= serving["threshold"]
        predicted = np.where(reached, labels[positive], labels[1 - positive])
    if predicted.ndim == _BINARY and predicted.shape[1] == 1:
        predicted = predicted.ravel()
    return Answers(truth, predicted, scores, classes, positive)


def score(answers: Answers, task: str) -> dict[str, float]:
    """Return the metrics of a task by their usual names; undefined ones are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = dict(_classification(answers) if task == "classification" else _regression(answers))
    return {name: value for name, value in values.items() if np.isfinite(value)}


def score_slices(
    answers: Answers, data: ModelInput, task: str, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the metrics for each value of some columns, the values with most rows first.

    Raises
    ------
    DataError
        When a column is not there.
    """
    found: list[dict[str, Any]] = []
    for column in columns:
        if not is_frame(data) or column not in data.columns:
            known = list(data.columns) if is_frame(data) else []
            raise DataError(f"there is no column {column!r} to slice by", hint=did_you_mean(column, known))
        values = data[column].reset_index(drop=True)
        for value, count in values.value_counts().head(_SLICE_LIMIT).items():
            part = answers.at(np.flatnonzero((values == value).to_numpy(dtype=bool, na_value=False)))
            found.append(
                {"column": column, "value": plain(value), "rows": int(count), "values": score(part, task)}
            )
    return found


def has_metrics(task: str) -> bool:
    """Return whether there is a truth to compare with."""
    return task in {"classification", "regression"}


def labelled(data: ModelInput, target: Any) -> tuple[ModelInput, Any]:
    """Leave out the rows whose target is missing, for nothing can be compared there."""
    truth = _as_truth(target)
    present = truth == truth if truth.dtype.kind in "fO" else np.ones(truth.shape, dtype=bool)
    kept = present if present.ndim == 1 else present.all(axis=1)
    if kept.all() or len(truth) != count_rows(data):
        return data, target
    return take(data, np.flatnonzero(kept)), truth[kept]


def _as_truth(target: Any) -> np.ndarray[Any, Any]:
    truth = np.asarray(target.to_numpy() if hasattr(target, "to_numpy") else target)
    return truth.ravel() if truth.ndim == _BINARY and truth.shape[1] == 1 else truth


def _check_truth(truth: np.ndarray[Any, Any], classes: tuple[Any, ...]) -> None:
    if not classes or truth.ndim != 1:
        return
    known = set(classes)
    strange = [value for value in {plain(value) for value in truth} if value not in known]
    if len(strange) == len({plain(value) for value in truth}):
        names = ", ".join(map(repr, classes[:5]))
        raise DataError(
            f"the target holds {strange[0]!r}, the model answers {names}", hint="is it the right column?"
        )


def _classification(answers: Answers) -> Iterator[tuple[str, float]]:
    from sklearn import metrics

    truth, predicted = answers.truth, answers.predicted
    if truth.ndim > 1:
        yield "accuracy", float((truth == predicted).all(axis=1).mean())
        yield "accuracy_by_output", float((truth == predicted).mean())
        return
    truth, predicted = _comparable(truth, predicted)
    binary = len(answers.classes) == _BINARY
    how: dict[str, Any] = {"average": "macro", "zero_division": 0}
    if binary:
        positive = np.asarray(answers.classes, dtype=truth.dtype)[answers.positive_at]
        how = {"average": "binary", "pos_label": positive, "zero_division": 0}
    yield "accuracy", float(metrics.accuracy_score(truth, predicted))
    yield "balanced_accuracy", float(metrics.balanced_accuracy_score(truth, predicted))
    for name in ("precision", "recall", "f1"):
        yield name, float(getattr(metrics, f"{name}_score")(truth, predicted, **how))
    if answers.scores is not None and set(np.unique(truth)) <= set(answers.classes):
        yield from _of_scores(truth, answers, binary=binary)


def _of_scores(truth: np.ndarray[Any, Any], answers: Answers, *, binary: bool) -> Iterator[tuple[str, float]]:
    from sklearn import metrics

    scores = answers.scores
    assert scores is not None
    classes = np.asarray(answers.classes)
    if len(np.unique(truth)) == len(classes):
        known = scores[:, 1] if binary else scores  # the same area whichever of two is positive
        yield "roc_auc", float(metrics.roc_auc_score(truth, known, multi_class="ovr", labels=classes))
    order = np.argsort(classes)
    yield "log_loss", float(metrics.log_loss(truth, scores[:, order], labels=classes[order]))
    if binary:
        yield "brier", float(np.mean((scores[:, 1] - (truth == classes[1])) ** 2))


def _regression(answers: Answers) -> Iterator[tuple[str, float]]:
    from sklearn import metrics

    truth, predicted = answers.truth, answers.predicted
    if len(truth) > 1:
        yield "r2", float(metrics.r2_score(truth, predicted))
    yield "mae", float(metrics.mean_absolute_error(truth, predicted))
    yield "rmse", float(metrics.root_mean_squared_error(truth, predicted))


def _comparable(truth: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Give both one type: text may stand in an object array on one side and a str array on the other."""
    if truth.dtype.kind in "OUT" or predicted.dtype.kind in "OUT":
        return truth.astype(str), predicted.astype(str)
    return truth, predicted
