"""Any MLflow model, served through its own flavour."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from ..model_input import input_maker
from ..trust import UntrustedModelError, check_skops
from .prediction import Prediction, as_declared, split_outputs

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ..batch import Batch

# what these end with is unpickled, or rebuilt by code that the file brings along
PICKLED = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pt", ".pth", ".bin", ".h5", ".keras")
CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".zip", ".egg", ".whl")
# MLflow's loaders that read data and do nothing else, and what the files are called that they read so
DATA_ONLY = {
    "mlflow.sklearn": (".skops",),
    "mlflow.lightgbm": (".lgb",),
    "mlflow.xgboost": (".ubj", ".json", ".xgb"),
    "mlflow.catboost": (".cb",),
    "mlflow.onnx": (".onnx",),
}
_RUNS = "runs code of its own when the model is loaded"


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
        self._input = input_maker(schema)

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        return self.predict_input(self._input(batch))

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes."""
        answer = self.model.predict(model_input)
        values = list(answer.values()) if isinstance(answer, dict) else split_outputs(answer)
        outputs = self._schema["output"]["outputs"]
        return Prediction([as_declared(np.asarray(v), o) for v, o in zip(values, outputs, strict=True)])


def refuse_pickles(folder: Path, code: Collection[str] = ()) -> None:
    """Refuse an MLflow model that would be unpickled or runs code of its own when it is loaded.

    What MLflow does with a file is decided by its ``MLmodel``, not by the file's name. So only loaders that
    are known to read nothing but data are let through, each with the files it reads as such; its skops files
    must pass our own list.

    Parameters
    ----------
    folder : Path
        The MLflow model: nothing in it is loaded.
    code : collection of str
        Top-level modules of the package's own ``code/``, which its skops files may name.

    Raises
    ------
    UntrustedModelError
        Naming the file, or the loader.
    """
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if suffix in PICKLED:
            raise UntrustedModelError(f"{path.relative_to(folder)} would be unpickled", (path.name,))
        if suffix in CODE:
            raise UntrustedModelError(f"{path.relative_to(folder)} {_RUNS}", (path.name,))
        if suffix == ".skops":
            # MLflow believes the trusted types that the model's own MLmodel file lists
            check_skops(path, code)
    flavours = _flavours(folder)
    _refuse_code(flavours)
    _refuse_other_data(flavours)


def _flavours(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        flavours: dict[str, dict[str, Any]] = yaml.safe_load((folder / "MLmodel").read_bytes())["flavors"]
        return {str(name): dict(flavour) for name, flavour in flavours.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        raise UntrustedModelError("its MLmodel file cannot be read") from None


def _refuse_code(flavours: dict[str, dict[str, Any]]) -> None:
    """Refuse code that the model brings, and loaders that may do more than read data."""
    for flavour in flavours.values():
        for own in (flavour.get("code"), flavour.get("model_code_path")):
            if own:
                raise UntrustedModelError(f"{own} {_RUNS}", (str(own),))
    loader = str(flavours.get("python_function", {}).get("loader_module"))
    if loader not in DATA_ONLY:
        raise UntrustedModelError(f"its loader {loader} {_RUNS}", (loader,))


def _refuse_other_data(flavours: dict[str, dict[str, Any]]) -> None:
    """Refuse data that the loader would not read as the data it is named."""
    function = flavours["python_function"]
    loader = function["loader_module"]
    library = loader.removeprefix("mlflow.")
    own = flavours.get(library, {})
    named, suffixes = str(own.get("model_class", f"{library}.")), DATA_ONLY[loader]
    if not named.startswith(f"{library}."):
        raise UntrustedModelError(f"{named} {_RUNS}", (named,))
    if library == "lightgbm" and named not in ("lightgbm.", "lightgbm.basic.Booster"):
        suffixes = (".skops",)  # an estimator, which MLflow leaves to its loader for scikit-learn
    if suffixes == (".skops",) and own.get("serialization_format") != "skops":
        raise UntrustedModelError("its estimator would be unpickled", (named,))
    for name in (part.get(key) for part in (function, own) for key in ("data", "model_path")):
        if name is not None and (name != PurePath(name).name or not name.endswith(suffixes)):
            raise UntrustedModelError(f"{name} is no file that {loader} reads as data", (str(name),))


def open_mlflow(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> PyfuncRuntime:
    """Open a copied MLflow model; pickles and code only where the package's own configuration allows them."""
    if config["options"].get("pickle") is not True:
        refuse_pickles(folder / config["model"], config.get("code") or ())
    import mlflow.pyfunc

    return PyfuncRuntime(mlflow.pyfunc.load_model(str(folder / config["model"])), schema)
