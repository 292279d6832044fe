"""Open the model of a package, whatever it was saved as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph import GraphRuntime, open_graph
from .native import NativeRuntime, open_skops
from .prediction import Prediction, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["GraphRuntime", "NativeRuntime", "Prediction", "Runtime", "open_runtime"]

_OPENERS: dict[str, Callable[[Path, dict[str, Any], dict[str, Any]], Runtime]] = {
    "onnx": open_graph,
    "skops": open_skops,
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
        When a skops file holds what may not be loaded.
    """
    if config["format"] not in _OPENERS:
        raise ValueError(f"unknown model format {config['format']!r}; known: {', '.join(sorted(_OPENERS))}")
    return _OPENERS[config["format"]](folder, config, schema)
