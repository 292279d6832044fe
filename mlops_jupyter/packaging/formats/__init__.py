"""Save a fitted model so that it answers elsewhere what it answers here, and say why in this format."""

from __future__ import annotations

from .saving import SavedModel, save_model

__all__ = ["SavedModel", "save_model"]
