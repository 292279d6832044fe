"""A preprocessor saved apart from its model: `transform`, then the model's own runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model_input import input_maker
from ..trust import load_skops
from .native import made_ready
from .pickled import load_pickle

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ..batch import Batch
    from .prediction import Prediction, Runtime


class PreprocessedRuntime:
    """Transform, then predict.

    Parameters
    ----------
    preprocessor : object
        With `transform`.
    runtime : Runtime
        The model, which takes what the preprocessor gives.
    schema : dict
        ``model/feature_schema.json``: of what the preprocessor takes.
    """

    def __init__(self, preprocessor: Any, runtime: Runtime, schema: dict[str, Any]) -> None:
        self.preprocessor, self.runtime, self._input = preprocessor, runtime, input_maker(schema)

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        return self.predict_input(self._input(batch))

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the preprocessor takes."""
        return self.runtime.predict_input(self.preprocessor.transform(model_input))


def load_preprocessor(folder: Path, entry: dict[str, Any], code: Collection[str]) -> Any:
    """Load the preprocessor from the file and by the format that the configuration names."""
    path = folder / entry["model"]
    return made_ready(load_pickle(path) if entry["format"] == "cloudpickle" else load_skops(path, code))
