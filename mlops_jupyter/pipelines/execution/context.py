"""Runs that are made inside a step of a pipeline bear which step of which run it was.

MLflow asks for it by the entry point ``mlflow.run_context_provider``, whoever starts a run and however: by
`mlflow.start_run`, by autolog, by a library. MLflow imports this wherever it is imported itself; so it stands
here, and not with the rest of what knows MLflow, which would load the store as well; and it is no subclass of
MLflow's `RunContextProvider`, for to import that one is to be imported by it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "MLOPS_PIPELINE_STEP"
TOLD = ("pipeline", "run", "step")


class StepContext:
    """Tags a run with its pipeline, run and step: ``mlops.pipeline``, ``mlops.run``, ``mlops.step``."""

    def in_context(self) -> bool:
        """Whether this process runs a step."""
        return VARIABLE in os.environ

    def tags(self) -> dict[str, str]:
        """Return the tags; none when the step cannot be read, for that is no reason to lose a run."""
        try:
            told: dict[str, Any] = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {f"mlops.{name}": str(told[name]) for name in TOLD if name in told}
