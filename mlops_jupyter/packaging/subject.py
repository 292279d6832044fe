"""What is packaged: the model, the rows it learnt from, the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import DataError, UsageError, did_you_mean
from mlops_jupyter.schema.columns import plain
from mlops_jupyter.schema.data import ModelInput, as_model_input, is_frame
from mlops_jupyter.schema.fitted import check_fitted, match_columns

from .mlflow_source import MlflowAnswering, open_mlflow, rows_of

if TYPE_CHECKING:
    from .request import PackageRequest


@dataclass(frozen=True)
class Rows:
    """Features in a form the model takes, and the answers to them where they are known.

    A model fitted without names takes a frame as a matrix: `names` are what the frame called its columns.
    """

    features: ModelInput
    target: Any
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Subject:
    """A fitted model that answers `train.features`.

    Parameters
    ----------
    model, preprocessor : object
        As they were given.
    answering : object
        The model with its preprocessor before it: what takes the data.
    train : Rows
        The rows its schema is made of.
    test : Rows, optional
        The rows it has not seen.
    exemplary : bool
        Whether the rows are only an example, so that their ranges say nothing.
    """

    model: Any
    preprocessor: Any
    answering: Any
    train: Rows
    test: Rows | None
    exemplary: bool = False


def open_subject(request: PackageRequest) -> Subject:
    """Check the model and its data against each other.

    Raises
    ------
    ModelError
        When the model is not fitted or cannot answer.
    UsageError
        When there is no data.
    DataError
        When the data is not what the model was fitted on.
    """
    answering = _answering(request)
    exemplary = request.data is None and isinstance(answering, MlflowAnswering)
    data = rows_of(answering) if exemplary else request.data
    if data is None:
        raise UsageError("there is no data to learn the schema from", hint="give --data X_train")
    train = _rows(answering, data, request.target, "target")
    if isinstance(answering, MlflowAnswering) and train.target is not None:
        answering.compare_with(train.features, train.target)
    test = None
    if request.test_data is not None:
        test_target = request.test_target
        if test_target is None and isinstance(request.target, str):
            test_target = request.target
        test = _rows(answering, request.test_data, test_target, "test_target")
    elif request.test_target is not None:
        raise UsageError("there is a test target without test data", hint="give --test-data X_test")
    return Subject(request.model, request.preprocessor, answering, train, test, exemplary)


def parameters_of(model: Any) -> dict[str, Any]:
    """Return what a scikit-learn model was made with, as far as JSON can hold it."""
    try:
        found = model.get_params(deep=True)
    except (AttributeError, TypeError):
        return {}
    simple = (str, int, float, bool, type(None), np.generic)
    return {str(name): plain(value) for name, value in sorted(found.items()) if isinstance(value, simple)}


def _answering(request: PackageRequest) -> Any:
    if isinstance(request.model, Path):
        if request.preprocessor is not None:
            raise UsageError("an MLflow model takes no preprocessor", hint="package the model alone")
        return open_mlflow(request.model, allow_pickle=request.allow_pickle)
    check_fitted(request.model)
    if request.preprocessor is None:
        return request.model
    from sklearn.pipeline import Pipeline

    if not hasattr(request.preprocessor, "transform"):
        name = type(request.preprocessor).__name__
        raise UsageError(f"{name} cannot be a preprocessor", why="it has no transform")
    return Pipeline([("preprocessor", request.preprocessor), ("model", request.model)])


def _rows(model: Any, data: Any, target: Any, option: str) -> Rows:
    table = as_model_input(data)
    if isinstance(target, str):
        table, target = _split(table, target, option)
    features = match_columns(model, table)
    names = tuple(table.columns) if is_frame(table) and not is_frame(features) else None
    return Rows(features, target, names)


def _split(table: ModelInput, column: str, option: str) -> tuple[ModelInput, Any]:
    if not is_frame(table):
        raise DataError(
            f"--{option.replace('_', '-')} {column}: the data has no named columns", hint="give an array"
        )
    if column not in table.columns:
        raise DataError(f"the data has no column {column!r}", hint=did_you_mean(column, list(table.columns)))
    return table.drop(columns=column), table[column]
