"""A folder with notebooks and a pipeline.yaml, as a test writes them."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.definition.positions import PipelineError
from mlops_jupyter.pipelines.definition.reading import read_pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline

MOMENT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Project:
    folder: Path

    def notebook(self, name: str, *cells: str, parameters: str = "", language: str = "python") -> Path:
        tagged = [cell(parameters, tags=["parameters"])] if parameters else []
        content = {
            "cells": [*tagged, *map(cell, cells)],
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3"},
                "language_info": {"name": language},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    def write(self, text: str) -> Path:
        file = self.folder / "pipeline.yaml"
        file.write_text(textwrap.dedent(text))
        return file

    def read(self, text: str, moment: datetime = MOMENT, **given: Any) -> Pipeline:
        return read_pipeline(self.write(text), given, moment)

    def refused(self, text: str, **given: Any) -> str:
        with pytest.raises(PipelineError) as caught:
            self.read(text, **given)
        return str(caught.value)


def cell(source: str, kind: str = "code", tags: list[str] | None = None) -> dict[str, Any]:
    made = {"cell_type": kind, "source": source, "metadata": {"tags": tags} if tags else {}}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "delays")
    made.folder.mkdir()
    for name in "abc":
        made.notebook(f"{name}.ipynb", "1 + 1")
    return made
