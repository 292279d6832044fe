"""Runs one notebook as a step, in a process that a test can kill: ``one_step.py NOTEBOOK FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.execution.job import StepJob
from mlops_jupyter.pipelines.execution.step_run import run_step

if __name__ == "__main__":
    notebook, folder = map(Path, sys.argv[1:])
    job = StepJob(
        Step("step", notebook), "run", "flights", notebook.parent, notebook.parent / ".mlops", folder
    )
    print(run_step(job, None, lambda _: None))
