"""Estimators that answer through others: their members are converted as they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import (
    compose,
    ensemble,
    feature_selection,
    frozen,
    model_selection,
    multioutput,
    pipeline,
    semi_supervised,
)

from .formulas import UFUNCS
from .notation import Graph, Tensor, classifier, decided, labels, regressor


def answering(model: Any) -> Any:
    """Return what really answers: what is frozen, what was trained at last, what was left after a selection.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.frozen import FrozenEstimator
    >>> answering(FrozenEstimator(Ridge()))
    Ridge()
    """
    if isinstance(model, frozen.FrozenEstimator):
        return answering(model.estimator)
    if isinstance(model, semi_supervised.SelfTrainingClassifier):
        return answering(model.estimator_)
    if isinstance(model, feature_selection.RFE):
        return pipeline.Pipeline([("selected", model), ("model", model.estimator_)])
    return model


@decided(model_selection.FixedThresholdClassifier, model_selection.TunedThresholdClassifierCV)
def beyond_threshold(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compare the probability of the second class with the threshold."""
    threshold = getattr(model, "best_threshold_", None) or model.threshold
    if not hasattr(model.estimator_, "predict_proba") or getattr(model, "pos_label", None) is not None:
        raise NotImplementedError("ONNX has no converter for a threshold on another score")
    _, probabilities = graph.child(model.estimator_, x)
    index = probabilities.columns([1]) >= (0.5 if threshold == "auto" else float(threshold))
    return labels(graph, model.classes_, index.reshape(-1).to("INT64")), probabilities


@classifier(ensemble.VotingClassifier)
def vote(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Average the members' probabilities, or count their votes."""
    weights = np.ones(len(model.estimators_)) if model._weights_not_none is None else model._weights_not_none
    places = np.arange(len(model.classes_)).reshape(1, -1)
    total = None
    for member, weight in zip(model.estimators_, weights, strict=True):
        answer, probabilities = graph.child(member, x)
        soft = probabilities if model.voting == "soft" else answer.reshape(-1, 1).equals(places).to("DOUBLE")
        total = soft * float(weight) if total is None else total + soft * float(weight)
    assert total is not None
    return total / float(np.sum(weights))


@classifier(ensemble.AdaBoostClassifier)
def boosted_votes(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Weigh the members' votes (SAMME), then a softmax."""
    count = len(model.classes_)
    known = labels(graph, model.classes_, graph.tensor(np.arange(count))).reshape(1, -1)
    votes = []
    for member, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        answer, *_ = graph.child(member, x)
        votes.append(
            graph.where(answer.reshape(-1, 1).equals(known), float(weight), -float(weight) / (count - 1))
        )
    decision = graph("Sum", *votes) / float(model.estimator_weights_.sum())
    if count > 2:
        return graph("Softmax", decision / float(count - 1), axis=1)
    margin = decision.columns([1]) - decision.columns([0])
    return graph("Softmax", graph.concat([-margin, margin]) / 2.0, axis=1)


@classifier(multioutput.ClassifierChain)
def chained_classes(graph: Graph, model: Any, x: Tensor) -> list[Tensor]:
    """Give each member the answers of those before it."""
    answers: dict[int, Tensor] = {}
    known = x
    for place, member in zip(model.order_, model.estimators_, strict=True):
        answer, probabilities = graph.child(member, known)
        answers[int(place)] = probabilities
        known = graph.concat([known, answer.to("DOUBLE").reshape(-1, 1)])
    return [answers[place] for place in range(len(answers))]


@regressor(multioutput.RegressorChain)
def chained_values(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Give each member the values of those before it."""
    answers: dict[int, Tensor] = {}
    known = x
    for place, member in zip(model.order_, model.estimators_, strict=True):
        answers[int(place)] = graph.child(member, known)[0].reshape(-1, 1)
        known = graph.concat([known, answers[int(place)]])
    return graph.concat([answers[place] for place in range(len(answers))])


@regressor(compose.TransformedTargetRegressor)
def untransformed(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Apply the inverse of what was done to the target."""
    inverse = getattr(model.transformer_, "inverse_func", model)
    if inverse not in UFUNCS or model.transformer is not None:
        raise NotImplementedError("ONNX has no converter for this transformer of the target")
    return UFUNCS[inverse](graph, graph.child(model.regressor_, x)[0])
