"""Models saved by cloudpickle: only where the package's own, hashed configuration says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .native import NativeRuntime, made_ready

if TYPE_CHECKING:
    from pathlib import Path


def load_pickle(path: Path) -> Any:
    """Load what cloudpickle saved. It runs whatever the file says, so the package must have been verified."""
    import cloudpickle

    with path.open("rb") as file:
        return cloudpickle.load(file)


def open_pickled(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> NativeRuntime:
    """Open a model saved by cloudpickle."""
    return NativeRuntime(made_ready(load_pickle(folder / config["model"])), schema)
