"""Models served by the library that trained them, through scikit-learn's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model_input import input_maker
from ..parts import parts
from ..trust import load_skops
from .forests import quicken_forests
from .labelling import label_margin, labels_of
from .prediction import Prediction, gives_probabilities, split_outputs, split_probabilities

if TYPE_CHECKING:
    from pathlib import Path

    from ..batch import Batch


class NativeRuntime:
    """An object with `predict` and perhaps `predict_proba`.

    Parameters
    ----------
    model : object
        The fitted model.
    schema : dict
        ``model/feature_schema.json``.
    """

    def __init__(self, model: Any, schema: dict[str, Any]) -> None:
        self.model = model
        self.schema = schema
        self._input = input_maker(schema)
        self._probabilities = gives_probabilities(schema)
        several = len(schema["output"]["outputs"]) > 1
        self._margin = label_margin(model) if self._probabilities and not several else None

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        return self.predict_input(self._input(batch))

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes."""
        if self._margin is not None:
            return self._predict_once(model_input, self._margin)
        labels = split_outputs(self.model.predict(model_input))
        if not self._probabilities:
            return Prediction(labels)
        return Prediction(labels, split_probabilities(self.model.predict_proba(model_input), len(labels)))

    def _predict_once(self, model_input: Any, margin: float) -> Prediction:
        table = np.asarray(self.model.predict_proba(model_input), dtype=np.float64)
        labels = labels_of(table, self.model.classes_, margin)
        if labels is None:
            labels = np.asarray(self.model.predict(model_input))
        return Prediction([labels], [table])


def open_skops(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> NativeRuntime:
    """Open a model saved by skops, against our own list of types."""
    model = load_skops(folder / config["model"], config.get("code") or ())
    return NativeRuntime(made_ready(model), schema)


def made_ready(model: Any) -> Any:
    """Return a model that was just loaded as it should serve: in one thread, its forests without detours."""
    return quicken_forests(single_threaded(model))


def single_threaded(model: Any) -> Any:
    """Set ``n_jobs`` to 1 wherever there is one inside: the server's workers are the parallelism."""
    for part in parts(model):
        if getattr(part, "n_jobs", None) not in (None, 1):
            part.n_jobs = 1
    return model
