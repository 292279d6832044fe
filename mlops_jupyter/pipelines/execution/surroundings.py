"""What a kernel finds around it: its environment, and the file that says which step of which run it is."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.execution.values import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.execution.job import StepJob

ABOUT: Final = "step.json"
PLAINLY_SECRET: Final = ("env:", "keyring:")  # a text that begins with file: may be the address of anything
THREADS: Final = (
    "LOKY_MAX_CPU_COUNT",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def environment_of(job: StepJob) -> dict[str, str]:
    """Return the kernel's environment: ours, its step, its workspace and how many threads it may use."""
    cpus = str(job.step.resources.cpus)
    threads = {name: cpus for name in THREADS if name not in os.environ}
    seed = {"PYTHONHASHSEED": job.hash_seed} if job.hash_seed else {}
    told = {VARIABLE: str(job.folder / ABOUT), "MLOPS_HOME": str(job.workspace)}
    told["JPY_SESSION_NAME"] = str(job.step.notebook)  # so Jupyter itself tells a kernel whose it is
    return {**os.environ, **threads, **seed, **told}


def given_as_parameters(step: Step) -> dict[str, str]:
    """Return references of secrets that are values of parameters, each by itself: ``env:TOKEN``."""
    texts = [value for value in step.parameters.values() if isinstance(value, str)]
    return {text: text for text in texts if text.startswith(PLAINLY_SECRET)}


def write_about(job: StepJob) -> Path:
    """Write what the notebook may ask for. Of secrets only where they are."""
    file = job.folder / ABOUT
    about = {
        "pipeline": job.pipeline,
        "run": job.run,
        "step": job.step.name,
        "attempt": job.attempt,
        "values": dict(job.values),
        "secrets": {**given_as_parameters(job.step), **job.step.secrets},
    }
    file.write_text(json.dumps(about), encoding="utf-8")
    return file
