"""Open the model of a package, whatever it was saved as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .boosters import BoosterRuntime, open_catboost, open_lightgbm, open_xgboost
from .graph import GraphRuntime, open_graph
from .native import NativeRuntime, open_skops
from .pickled import open_pickled
from .prediction import Prediction, Runtime
from .preprocessed import PreprocessedRuntime, load_preprocessor
from .pyfunc import PyfuncRuntime, open_mlflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "BoosterRuntime",
    "GraphRuntime",
    "NativeRuntime",
    "Prediction",
    "PreprocessedRuntime",
    "PyfuncRuntime",
    "Runtime",
    "open_runtime",
]

_OPENERS: dict[str, Callable[[Path, dict[str, Any], dict[str, Any]], Runtime]] = {
    "onnx": open_graph,
    "skops": open_skops,
    "xgboost": open_xgboost,
    "lightgbm": open_lightgbm,
    "catboost": open_catboost,
    "cloudpickle": open_pickled,
    "mlflow": open_mlflow,
}


def open_runtime(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> Runtime:
    """Open the model of a verified package.

    Parameters
    ----------
    folder : Path
        The package. It must have been verified: this reads what it is given.
    config : dict
        ``config/model_config.yaml``.
    schema : dict
        ``model/feature_schema.json``.

    Raises
    ------
    UntrustedModelError
        When the file holds what may not be loaded.
    """
    if config["format"] not in _OPENERS:
        raise ValueError(f"unknown model format {config['format']!r}; known: {', '.join(sorted(_OPENERS))}")
    runtime = _OPENERS[config["format"]](folder, config, schema)
    if entry := config.get("preprocessor"):
        preprocessor = load_preprocessor(folder, entry, config.get("code") or ())
        return PreprocessedRuntime(preprocessor, runtime, schema)
    return runtime
