"""The conversation with a kernel, cell by cell; imported with papermill."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.log import logger

from mlops_jupyter.pipelines.execution.conversation import exit_code, kernel
from mlops_jupyter.pipelines.execution.failures import StepError, first_lines, of_death, of_error, of_exit
from mlops_jupyter.pipelines.execution.job import Failure, Progress
from mlops_jupyter.pipelines.execution.values import MIME

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nbformat import NotebookNode

    from mlops_jupyter.pipelines.execution.engine import Attempt, StepManager

GRACE_SECONDS: Final = 5.0
HISTORY: Final = ":memory:"


class StepClient(PapermillNotebookClient):
    """Runs the cells of one notebook in one kernel."""

    def __init__(self, manager: StepManager, attempt: Attempt, kernel_name: str) -> None:
        super().__init__(manager, raise_on_iopub_timeout=True, kernel_name=kernel_name, log=logger)
        self.iopub_timeout = 60  # outputs of many megabytes come after the reply
        self.attempt, self.seen = attempt, attempt.seen
        self.index = 0
        self.order = [index for index, cell in enumerate(self.nb.cells) if runs(cell)]

    async def run(self) -> None:
        """Start the kernel, run the cells, end the kernel.

        Raises
        ------
        StepError
            With the reason.
        """
        began = time.monotonic()
        self.km = self.attempt.manager(self.kernel_name)
        async with kernel(self.km, self.attempt.environment, self.attempt.folder) as self.kc:
            self.kc.allow_stdin = False
            left = self.attempt.seconds and self.attempt.seconds - (time.monotonic() - began)
            await self.within(self.cells(), left)

    async def within(self, work: Coroutine[Any, Any, None], seconds: float | None) -> None:
        """Do the work, but no longer than that: then the kernel is interrupted, and killed if need be."""
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait([task], timeout=seconds)
        if done:
            return await task
        await self.km.interrupt_kernel()
        done, _ = await asyncio.wait([task], timeout=GRACE_SECONDS)
        if not done:
            await self.km.shutdown_kernel(now=True)
            task.cancel()
        with suppress(StepError, asyncio.CancelledError, DeadKernelError):
            await task
        raise StepError(self.failed("timeout", f"took longer than {self.attempt.seconds:g} s"))

    async def cells(self) -> None:
        """Run the cells one after the other, up to the first that fails."""
        for done, index in enumerate(self.order):
            self.index, cell = index, self.nb.cells[index]
            self.attempt.tell(Progress(done, len(self.order), first_lines(cell.source, 1)))
            self.nb_man.cell_start(cell, index)
            try:
                await self.cell(cell, index)
            except StepError:
                self.nb_man.cell_exception(cell, cell_index=index)
                raise
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)
        self.attempt.tell(Progress(len(self.order), len(self.order)))

    async def cell(self, cell: NotebookNode, index: int) -> None:
        """Run one cell, and look at what came of it."""
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError as failure:
            error = {"ename": failure.ename, "evalue": failure.evalue, "traceback": tracebacks(cell)}
            self.judge(error, cell)
        except DeadKernelError as failure:
            code = await exit_code(self.km)
            raise StepError(of_death(code, index + 1, cell.source)) from failure
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                self.judge(output, cell)

    def judge(self, error: Any, cell: NotebookNode) -> None:
        """Fail, unless it is an exit without an error in the last cell."""
        if error["ename"] != "SystemExit":
            raise StepError(of_error(error, self.index + 1, cell.source))
        code, place = str(error["evalue"]), self.order.index(self.index) + 1
        if code not in ("", "0", "None") or place < len(self.order):
            raise StepError(of_exit(code, place, len(self.order), cell.source))

    def failed(self, kind: Any, message: str) -> Failure:
        """Return a failure of the cell that runs."""
        return Failure(kind, message, self.index + 1, first_lines(self.nb.cells[self.index].source))

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Note the values that a notebook gives."""
        given = msg["content"].get("data", {}).get(MIME) if "data" in msg["content"] else None
        if given:
            self.seen.values[str(given["name"])] = given["value"]
        return super().process_message(msg, cell, cell_index)


def runs(cell: NotebookNode) -> bool:
    """Whether there is something to run in a cell."""
    skipped = "skip-execution" in cell.metadata.get("tags", [])
    return cell.cell_type == "code" and bool(cell.source.strip()) and not skipped


def tracebacks(cell: NotebookNode) -> list[str]:
    """Return the lines of the last traceback that a cell shows."""
    shown = [output.traceback for output in cell.outputs if output.output_type == "error"]
    return list(shown[-1]) if shown else []
