"""Save a fitted model so that it answers elsewhere what it answers here: the format is chosen, and said why."""

from __future__ import annotations

from .saving import SavedModel, save_model

__all__ = ["SavedModel", "save_model"]
