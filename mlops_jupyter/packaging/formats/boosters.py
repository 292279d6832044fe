"""xgboost, lightgbm and catboost models in the files of their own libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_jupyter.serving.runtimes.boosters import CATBOOST, XGBOOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIGHTGBM = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker", "Booster")


def library(model: Any) -> str | None:
    """Return ``xgboost``, ``lightgbm`` or ``catboost`` when the model can be saved in that library's format.

    Examples
    --------
    >>> library(object()) is None
    True
    """
    home, name = type(model).__module__.partition(".")[0], type(model).__name__
    names = {"xgboost": (*XGBOOST, "Booster"), "lightgbm": LIGHTGBM, "catboost": CATBOOST}
    return home if name in names.get(home, ()) else None


def write(model: Any, folder: Path, home: str) -> dict[str, Any]:
    """Write the model, and return what its configuration must say."""
    return _WRITERS[home](model, folder)


def _xgboost(model: Any, folder: Path) -> dict[str, Any]:
    model.save_model(folder / "model/model.ubj")
    options = {
        "class": type(model).__name__,
        "categorical": bool(getattr(model, "enable_categorical", False)),
    }
    return {"format": "xgboost", "model": "model/model.ubj", "options": options}


def _lightgbm(model: Any, folder: Path) -> dict[str, Any]:
    booster = getattr(model, "booster_", model)
    (folder / "model/model.txt").write_text(booster.model_to_string(), encoding="utf-8", newline="\n")
    return {"format": "lightgbm", "model": "model/model.txt", "options": {"class": type(model).__name__}}


def _catboost(model: Any, folder: Path) -> dict[str, Any]:
    model.save_model(str(folder / "model/model.cbm"), format="cbm")
    return {"format": "catboost", "model": "model/model.cbm", "options": {"class": type(model).__name__}}


_WRITERS: dict[str, Callable[[Any, Path], dict[str, Any]]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}
