"""From what a model predicts to what a caller reads: labels, probabilities by label, confidence.

The answer has one shape, whatever the form of the request. With a decision threshold the label is the
positive one when its probability reaches the threshold. JSON has no NaN: a prediction that is not
finite is null, with a warning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from .problems import Warned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .call import Answered
    from .runtimes import Prediction


@dataclass(slots=True)  # one is made for each request, which a frozen one takes four times as long for
class Answer:
    """What is told of the rows of one request.

    Parameters
    ----------
    predictions : list
        One per row: a value, or ``{output: value}`` of a model with several outputs.
    probabilities : list or None
        One ``{label: p}`` per row, labels written as JSON writes them; ``{output: {label: p}}`` with several.
    confidence : list or None
        The probability of the predicted label.
    warnings : tuple of Warned
        Predictions that are not finite.
    """

    predictions: list[Any]
    probabilities: list[Any] | None = None
    confidence: list[Any] | None = None
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True)
class _Threshold:
    """When a binary classifier says the positive label."""

    least: float
    positive: int

    def position(self, row: Sequence[float]) -> int:
        """Return the position of the label of one row."""
        return self.positive if row[self.positive] >= self.least else 1 - self.positive

    def positions(self, table: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the position of the label of each row."""
        return np.where(table[:, self.positive] >= self.least, self.positive, 1 - self.positive)


