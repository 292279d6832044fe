"""xgboost, lightgbm and catboost, each from its own file: nothing is unpickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model_input import input_maker
from .native import NativeRuntime
from .prediction import Prediction, gives_probabilities, split_outputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ..batch import Batch

XGBOOST = ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")
CATBOOST = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor")


class BoosterRuntime:
    """A bare booster: its answer is a number per row, or a probability per row and class.

    Parameters
    ----------
    answer : callable
        From the model's input to an array of shape (rows,) or (rows, classes).
    schema : dict
        ``model/feature_schema.json``: names the classes.
    """

    def __init__(self, answer: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self._answer = answer
        self._schema = schema
        self._input = input_maker(schema)
        self._classes = schema["output"]["outputs"][0]["classes"]

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        return self.predict_input(self._input(batch))

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes."""
        values = np.asarray(self._answer(model_input))
        if not gives_probabilities(self._schema):
            return Prediction(split_outputs(values))
        probabilities = _by_class(values)
        return Prediction([_named(self._classes)[probabilities.argmax(axis=1)]], [probabilities])


def _by_class(values: NDArray[Any]) -> NDArray[np.float64]:
    values = values.astype(np.float64)
    return values if values.ndim > 1 else np.column_stack([1 - values, values])


def _named(classes: list[Any]) -> NDArray[Any]:
    array = np.asarray(classes)
    return array.astype(object) if array.dtype.kind in "US" else array


def open_xgboost(
    folder: Path, config: dict[str, Any], schema: dict[str, Any]
) -> NativeRuntime | BoosterRuntime:
    """Open an xgboost model: the estimator it was, or a bare booster."""
    import xgboost

    path, options = folder / config["model"], config["options"]
    if options["class"] in XGBOOST:
        estimator = getattr(xgboost, options["class"])(n_jobs=1, enable_categorical=options["categorical"])
        estimator.load_model(path)
        return NativeRuntime(estimator, schema)
    booster = xgboost.Booster({"nthread": 1}, model_file=str(path))

    def answer(model_input: Any) -> Any:
        return booster.predict(xgboost.DMatrix(model_input, nthread=1, enable_categorical=True))

    return BoosterRuntime(answer, schema)


def open_lightgbm(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> BoosterRuntime:
    """Open a lightgbm model; the names of the classes stand in the schema."""
    import lightgbm

    booster = lightgbm.Booster(model_file=folder / config["model"])
    return BoosterRuntime(lambda model_input: booster.predict(model_input, num_threads=1), schema)


class _OneThread:
    """catboost takes the number of threads with every call."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, model_input: Any) -> Any:
        return self._model.predict(model_input, thread_count=1)

    def predict_proba(self, model_input: Any) -> Any:
        return self._model.predict_proba(model_input, thread_count=1)


def open_catboost(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> NativeRuntime:
    """Open a catboost model."""
    import catboost

    name = config["options"]["class"]
    if name not in CATBOOST:
        raise ValueError(f"unknown catboost model {name!r}; known: {', '.join(CATBOOST)}")
    model = getattr(catboost, name)()
    model.load_model(folder / config["model"], format="cbm")
    return NativeRuntime(_OneThread(model), schema)
