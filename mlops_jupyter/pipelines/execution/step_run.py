"""One try at a step: its notebook through papermill, from the kernel to what came of it."""

from __future__ import annotations

import errno
import logging
import sys
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.execution.failures import StepError, one_line
from mlops_jupyter.pipelines.execution.job import Failure, Outcome
from mlops_jupyter.pipelines.execution.saving import EXECUTED, save_notebook
from mlops_jupyter.pipelines.execution.surroundings import environment_of, write_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.engine import Attempt
    from mlops_jupyter.pipelines.execution.job import Progress, StepJob
    from mlops_jupyter.pipelines.kernels.supply import Kernels


def load_papermill() -> None:
    """Import all that a step needs: a process that forks one per step does it once, for all."""
    # jsonschema's format checkers cost papermill's import 1.6 s and are not used here (jsonschema#1428)
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbformat
    import papermill

    import mlops_jupyter.pipelines.execution.engine  # noqa: F401

    with quiet():
        papermill.iorw.load_notebook_node(nbformat.v4.new_notebook())  # type: ignore[no-untyped-call]  # compiles the schema


def run_step(job: StepJob, kernels: Kernels | None, tell: Callable[[Progress], None]) -> Outcome:
    """Run a step's notebook, and say how it ended.

    Parameters
    ----------
    job : StepJob
        What to run.
    kernels : Kernels or None
        Where its kernel comes from; None starts a new one.
    tell : callable
        Hears how far it is.

    Returns
    -------
    Outcome
        Whatever happens: no exception of the notebook, the kernel or the disk comes out of here.
    """
    began = time.monotonic()
    load_papermill()
    from mlops_jupyter.pipelines.execution.engine import Seen

    seen, failure = Seen(), None
    try:
        write_about(job)
        run_notebook(job, attempt_of(job, kernels, tell, seen))
    except StepError as failed:
        failure = failed.failure
    except OSError as failed:
        failure = of_disk(job.folder, failed)
    return Outcome(
        state="FAILED" if failure else "SUCCEEDED",
        seconds=time.monotonic() - began,
        failure=failure,
        values=seen.values,
        modules=seen.modules,
        reads=seen.reads,
        peak_bytes=seen.peak_bytes,
    )


def attempt_of(job: StepJob, kernels: Kernels | None, tell: Callable[[Progress], None], seen: Any) -> Attempt:
    """Return how the engine is to run a job's notebook."""
    from jupyter_client.manager import AsyncKernelManager

    from mlops_jupyter.pipelines.execution.engine import Attempt

    environment, folder = environment_of(job), job.step.notebook.parent

    def manager(name: str) -> AsyncKernelManager:
        if kernels is None:
            return AsyncKernelManager(kernel_name=name)
        return kernels.manager(job.step, environment, folder)

    return Attempt(
        manager=manager,
        environment=environment,
        folder=str(folder),
        save=lambda notebook: save_notebook(notebook, job.folder / EXECUTED),
        tell=tell,
        seconds=job.step.timeout,
        seen=seen,
    )


def run_notebook(job: StepJob, attempt: Attempt) -> None:
    """Give the notebook to papermill."""
    import papermill
    from papermill.engines import papermill_engines

    from mlops_jupyter.pipelines.execution.engine import StepEngine

    papermill_engines.register("mlops", StepEngine)
    try:
        with quiet():
            papermill.execute_notebook(
                escaped(job.source or job.step.notebook),
                None,
                parameters=dict(job.step.parameters),
                engine_name="mlops",
                kernel_name=job.step.kernel or None,
                progress_bar=False,
                attempt=attempt,
            )
    except papermill.PapermillExecutionError:
        # it counts every error that a notebook shows, expected ones too; ours are raised as StepError
        return


def escaped(path: Path) -> str:
    """Return a path as papermill takes it: it fills in what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep papermill's remarks on the notebook from the process's own output."""
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def of_disk(folder: Path, failure: OSError) -> Failure:
    """Return why a step failed whose files could not be written."""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure("disk", f"the disk of {folder} is full; free some space: %mlops pipeline clean")
    return Failure("runner", one_line(f"{type(failure).__name__}: {failure}"))
