"""The process that runs a pipeline, started by whoever asked for the run.

It is told on its standard input what to run, and tells on its standard output how that goes. The end of the
input, as any signal to stop, means that nobody waits any more: kernels are interrupted, and it ends. What it
finds out stands in the store before it is told.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.execution.job import Outcome
from mlops_jupyter.pipelines.execution.loading import load_papermill
from mlops_jupyter.pipelines.execution.step_run import run_step
from mlops_jupyter.pipelines.execution.surroundings import environment_of
from mlops_jupyter.pipelines.kernels.supply import Kernels
from mlops_jupyter.pipelines.records.contents import read_large
from mlops_jupyter.store.direct import Ledger, connected
from mlops_jupyter.store.workspace import Workspace

from .claims import alone, taken_over
from .events import RunEnded, Telling
from .folders import run_folder
from .judging import Judge
from .keeping import RESERVE, Keeper
from .mirror import Mirror
from .pool import Pool
from .steps import Steps, job_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.pipelines.execution.job import Progress, StepJob

    from .order import Order

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLOW_LISTENER_SECONDS = 0.1


@dataclass(frozen=True)
class Line:
    """The descriptors that lead to the caller: `asked` ends when it is gone, `told` takes what it hears."""

    asked: int
    told: int


def main() -> None:
    """Run what the standard input says."""
    line = private_line()
    with os.fdopen(os.dup(line.asked), "rb") as stream:
        order: Order = pickle.load(stream)
    with stop_signals() as wakes:
        run(order, line, wakes)


def run(order: Order, line: Line, wakes: socket.socket) -> None:
    """Run it, and tell how it goes and ends."""
    store = Ledger(Workspace(order.workspace))
    telling = Telling(line.told)
    folder = run_folder(store.workspace, order.record.pipeline, order.record.id)
    keeper = Keeper(store, order.record.id, folder / RESERVE, telling)
    with (
        connected(store),  # the last to close the store tidies it up each time: a hundred times the work
        taken_over(store, order.record.pipeline, order.owner),
        alone(folder.parents[1]),
        Kernels(order.jobs, forks=not order.hash_seed) as kernels,
        closing(mirror_of(order)) as mirror,
    ):
        prepare(kernels, order)
        load_papermill()
        gc.freeze()  # what is forked from here shares these pages as long as nobody counts them
        with closing(Pool(partial(work, kernels=kernels), (line.asked, line.told))) as pool:
            steps = Steps(order, pool, Judge(store, order), keeper.keep)
            follow(Course(steps, pool, keeper, telling, mirror), line.asked, wakes)
        record = steps.ended()
        keeper.end(record)
    telling.end(RunEnded(record, keeper.trouble))


def mirror_of(order: Order) -> Mirror:
    """Start the mirror of a run, when it is to have one."""
    return Mirror(Workspace(order.workspace), order.record.id, order.tracking, wanted=order.mirror)


def prepare(kernels: Kernels, order: Order) -> None:
    """Let what the first steps need be started while papermill is loaded."""
    first = [step for step in order.pipeline.steps if step.notebook in order.sources]
    for step in first[: order.jobs]:
        kernels.prepare(step, environment_of(job_of(order, step)), step.notebook.parent)


@dataclass(frozen=True)
class Course:
    """All that takes part in a run under way."""

    steps: Steps
    pool: Pool
    keeper: Keeper
    telling: Telling
    mirror: Mirror


def follow(course: Course, asked: int, wakes: socket.socket) -> None:
    """Keep a run going until it is over or stopped."""
    caller = os.getppid()
    while not course.steps.over:
        course.steps.advance()
        stops: list[Any] = [] if course.steps.stopping else [asked, wakes]
        patience = SLOW_LISTENER_SECONDS if course.telling.waits else course.steps.patience
        ready = wait([*stops, *course.pool.connections], 0 if course.steps.over else patience)
        if course.keeper.trouble:
            course.steps.stop(str(course.keeper.trouble))
        elif any(each in ready for each in stops) or os.getppid() != caller:
            course.steps.stop()
        for told in course.pool.news():
            course.steps.take(told)
            if isinstance(told.news, Outcome):
                course.mirror.look()
        course.telling.write()


def work(job: StepJob, tell: Callable[[Progress], None], kernels: Kernels) -> Outcome:
    """Run one job in the process of its own, which reads large outputs, too: nobody waits for that here."""
    outcome = run_step(job, kernels, tell)
    if outcome.state == "SUCCEEDED":
        read_large(Ledger(Workspace(job.workspace)), job.root, job.step.outputs)
    return outcome


def private_line() -> Line:
    """Keep standard input and output for the caller: no step and no library may read or write them."""
    line = Line(os.dup(0), os.dup(1))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return line


@contextmanager
def stop_signals() -> Iterator[socket.socket]:
    """Yield what can be read from once this process was told to stop by a signal."""
    wakes, woken = socket.socketpair()
    with wakes, woken:
        woken.setblocking(False)
        for number in STOPPING:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(woken.fileno())
        try:
            yield wakes
        finally:
            signal.set_wakeup_fd(-1)


if __name__ == "__main__":
    main()
