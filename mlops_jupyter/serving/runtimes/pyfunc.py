"""Any MLflow model, served through its own flavour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..batch import as_model_input
from ..trust import UntrustedModelError, check_skops
from .prediction import Prediction, as_declared, split_outputs

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ..batch import Batch

# what these end with is unpickled, or rebuilt by code that the file brings along
PICKLED = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pt", ".pth", ".bin", ".h5", ".keras")


class PyfuncRuntime:
    """A loaded pyfunc.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
        The model.
    schema : dict
        ``model/feature_schema.json``.
    """

    def __init__(self, model: Any, schema: dict[str, Any]) -> None:
        self.model = model
        self._schema = schema

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        return self.predict_input(as_model_input(batch, self._schema))

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes."""
        answer = self.model.predict(model_input)
        values = list(answer.values()) if isinstance(answer, dict) else split_outputs(answer)
        outputs = self._schema["output"]["outputs"]
        return Prediction([as_declared(np.asarray(v), o) for v, o in zip(values, outputs, strict=True)])


def refuse_pickles(folder: Path, code: Collection[str] = ()) -> None:
    """Refuse an MLflow model that would be unpickled; its skops files must pass our own list.

    Raises
    ------
    UntrustedModelError
        Naming the file.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICKLED:
            raise UntrustedModelError(f"{path.relative_to(folder)} would be unpickled", (path.name,))
        if path.suffix.lower() == ".skops":
            # MLflow believes the trusted types that the model's own MLmodel file lists
            check_skops(path, code)


def open_mlflow(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> PyfuncRuntime:
    """Open a copied MLflow model; pickles only where the package's own configuration allows them."""
    if not config["options"]["pickle"]:
        refuse_pickles(folder / config["model"], config.get("code") or ())
    import mlflow.pyfunc

    return PyfuncRuntime(mlflow.pyfunc.load_model(str(folder / config["model"])), schema)
