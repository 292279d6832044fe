"""Tracking: a cell run inside an MLflow run."""

from __future__ import annotations


def last_run(name: str | None = None) -> str | None:
    """Return the latest tracked run of this process, or the latest whose cell names the variable."""
    return None
