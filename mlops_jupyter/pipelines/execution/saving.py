"""Executed notebooks on the disk: whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

EXECUTED: Final = "executed.ipynb"


def save_notebook(notebook: Any, target: Path) -> None:
    """Write a notebook beside `target`, make it durable, and let it take its place in one step."""
    import nbformat

    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            # without the check of the schema, which costs more than all the rest
            file.write(nbformat.v4.writes(notebook))  # type: ignore[no-untyped-call]
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
