"""What a runner is told to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline
    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.owners import Owner


@dataclass(frozen=True)
class Order:
    """One run, planned and begun.

    Parameters
    ----------
    pipeline : Pipeline
        With the steps that are part of the run, and no others.
    record : RunRecord
        The run as it stands in the store: its steps are WAITING, or SKIPPED already.
    sources : mapping
        The copy to read of each notebook that may have to run.
    seconds : mapping
        How long steps took when they last ran.
    workspace : Path
        The workspace's folder.
    owner : Owner
        Who claimed the pipeline.
    jobs : int
        How many steps may run at once.
    forced : bool
        Whether steps run even if nothing changed.
    hash_seed : str
        ``PYTHONHASHSEED`` of the kernels, which then are started from nothing; empty for the default.
    mirror : bool
        Whether MLflow is to show it.
    tracking : str or None
        The address of MLflow that was set; None for the workspace's own.
    """

    pipeline: Pipeline
    record: RunRecord
    sources: Mapping[Path, Path]
    seconds: Mapping[str, float]
    workspace: Path
    owner: Owner
    jobs: int = 2
    forced: bool = False
    hash_seed: str = ""
    mirror: bool = True
    tracking: str | None = None
