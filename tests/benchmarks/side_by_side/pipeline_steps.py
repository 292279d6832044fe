"""The steps that all run: notebooks of one cell, some that do nothing and some that only import."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of step.

    Parameters
    ----------
    name : str
        As in the table, and in the figures' names.
    source : str
        Its cell.
    warm : tuple of str
        What our pipeline says that it imports.
    """

    name: str
    source: str
    warm: tuple[str, ...] = ()


TRIVIAL = Kind("trivial", "print(1 + 1)")
HEAVY = Kind(
    "import_heavy", "import mlflow, sklearn.ensemble, pandas", ("pandas", "sklearn.ensemble", "mlflow")
)


def notebook(source: str) -> dict[str, object]:
    """Return a notebook of one cell, as JSON has it."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {"tags": tags},
            "outputs": [],
            "source": text,
        }
        for name, tags, text in (("parameters", ["parameters"], "number = 0"), ("work", [], source))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def write_steps(folder: Path, kind: Kind, count: int, mlflow: bool = False) -> Path:
    """Write notebooks and our pipeline of them; in MLflow it is shown only if asked: no other does that."""
    folder.mkdir(parents=True)
    names = [f"step_{number:03}" for number in range(count)]
    for name in names:
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook(kind.source)))
    ours = {
        name: {"notebook": f"{name}.ipynb", "parameters": {"number": at}, "warm": list(kind.warm)}
        for at, name in enumerate(names)
    }
    (folder / "pipeline.yaml").write_text(
        json.dumps({"name": kind.name, "mlflow": mlflow, "steps": ours})
    )  # JSON is YAML
    return folder