@dataclass(frozen=True)
class _Output:
    """One output of a model, and its classes."""

    name: str
    classes: tuple[Any, ...]
    keys: tuple[str, ...]
    positions: Mapping[Any, int]
    threshold: _Threshold | None

    def answer(self, values: NDArray[Any], table: NDArray[np.float64] | None, scored: bool) -> Answer:
        """Return the answer of this output alone."""
        if table is None:
            return self._values(values)
        if not scored:
            return Answer(self._labels(values, table))
        if self.threshold is None:
            labels, positions = _plain(values), positions_of(values, self.classes)
        else:
            positions = self.threshold.positions(table)
            labels = [self.classes[i] for i in positions.tolist()]
        return Answer(labels, self._by_label(table), _confidence(positions, table))

    def _labels(self, values: NDArray[Any], table: NDArray[np.float64]) -> list[Any]:
        if self.threshold is None:
            return _plain(values)
        return [self.classes[i] for i in self.threshold.positions(table).tolist()]

    def _by_label(self, table: NDArray[np.float64]) -> list[dict[str, float]]:
        columns = [column.tolist() for column in table.T]  # a list for each row takes longer than all else
        if len(self.keys) == 2:  # as most have, in half the time
            first, second = self.keys
            return [{first: one, second: other} for one, other in zip(*columns, strict=True)]
        return [dict(zip(self.keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def tell(self, label: Any, table: NDArray[np.float64] | None) -> tuple[Any, Any, Any] | None:
        """Return what `answer` tells of one row, in fewer steps; None where it takes more than these."""
        if table is None:
            return (label, None, None) if not isinstance(label, float) or isfinite(label) else None
        (row,) = table.tolist()
        total = sum(row)
        if len(row) != len(self.keys) or total != total:  # some padding, or something is missing
            return None
        if self.threshold is None:
            position = self.positions.get(label)
        else:
            position = self.threshold.position(row)
            label = self.classes[position]
        confidence = None if position is None else row[position]
        return label, [dict(zip(self.keys, row))], [confidence]  # noqa: B905 - as long as each other

    def _values(self, values: NDArray[Any]) -> Answer:
        if values.dtype.kind != "f" or np.isfinite(values).all():
            return Answer(_plain(values))
        strange = np.flatnonzero(~np.isfinite(values))
        row = int(strange[0])
        warning = Warned(self.name, "non-finite", row, len(strange), str(values[row]), "a finite number")
        return Answer([v if np.isfinite(v) else None for v in values.tolist()], warnings=(warning,))


class AnswerMaker:
    """Makes the answers of one model.

    Parameters
    ----------
    schema : dict
        ``model/feature_schema.json``.
    serving : dict
        ``config/serving_config.yaml``: `threshold` and `positive` of a binary classifier.

    Raises
    ------
    ValueError
        When there is a threshold but no binary classifier with probabilities, or no such label.
    """

    def __init__(self, schema: Mapping[str, Any], serving: Mapping[str, Any]) -> None:
        output = schema["output"]
        threshold = _threshold(output, serving)
        self._outputs = [_output(entry, threshold) for entry in output["outputs"]]

    def answer(self, prediction: Prediction, *, scored: bool = True) -> Answer:
        """Return the answer to one request.

        Parameters
        ----------
        prediction : Prediction
            Of the model.
        scored : bool
            Whether its probabilities and confidence are told as well; making lists of them takes longer than
            most models take to predict.
        """
        if len(self._outputs) == 1:
            table = prediction.probabilities[0] if prediction.probabilities else None
            return self._outputs[0].answer(prediction.labels[0], table, scored)
        tables: Sequence[Any] = prediction.probabilities or [None] * len(self._outputs)
        answers = [
            output.answer(values, table, scored)
            for output, values, table in zip(self._outputs, prediction.labels, tables, strict=True)
        ]
        return self._together(answers)

    def tell_one(self, label: Any, table: NDArray[np.float64] | None) -> tuple[Any, Any, Any] | None:
        """Return label, probabilities and confidence of one row of a model with one output.

        Parameters
        ----------
        label : object
            What the model said.
        table : ndarray of shape (1, classes), optional
            Its probabilities.

        Returns
        -------
        tuple or None
            As an `Answer` has them; None where there is more to tell, which `answer` does.
        """
        return self._outputs[0].tell(label, table)

    def _together(self, answers: list[Answer]) -> Answer:
        """Return the answers of several outputs as one: each row an object by the outputs' names."""
        known = answers[0].probabilities is not None
        return Answer(
            self._by_name([answer.predictions for answer in answers]),
            self._by_name([answer.probabilities for answer in answers]) if known else None,
            self._by_name([answer.confidence for answer in answers]) if known else None,
            tuple(warning for answer in answers for warning in answer.warnings),
        )

    def _by_name(self, columns: list[Any]) -> list[Any]:
        names = [output.name for output in self._outputs]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def positions_of(labels: NDArray[Any], classes: Sequence[Any]) -> NDArray[np.intp]:
    """Return the position of each label among the classes, -1 for one that is none.

    Examples
    --------
    >>> positions_of(np.array([2, 0, 1]), [0, 2]).tolist()
    [1, 0, -1]
    """
    if labels.dtype.kind in "iu" and set(map(type, classes)) == {int}:
        if _are_positions(labels, classes):
            return labels.astype(np.intp, copy=False)
        known = np.asarray(classes)
        order = np.argsort(known)
        found = order[np.searchsorted(known, labels, sorter=order).clip(max=len(known) - 1)]
        return np.where(known[found] == labels, found, -1)
    positions = {label: i for i, label in enumerate(classes)}
    plain = _plain(labels)
    return np.fromiter((positions.get(label, -1) for label in plain), np.intp, len(plain))


def _are_positions(labels: NDArray[Any], classes: Sequence[int]) -> bool:
    """Return whether each label is its own position, as where classes are 0 and 1: a tenth of a search."""
    numbered = labels.size > 0 and tuple(classes) == tuple(range(len(classes)))
    return numbered and bool(labels.min() >= 0) and bool(labels.max() < len(classes))


def confidence_of(positions: NDArray[np.intp], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of each predicted label, NaN for one that is no class."""
    chosen: NDArray[np.float64] = table[np.arange(len(table)), positions]
    unknown = positions < 0
    if unknown.any():
        chosen[unknown] = np.nan
    return chosen


def labels_of(answered: Answered, output: int) -> NDArray[Any]:
    """Return the labels of one output as they are told: where there is a decision threshold, it decides."""
    if answered.contract.serving.get("threshold") is None:
        return np.asarray(answered.prediction.labels[output])
    return np.array(answered.answer.predictions)  # only a model with one output has a threshold


def label_key(label: Any) -> str:
    """Return a label as the key of its probability: its JSON, without quotes.

    Examples
    --------
    >>> label_key(True), label_key(1), label_key("late")
    ('true', '1', 'late')
    """
    return label if isinstance(label, str) else json.dumps(label)


def _output(entry: Mapping[str, Any], threshold: _Threshold | None) -> _Output:
    classes = tuple(entry["classes"] or ())
    keys = tuple(map(label_key, classes))
    return _Output(entry["name"], classes, keys, {c: i for i, c in enumerate(classes)}, threshold)


def _threshold(output: Mapping[str, Any], serving: Mapping[str, Any]) -> _Threshold | None:
    least, positive = serving.get("threshold"), serving.get("positive")
    if least is None:
        return None
    classes = output["outputs"][0]["classes"] or []
    if len(output["outputs"]) > 1 or len(classes) != 2 or not output["probabilities"]:
        raise ValueError("a decision threshold needs a binary classifier with probabilities")
    if positive is not None and positive not in classes:
        raise ValueError(f"the positive label {positive!r} is not a class of the model: {classes}")
    return _Threshold(float(least), 1 if positive is None else classes.index(positive))


def _confidence(positions: NDArray[np.intp], table: NDArray[np.float64]) -> list[float | None]:
    confidence: list[float | None] = confidence_of(positions, table).tolist()
    for row in np.flatnonzero(positions < 0).tolist():
        confidence[row] = None
    return confidence


def _plain(values: NDArray[Any]) -> list[Any]:
    """Return labels as JSON can hold them."""
    plain: list[Any] = values.tolist()
    if values.dtype != object:
        return plain
    return [value.item() if isinstance(value, np.generic) else value for value in plain]
