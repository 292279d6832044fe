"""The conversation with a kernel, cell by cell; imported with papermill."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.log import logger

from mlops_jupyter.pipelines.execution.conversation import (
    ask,
    death,
    kernel,
    kill,
    manager_of,
    peak_bytes,
    process_id,
)
from mlops_jupyter.pipelines.execution.failures import StepError, first_lines, of_error, of_exit, placed
from mlops_jupyter.pipelines.execution.job import Failure, Progress
from mlops_jupyter.pipelines.execution.limits import out_of_memory, out_of_time, told_to_stop
from mlops_jupyter.pipelines.execution.memory import look, size
from mlops_jupyter.pipelines.execution.streams import joined
from mlops_jupyter.pipelines.execution.values import MIME

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nbformat import NotebookNode

    from mlops_jupyter.pipelines.execution.attempt import Attempt
    from mlops_jupyter.pipelines.execution.marks import StepManager

GRACE_SECONDS: Final = 3.0
END_SECONDS: Final = 10.0  # by hand Jupyter gives a kernel 5 s
FIRST_SAVE_SECONDS: Final = 0.5
SAVE_SECONDS: Final = 2.0
SILENT: Final = Failure("dead kernel", "the kernel fell silent in the middle of a cell")
MOST_PRINTED: Final = 50_000_000  # by one cell
SAVING_SHARE: Final = 20  # saving may take a twentieth of the time


class StepClient(PapermillNotebookClient):
    """Runs the cells of one notebook in one kernel.

    Parameters
    ----------
    manager : StepManager
        Keeps papermill's marks in the notebook.
    attempt : Attempt
        How to run it.
    kernel_name : str
        In which kernel.
    options
        Of papermill's own client.
    """

    def __init__(self, manager: StepManager, attempt: Attempt, kernel_name: str, **options: Any) -> None:
        super().__init__(manager, raise_on_iopub_timeout=True, kernel_name=kernel_name, log=logger, **options)
        self.iopub_timeout = 60  # outputs of many megabytes come long after the reply
        self.on_cell_executed = self._heed_exit
        self.attempt, self.seen = attempt, attempt.seen
        self.order = [index for index, cell in enumerate(self.nb.cells) if runs(cell)]
        self.seen.cells = len(self.order)
        self.current: int | None = None
        self.ending = self.left = self.changed = False
        self.printed = 0

    async def run(self) -> None:
        """Start the kernel, run the cells, end the kernel.

        Raises
        ------
        StepError
            With the reason.
        StepStopped
            When the process was told to stop.
        """
        began = time.monotonic()
        self.km = manager_of(self.attempt.manager, self.kernel_name)
        limits = [
            out_of_time(self.attempt.seconds, began),
            out_of_memory(lambda: process_id(self.km), self.attempt.memory, self.seen),
            told_to_stop(),
            self.save_now_and_then(),
        ]
        try:
            await self.within(self.conversation(), limits)
        except StepError as error:
            raise StepError(self.marked(error.failure)) from error

    async def within(self, work: Coroutine[Any, Any, None], limits: list[Coroutine[Any, Any, Any]]) -> None:
        """Do the work, but end it when one of the limits raises."""
        task, watches = asyncio.ensure_future(work), [asyncio.ensure_future(limit) for limit in limits]
        try:
            await asyncio.wait([task, *watches], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await self.break_off(task)
                next(watch for watch in watches if watch.done()).result()
            await task
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def break_off(self, task: asyncio.Future[None]) -> None:
        """Interrupt the kernel, as Ctrl-C does; kill it when it does not heed that."""
        self.ending = True
        if self.kc is not None:
            await self.km.interrupt_kernel()
            await asyncio.wait([task], timeout=GRACE_SECONDS)
        if not task.done():
            await kill(self.km)
            task.cancel()
        with suppress(StepError, asyncio.CancelledError):
            await task

    async def conversation(self) -> None:
        """Run all cells in a kernel, then ask it what it ran."""
        async with kernel(self.km, self.patience) as (self.kc, language):
            self.kc.allow_stdin = False
            self.nb.metadata["language_info"] = language
            self.seen.last = self.before = look(None)
            try:
                await self.cells()
            finally:
                self.note(await ask(self.kc, self.km, language, self.patience()))
                self.set_widgets_metadata()

    def patience(self) -> float:
        """Return how long the kernel may take to end: what it does at its exit is part of the step."""
        return GRACE_SECONDS if self.ending else END_SECONDS

    async def cells(self) -> None:
        """Run the cells one after the other, up to the first that fails."""
        for done, index in enumerate(self.order):
            if self.ending or self.left:
                return
            self.current, self.printed, cell = index, 0, self.nb.cells[index]
            self.attempt.tell(Progress(done, len(self.order), first_lines(cell.source, 1)))
            self.nb_man.cell_start(cell, index)
            try:
                await self.cell(cell, index)
            except StepError:
                self.nb_man.cell_exception(cell, cell_index=index)
                raise
            finally:
                cell.outputs = joined([*cell.outputs, *self.left_out()])
                self.nb_man.cell_complete(cell, cell_index=index)
        self.attempt.tell(Progress(len(self.order), len(self.order)))

    async def cell(self, cell: NotebookNode, index: int) -> None:
        """Run one cell, and look at what came of it."""
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError as error:
            shown = [output for output in cell.outputs if output.output_type == "error"]
            self.judge({"ename": error.ename, "evalue": error.evalue, "traceback": []}, shown)
        except CellTimeoutError as error:
            # papermill's own command may limit a cell; without that it is the end of the outputs that is late
            late = (
                Failure("timeout", f"the cell took longer than {self.timeout} s") if self.timeout else SILENT
            )
            raise StepError(late) from error
        except DeadKernelError as error:
            self.seen.peak_bytes = max(self.seen.peak_bytes, peak_bytes(self.km))
            raise StepError(await death(self.km, self.before, self.seen.last)) from error
        else:
            expected = "raises-exception" in cell.metadata.get("tags", [])
            shown = [output for output in cell.outputs if output.output_type == "error" and not expected]
            if shown:  # of code that ran inside of another's call, which did not tell
                self.judge(shown[-1], shown)
            if self.left:
                self.exited("")

    def judge(self, error: Any, shown: list[Any]) -> None:
        """Fail with an error, but not with an exit in the last cell that says that all is well."""
        if error["ename"] == "SystemExit":
            return self.exited(str(error["evalue"]))
        raise StepError(of_error({**error, "traceback": shown[-1].traceback if shown else []}))

    def exited(self, code: str) -> None:
        """Fail, unless there is nothing left to run and the code is that of success."""
        place = self.order.index(self.current or 0) + 1
        if code not in ("", "0", "None") or place < len(self.order):
            raise StepError(of_exit(code, len(self.order) - place))
        self.left = True

    def marked(self, failure: Failure) -> Failure:
        """Return the failure with its cell; that shows it, as it shows an exception."""
        if self.current is None:
            return failure
        cell = self.nb.cells[self.current]
        if not any(output.output_type == "error" for output in cell.outputs):
            error = new_output(  # type: ignore[no-untyped-call]
                "error", ename=failure.kind, evalue=failure.message, traceback=[failure.message]
            )
            cell.outputs = [*joined(cell.outputs), error]
        return placed(failure, self.current + 1, cell.source)

    def left_out(self) -> list[NotebookNode]:
        """Return a remark where a cell printed more than is kept; it would fill memory and disk."""
        if self.printed <= MOST_PRINTED:
            return []
        text = f"\n… it printed {size(self.printed)}; what came after {size(MOST_PRINTED)} is not kept\n"
        return [new_output("stream", name="stderr", text=text)]  # type: ignore[no-untyped-call]

    def note(self, told: dict[str, Any]) -> None:
        """Note what the kernel told of itself."""
        self.seen.modules = tuple(told.get("modules", ()))
        self.seen.reads = tuple(told.get("reads", ()))
        self.seen.peak_bytes = max(self.seen.peak_bytes, told.get("peak_bytes", 0))

    async def save_now_and_then(self) -> None:
        """Save what has changed, so that there is something to read when this process is killed."""
        pause = FIRST_SAVE_SECONDS
        while True:
            await asyncio.sleep(pause)
            began, pause = time.monotonic(), SAVE_SECONDS
            if self.changed:
                self.changed = False
                with suppress(OSError):  # a disk that is full is told of at the end
                    self.attempt.save(self.nb, False)
                pause = max(SAVE_SECONDS, SAVING_SHARE * (time.monotonic() - began))

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Take in what the kernel says; note the values that a notebook gives."""
        self.changed = True
        data = msg["content"].get("data")
        if isinstance(data, dict) and MIME in data:
            self.seen.values[str(data[MIME]["name"])] = data[MIME]["value"]
        if msg["msg_type"] == "stream":
            self.printed += len(msg["content"]["text"])
            if self.printed > MOST_PRINTED:
                return None
        return super().process_message(msg, cell, cell_index)

    def _heed_exit(self, execute_reply: dict[str, Any], **_: Any) -> None:
        payload = execute_reply["content"].get("payload") or []
        self.left = self.left or any(each.get("source") == "ask_exit" for each in payload)


def runs(cell: NotebookNode) -> bool:
    """Whether there is something to run in a cell."""
    skipped = "skip-execution" in cell.metadata.get("tags", [])
    return cell.cell_type == "code" and bool(cell.source.strip()) and not skipped
