"""Rows the package is tested with, and what the live model answers to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlops_jupyter.schema.asking import asking
from mlops_jupyter.schema.columns import plain
from mlops_jupyter.schema.data import ModelInput, count_rows, head, is_frame, is_sparse, take
from mlops_jupyter.serving.answers import AnswerMaker
from mlops_jupyter.serving.runtimes.prediction import (
    Prediction,
    as_declared,
    gives_probabilities,
    split_outputs,
    split_probabilities,
)

ROWS = 10
_CANDIDATES = 200


def golden_rows(data: ModelInput, schema: dict[str, Any]) -> ModelInput:
    """Return a few rows that a request may hold: missing values only where the model bears them."""
    candidates = head(data, _CANDIDATES)
    if isinstance(candidates, list):
        return candidates[:ROWS]
    if is_sparse(candidates):
        return candidates[:ROWS]
    required = [i for i, column in enumerate(schema["columns"]) if not column["nullable"]]
    absent = (
        candidates.iloc[:, required].isna().to_numpy()
        if is_frame(candidates)
        else _isna(candidates[:, required])
    )
    whole = np.flatnonzero(~absent.any(axis=1))
    return take(candidates, whole[:ROWS] if len(whole) else np.arange(min(ROWS, count_rows(candidates))))


def as_records(rows: ModelInput, schema: dict[str, Any]) -> list[Any]:
    """Return rows as a request's JSON holds them."""
    if isinstance(rows, list):
        return rows
    names = [column["name"] for column in schema["columns"]]
    if is_frame(rows):
        columns = [[plain(value) for value in rows[name]] for name in names]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    table = rows.toarray() if is_sparse(rows) else rows
    return [dict(zip(names, map(plain, values), strict=True)) for values in table]


def golden_answers(
    model: Any, rows: ModelInput, schema: dict[str, Any], serving: dict[str, Any]
) -> dict[str, Any]:
    """Return what `/predict` must answer to these rows: the live model's answers in the server's words."""
    output = schema["output"]
    with asking():
        answers = model.predict(rows)
        scores = model.predict_proba(rows) if gives_probabilities(schema) else None
    labels = split_outputs(answers.toarray() if is_sparse(answers) else answers)
    tables = None if scores is None else split_probabilities(scores, len(labels))
    declared = [as_declared(values, entry) for values, entry in zip(labels, output["outputs"], strict=True)]
    answer = AnswerMaker(schema, serving).answer(Prediction(declared, tables))
    return {"predictions": answer.predictions, "probabilities": answer.probabilities}


def _isna(values: Any) -> Any:
    if values.dtype.kind == "f":
        return np.isnan(values)
    return values == np.array(None) if values.dtype == object else np.zeros(values.shape, dtype=bool)
