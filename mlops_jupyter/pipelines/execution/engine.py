"""The papermill engine ``mlops``: papermill's own, with failures told by evidence and no idle waiting.

Its entry point makes ``papermill --engine mlops in.ipynb out.ipynb`` work too. Papermill imports this in the
middle of its own import, so this imports nothing of papermill before it is used.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.execution.attempt import Attempt
from mlops_jupyter.pipelines.execution.failures import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbformat import NotebookNode


class StepEngine:
    """Runs the cells of a notebook in a kernel of its own, and fails when one of them did."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **options: Any,
    ) -> NotebookNode:
        """Run the notebook; papermill calls this.

        Returns
        -------
        NotebookNode
            The executed notebook. An empty one to a step's own process, which has it saved already: papermill
            would check it once more, write it nowhere, and take every error that it shows for a failure,
            those that its author expects too.

        Raises
        ------
        StepError
            With the reason for which it failed.
        StepStopped
            When the process was told to stop.
        """
        from mlops_jupyter.pipelines.execution.client import StepClient
        from mlops_jupyter.pipelines.execution.marks import StepManager

        manager = StepManager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        of_step = options.get("attempt")
        attempt = of_step or plain_attempt(manager.write)
        without_old_parameters(nb)
        nb.metadata.papermill.update(attempt.marks)
        manager.notebook_start()
        try:
            asyncio.run(StepClient(manager, attempt, kernel_name, **of_client(log_output, options)).run())
        except StepError as error:
            failure = error.failure
            marks = {"kind": failure.kind, "message": failure.message, "cell": failure.cell}
            nb.metadata.papermill.update(exception=True, failure=marks)
            raise
        finally:
            manager.notebook_complete()
            attempt.save(nb, True)
        return type(nb)(cells=[], metadata={}, nbformat=4, nbformat_minor=5) if of_step else nb

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Return the kernel that a notebook runs in."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Return the language that a notebook's parameters are written in."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))


def of_client(log_output: bool, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what papermill's own command may ask of the client: where outputs go too, seconds for a cell."""
    asked = {name: options.get(name) for name in ("stdout_file", "stderr_file")}
    return {**asked, "log_output": log_output, "timeout": options.get("execution_timeout")}


def plain_attempt(write: Callable[[], None]) -> Attempt:
    """Return how papermill's own command runs a notebook: in a new kernel, here, with all that is around."""
    from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager
    from mlops_jupyter.pipelines.kernels.specs import named_spec

    return Attempt(
        manager=lambda name: StepKernelManager.of(named_spec(name), os.environ, Path.cwd()),
        save=lambda *_: write(),
        tell=lambda _: None,
    )


def without_old_parameters(notebook: NotebookNode) -> None:
    """Take out parameters that an earlier run left in its input; papermill only replaces them by new ones."""
    if not notebook.metadata.papermill.get("parameters"):
        notebook.cells = [
            cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])
        ]
