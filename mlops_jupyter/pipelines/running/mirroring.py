"""The process that shows runs in MLflow.

It reads what there is to show from the store, so that what one mirror could not do, because MLflow was down
or because it was killed, the next one does.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.pipelines.records.environment import remembered
from mlops_jupyter.pipelines.records.history import note_mirrored, run_record, unmirrored
from mlops_jupyter.store.direct import Ledger, reading
from mlops_jupyter.store.workspace import Workspace

from .folders import KEPT_FILE, run_folder
from .mirror import NOTE
from .mlflow_runs import WHOLE, made_before, show, shown_run, shown_step, steps_that_ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord

LOCK: Final = "mirror.lock"
# MLflow knows how to do without them, and is imported in less than two thirds of the time; the last checks
# formats in JSON Schema, which a notebook has none of (jsonschema#1428)
NOT_NEEDED: Final = ("pandas", "polars", "scipy", "sklearn", "rfc3987_syntax")
AT_MOST: Final = 20
NEWS_BYTES: Final = 4096
LATER: Final = 10  # a tenth of what a step gets where both want the processor


def main(root: str, run: str = "") -> None:
    """Show a run as it goes on, and then all that is over and was not shown yet."""
    with suppress(OSError):
        os.nice(LATER)
    import_lightly()
    workspace = Workspace(Path(root))
    glass = Glass(workspace)
    if run:
        with suppress(ConflictError):
            follow(workspace, glass, run)
    for record in reversed(unmirrored(Ledger(workspace))[-AT_MOST:]):
        with noted(workspace, record):
            end(workspace, glass, record)


def follow(workspace: Workspace, glass: Glass, run: str) -> None:
    """Show a run as it goes on, as far as MLflow takes it, until the runner closes our input."""
    store = Ledger(workspace)
    with shown_by_us(workspace, run_record(store, run)):
        while True:
            with suppress(MlopsError, OSError):  # the next news brings all, and the end says why not
                glass.show(run_record(store, run))
            if not os.read(0, NEWS_BYTES):
                return


def end(workspace: Workspace, glass: Glass, record: RunRecord) -> None:
    """Show a run that is over, and note that it is shown."""
    with shown_by_us(workspace, record):
        note_mirrored(Ledger(workspace), record.id, glass.show(record))


@contextmanager
def shown_by_us(workspace: Workspace, record: RunRecord) -> Iterator[None]:
    """Be the only mirror of a run for the length of the block."""
    import filelock

    lock = filelock.FileLock(folder_of(workspace, record) / LOCK, timeout=0)
    try:
        with lock:
            yield
    except filelock.Timeout as failure:
        raise ConflictError("another mirror is at it") from failure


@contextmanager
def noted(workspace: Workspace, record: RunRecord) -> Iterator[None]:
    """Write down in one line why a run is not shown yet; a failure here is nobody's failure."""
    note = folder_of(workspace, record) / NOTE
    try:
        yield
    except ConflictError:
        return
    except (MlopsError, OSError) as failure:
        with suppress(OSError):
            note.write_text(f"{failure}\n", encoding="utf-8")
    else:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def folder_of(workspace: Workspace, record: RunRecord) -> Path:
    """Return the folder of a run, made anew where it was cleaned away."""
    folder = run_folder(workspace, record.pipeline, record.id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Glass:
    """MLflow, looked at but once in a process.

    Parameters
    ----------
    workspace : Workspace
        Whose runs are shown.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._client: Any = None
        self._experiments: dict[str, str] = {}
        self._made: dict[str, dict[str, str]] = {}
        self._finished: set[tuple[str, str]] = set()

    def show(self, record: RunRecord) -> str:
        """Show a run as it stands, and return the id of its run in MLflow.

        Raises
        ------
        UnavailableError
            When MLflow does not answer, or does not take it.
        """
        from mlops_jupyter.registry.connection import calls

        client = self._connected()
        with calls(self._workspace):
            experiment = self._experiment(record.pipeline)
            made = self._made.setdefault(record.id, {}) or made_before(client, experiment, record.id)
            self._made[record.id] = made
            kept = folder_of(self._workspace, record) / KEPT_FILE
            show(client, experiment, shown_run(record, self._installed(record), [kept]), made)
            for step in steps_that_ran(record):
                if (record.id, step.name) not in self._finished:
                    make_page(step)
                    show(client, experiment, shown_step(record, step), made)
                    self._finished.add((record.id, step.name))
        return made[WHOLE]

    def _connected(self) -> Any:
        from mlops_jupyter.registry.connection import client

        if self._client is None:
            self._client = client(self._workspace)
        return self._client

    def _experiment(self, pipeline: str) -> str:
        from mlops_jupyter.registry.experiments import experiment_id

        if pipeline not in self._experiments:
            self._experiments[pipeline] = experiment_id(self._client, self._workspace, pipeline)
        return self._experiments[pipeline]

    def _installed(self, record: RunRecord) -> Mapping[str, str]:
        digests = [step.fingerprint.environment for step in record.steps if step.fingerprint]
        with reading(Ledger(self._workspace)) as connection:
            found = remembered(connection, digests[0]) if digests else None
        return found.packages if found else {}


def make_page(step: StepRecord) -> None:
    """Make the page of an executed notebook; one that nbconvert cannot show is kept as it is."""
    from mlops_jupyter.pipelines.execution.page import page

    if step.executed and step.executed.exists() and not step.executed.with_suffix(".html").exists():
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            page(step.executed)


def import_lightly() -> None:
    """Import MLflow without what it needs for tables and models alone; with it, where that does not do."""
    sys.modules.update(dict.fromkeys(NOT_NEEDED))  # type: ignore[arg-type]
    try:
        import mlflow.tracking  # noqa: F401
    except ImportError:
        for name in [name for name in sys.modules if name.partition(".")[0] in {"mlflow", *NOT_NEEDED}]:
            del sys.modules[name]
