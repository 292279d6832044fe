"""An MLflow model as something that answers: opened by its own flavour, unless that would run a pickle."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import ModelError, UsageError
from mlops_jupyter.schema.data import as_model_input, head
from mlops_jupyter.serving.runtimes.pyfunc import refuse_pickles
from mlops_jupyter.serving.trust import UntrustedModelError

if TYPE_CHECKING:
    from pathlib import Path

_SAMPLE = 50
_MOST_CLASSES = 100
# One value of each of MLflow's types, for a model that says what it takes but shows no row of it.
_VALUES: dict[str, Any] = {
    "boolean": False,
    "integer": np.int32(0),
    "long": np.int64(0),
    "float": np.float32(0),
    "double": 0.0,
    "string": "",
    "datetime": np.datetime64("2020-01-01", "us"),
}


class MlflowAnswering:
    """A loaded pyfunc with `predict`, and what its answers show it to be.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
        The model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._estimator_type: str | None = None
        self.output_names_: list[str] | None = None

    def predict(self, data: Any) -> np.ndarray[Any, Any]:
        """Return the answers as an array, a column for each output when it gives several."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = self.model.predict(data)
        if isinstance(answer, dict):
            self.output_names_ = [str(name) for name in answer]
            return np.column_stack([np.asarray(values) for values in answer.values()])
        if hasattr(answer, "columns"):
            self.output_names_ = [str(name) for name in answer.columns]
        return np.asarray(answer)

    def compare_with(self, features: Any, target: Any) -> None:
        """Find out, from the truth beside some rows, whether it classifies or regresses."""
        truth, answers = np.asarray(target), self.predict(head(features, _SAMPLE))
        if truth.ndim > 1 or answers.ndim > 1:
            return
        labels = np.unique(truth)
        named = answers.dtype.kind != "f" and len(labels) <= _MOST_CLASSES
        if named and set(np.unique(answers).tolist()) <= set(labels.tolist()):
            self._estimator_type, self.classes_ = "classifier", labels
        elif answers.dtype.kind == "f":
            self._estimator_type = "regressor"


def open_mlflow(folder: Path, *, allow_pickle: bool) -> MlflowAnswering:
    """Open the folder of an MLflow model.

    Raises
    ------
    ModelError
        When opening it would unpickle, and that was not allowed; or when its flavour cannot open it here.
    """
    if not allow_pickle:
        try:
            refuse_pickles(folder)
        except UntrustedModelError as refusal:
            raise ModelError(
                "the MLflow model holds what may not be loaded",
                why=str(refusal),
                hint="--allow-pickle takes it as it is; only for a model whose origin you know",
            ) from None
    try:
        return _opened(folder)
    except ImportError as failure:
        raise ModelError(
            "the MLflow model does not open here", why=str(failure), hint="install it"
        ) from failure


def _opened(folder: Path) -> MlflowAnswering:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints
        import mlflow.pyfunc

        return MlflowAnswering(mlflow.pyfunc.load_model(str(folder), suppress_warnings=True))


def rows_of(answering: MlflowAnswering) -> Any:
    """Return rows the model itself brings: its input example, else one made up from its signature.

    Raises
    ------
    UsageError
        When it brings neither, or does not answer the made-up row.
    """
    example = getattr(answering.model, "input_example", None)
    if example is not None:
        return as_model_input(example)
    hint = "give --data with some rows of what it takes"
    made_up = _made_up(answering.model.metadata.signature)
    if made_up is None:
        raise UsageError("the MLflow model does not say what it takes", hint=hint)
    try:
        answering.predict(made_up)
    except Exception as failure:
        raise UsageError("the MLflow model brings no example of what it takes", hint=hint) from failure
    return made_up


def _made_up(signature: Any) -> Any:
    if signature is None or signature.inputs is None:
        return None
    if signature.inputs.is_tensor_spec():
        spec = signature.inputs.inputs[0]
        return np.zeros([1 if size < 0 else size for size in spec.shape], dtype=spec.type)
    import pandas as pd

    columns = {spec.name: [_VALUES.get(getattr(spec.type, "name", ""))] for spec in signature.inputs.inputs}
    return pd.DataFrame(columns)
