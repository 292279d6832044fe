"""Executed notebooks on the disk: whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.execution.streams import joined

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

    from mlops_jupyter.pipelines.execution.masking import Mask

EXECUTED: Final = "executed.ipynb"


def save_notebook(notebook: NotebookNode, target: Path, mask: Mask, durable: bool) -> None:
    """Write a notebook beside `target`, without secrets, and let it take its place in one step.

    Parameters
    ----------
    notebook : NotebookNode
        As it stands; it may be in the middle of a cell.
    target : Path
        Where it goes.
    mask : Mask
        Takes out secrets.
    durable : bool
        Whether it must outlast a loss of power.
    """
    import nbformat

    # without the check of the schema, which costs more than all the rest
    text = nbformat.v4.writes(mask.tree(tidy(notebook)))  # type: ignore[no-untyped-call]
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook whose cells show in one piece what they printed in a row."""
    cells = [
        type(cell)({**cell, "outputs": joined(cell.outputs)}) if "outputs" in cell else cell
        for cell in notebook.cells
    ]
    return type(notebook)({**notebook, "cells": cells})
