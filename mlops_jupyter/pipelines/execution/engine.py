"""The papermill engine ``mlops``: papermill's own, with failures told by evidence and no idle waiting.

Its entry point makes ``papermill --engine mlops in.ipynb out.ipynb`` work too. Imported by papermill alone.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from papermill.engines import NBClientEngine, NotebookExecutionManager

from mlops_jupyter.pipelines.execution.client import StepClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbformat import NotebookNode

    from mlops_jupyter.pipelines.execution.job import Progress


@dataclass
class Seen:
    """What a run of a notebook brings to light, as it goes."""

    values: dict[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    peak_bytes: int = 0


@dataclass(frozen=True)
class Attempt:
    """How to run a notebook once.

    Parameters
    ----------
    manager : callable
        Makes the manager of a kernel by its name, not yet started.
    environment : mapping of str to str
        Of the kernel.
    folder : str
        Where the kernel works.
    save : callable
        Writes the notebook as it stands.
    tell : callable
        Hears how far it is.
    seconds : float or None
        How long it may take.
    seen : Seen
        Where to note what comes to light.
    """

    manager: Callable[[str], Any]
    environment: Mapping[str, str]
    folder: str
    save: Callable[[NotebookNode], None]
    tell: Callable[[Progress], None]
    seconds: float | None = None
    seen: Seen = field(default_factory=Seen)


def plain_attempt(save: Callable[[], None]) -> Attempt:
    """Return how papermill's own command runs a notebook: a new kernel, here, with all that is around."""
    from jupyter_client.manager import AsyncKernelManager

    return Attempt(
        manager=lambda name: AsyncKernelManager(kernel_name=name),
        environment=os.environ,
        folder=os.getcwd(),  # noqa: PTH109 (papermill has changed to it)
        save=lambda _: save(),
        tell=lambda _: None,
    )


class StepManager(NotebookExecutionManager):
    """Keeps papermill's marks in the notebook, and leaves it to the client when to save."""

    def save(self, **_: Any) -> None:
        """Do nothing: saving with each change costs more than running a small cell."""

    def notebook_complete(self, **_: Any) -> None:
        """Note when it ended; cells that never ran stay pending."""
        self.end_time = self.now()
        marks = self.nb.metadata.papermill
        marks["end_time"] = self.end_time.isoformat()
        marks["duration"] = (self.end_time - self.start_time).total_seconds()
        self.complete_pbar()
        self.cleanup_pbar()


class StepEngine(NBClientEngine):
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
        """Run the notebook; papermill calls this."""
        manager = StepManager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        attempt = options.pop("attempt", None)
        attempt = attempt or plain_attempt(lambda: NotebookExecutionManager.save(manager))
        manager.notebook_start()
        try:
            asyncio.run(StepClient(manager, attempt, kernel_name).run())
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
            attempt.save(nb)
        return nb
