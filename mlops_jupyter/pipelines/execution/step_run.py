"""One try at a step: its notebook through papermill, from the kernel to what came of it."""

from __future__ import annotations

import errno
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.execution.attempt import Attempt, Seen
from mlops_jupyter.pipelines.execution.failures import StepError, StepStopped, one_line
from mlops_jupyter.pipelines.execution.job import Failure, Outcome, Progress
from mlops_jupyter.pipelines.execution.loading import kernel_and_language, load_papermill, speaking
from mlops_jupyter.pipelines.execution.local_code import named
from mlops_jupyter.pipelines.execution.masking import Mask, mask_of
from mlops_jupyter.pipelines.execution.saving import EXECUTED, save_notebook
from mlops_jupyter.pipelines.execution.surroundings import environment_of, given_as_parameters, write_about
from mlops_jupyter.pipelines.execution.values import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import StepJob
    from mlops_jupyter.pipelines.kernels.supply import Kernels

__all__ = ["load_papermill", "run_step"]

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        Whatever happens: no exception of the notebook, the kernel or the disk comes out of here. Secrets of
        the step stand nowhere in it, nor in what was written and told.
    """
    began, seen, mask = time.monotonic(), Seen(), Mask()
    failure, stopped = None, False
    try:
        mask = mask_of(job.step.secrets.values(), given_as_parameters(job.step))
        run_notebook(job, kernels, masked_tell(tell, mask), mask, seen)
        failure = missing_outputs(job)
    except StepStopped:
        stopped = True
    except StepError as error:
        failure = error.failure
    except MlopsError as error:
        failure = Failure("error", str(error))
    except OSError as error:
        failure = of_disk(job.folder, error)
    seconds = time.monotonic() - began
    state = "STOPPED" if stopped else "FAILED" if failure else "SUCCEEDED"
    return Outcome(
        state,  # type: ignore[arg-type]
        seconds,
        failure and masked_failure(failure, mask),
        values=mask.tree(seen.values),
        modules=seen.modules,
        reads=seen.reads,
        cells=seen.cells,
        peak_bytes=seen.peak_bytes,
    )


def run_notebook(
    job: StepJob, kernels: Kernels | None, tell: Callable[[Progress], None], mask: Mask, seen: Seen
) -> None:
    """Give a step's notebook to papermill.

    Raises
    ------
    StepError
        When it failed.
    StepStopped
        When this process was told to stop.
    """
    load_papermill()
    import papermill

    source = job.source or job.step.notebook
    document = read_notebook(source)
    kernel, language = kernel_and_language(document.get("metadata", {}), job.step.kernel)
    write_about(job)
    attempt = attempt_of(job, kernels, tell, mask, seen)
    try:
        with speaking():
            papermill.execute_notebook(
                escaped(source),
                None,
                parameters=dict(job.step.parameters),
                engine_name="mlops",
                kernel_name=kernel,
                language=language,
                progress_bar=False,
                attempt=attempt,
            )
    except papermill.PapermillException as error:
        raise StepError(Failure("runner", one_line(str(error)))) from error
    finally:
        seen.modules = tuple(sorted({*seen.modules, *named_files(job, document)} - {str(job.step.notebook)}))


def read_notebook(source: Path) -> dict[str, Any]:
    """Return a notebook as it stands in its file."""
    try:
        document: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StepError(Failure("runner", f"{source} is no notebook: {one_line(str(error))}")) from error
    if not isinstance(document, dict) or "nbformat" not in document:
        raise StepError(
            Failure("runner", f"{source} is no notebook: it is JSON without a version (nbformat)")
        )
    return document


def attempt_of(
    job: StepJob, kernels: Kernels | None, tell: Callable[[Progress], None], mask: Mask, seen: Seen
) -> Attempt:
    """Return how the engine is to run a job's notebook."""
    from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager
    from mlops_jupyter.pipelines.kernels.specs import named_spec

    environment, folder, executed = environment_of(job), job.step.notebook.parent, job.folder / EXECUTED

    def manager(name: str) -> StepKernelManager:
        if kernels is None:
            return StepKernelManager.of(named_spec(name), environment, folder)
        return kernels.manager(replace(job.step, kernel=name), environment, folder)

    return Attempt(
        manager=manager,
        save=lambda notebook, durable: save_notebook(notebook, executed, mask, durable),
        tell=tell,
        seconds=job.step.timeout,
        memory=job.step.resources.memory,
        marks={**about(job), "output_path": str(executed)},
        seen=seen,
    )


def about(job: StepJob) -> dict[str, Any]:
    """Return what an executed notebook says of its run; JSON that every reader of notebooks knows."""
    told = {"pipeline": job.pipeline, "run": job.run, "step": job.step.name}
    parameters = finite(json.loads(json.dumps(dict(job.step.parameters), default=str)))
    return {**told, "input_path": str(job.step.notebook), "parameters": parameters}


def named_files(job: StepJob, document: Mapping[str, Any]) -> set[str]:
    """Return the files of code that the cells of a notebook name."""
    cells = [cell for cell in document.get("cells", ()) if cell.get("cell_type") == "code"]
    return named(("".join(cell.get("source", "")) for cell in cells), job.step.notebook.parent)


def escaped(path: Path) -> str:
    """Return a path as papermill takes it: it fills in what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def missing_outputs(job: StepJob) -> Failure | None:
    """Return why a step failed that did not write all that it promised; None when it did."""
    missing = [name for name in job.step.outputs if not (job.root / name).exists()]
    if not missing:
        return None
    return Failure("output", f"ran to its end, but there is no {' and no '.join(missing)}")


def masked_tell(tell: Callable[[Progress], None], mask: Mask) -> Callable[[Progress], None]:
    """Return a `tell` that tells no secrets."""
    return lambda progress: tell(replace(progress, source=mask.text(progress.source)))


def masked_failure(failure: Failure, mask: Mask) -> Failure:
    """Return a failure without secrets."""
    message, source, detail = map(mask.text, (failure.message, failure.source, failure.detail))
    return replace(failure, message=message, source=source, detail=detail)


def of_disk(folder: Path, error: OSError) -> Failure:
    """Return why a step failed whose files could not be read or written."""
    if error.errno in FULL:
        return Failure("disk", f"the disk of {folder} is full; free some space: %mlops pipeline clean")
    return Failure("runner", one_line(f"{type(error).__name__}: {error}"))
