"""The last resort, when it is allowed: cloudpickle, which takes functions of the notebook along by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


def write(model: Any, path: Path) -> None:
    """Save an object with cloudpickle.

    Raises
    ------
    ModelError
        When cloudpickle is not installed, or cannot hold the object either.
    """
    try:
        import cloudpickle
    except ImportError:
        raise ModelError(
            "cloudpickle is not installed", hint="pip install 'mlops_jupyter[by-value]'"
        ) from None
    try:
        path.write_bytes(cloudpickle.dumps(model))
    except Exception as problem:  # noqa: BLE001  (an object of the user's can refuse in any way)
        raise ModelError(f"{type(model).__name__} cannot be saved by cloudpickle", why=str(problem)) from None
