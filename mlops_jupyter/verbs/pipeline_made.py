"""The pipeline's file that was written for notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_jupyter.verbs.pipeline_report import near
from mlops_jupyter.verbs.results import Code, Note, Result

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlops_jupyter.verbs.results import Block


@dataclass(frozen=True)
class PipelineWritten(Result):
    """A pipeline's file, to look over and change.

    Parameters
    ----------
    file : Path
        Where it is.
    text : str
        What is in it.
    """

    file: Path
    text: str

    @property
    def headline(self) -> str:
        """Where it is."""
        return f"wrote {near(self.file)}: look it over, then run it"

    def blocks(self) -> Iterable[Block]:
        """Yield the file, and what to do with it."""
        yield Code(self.text, "yaml")
        yield Note(f"%mlops pipeline run {near(self.file)}")
