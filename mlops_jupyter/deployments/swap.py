"""Going back to a version that is loaded: one write of the weights, then proof by an answer.

Nothing here needs MLflow, and nothing needs the store: when that cannot be written the swap still happens,
and its record is kept in the room reserved for it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from mlops_jupyter.errors import ConflictError, MlopsError, RefusedError, UnavailableError
from mlops_jupyter.serving.examples import example_body
from mlops_jupyter.serving.spec import WEIGHTS, generation_folder
from mlops_jupyter.serving.weights import sync_weights, write_weights
from mlops_jupyter.store import audit
from mlops_jupyter.store.deployments import (
    DeploymentEvent,
    close_event,
    insert_event,
    note_swap,
    now,
)
from mlops_jupyter.store.faults import kill_point

from .folder import CHAMPION, activation, probe_token, read_serving
from .requests import PROBE, open_endpoint
from .reserve import keep_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.serving.spec import VariantSpec
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace

    from .folder import Serving

_ANSWERS_WITHIN = 10.0
_BUSY_MILLISECONDS = 250
_flushing: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Swap:
    """What a swap did.

    Parameters
    ----------
    version, previous : str
        What is stable now, and what was.
    generation : int
        Within which.
    milliseconds : float
        From the call to the first answer by the version that is stable now.
    answer : dict
        That answer.
    recorded : bool
        Whether the store took the record; when not it waits in the reserved room.
    """

    version: str
    previous: str
    generation: int
    milliseconds: float
    answer: dict[str, Any]
    recorded: bool


def target_of(serving: Serving, to: str | None) -> VariantSpec | None:
    """Return the loaded version to go back to, or None when `to` is not loaded.

    Raises
    ------
    RefusedError
        When there is nothing to go back to, or it was done already.
    """
    if to is not None:
        return serving.resident(to)
    stable, newest = serving.stable, serving.newest
    if stable is not newest:
        hint = f"--to {newest.version} goes forward again"
        raise RefusedError(f"it was already rolled back from {newest.version} to {stable.version}", hint=hint)
    before = next((each for each in serving.spec.variants if each is not stable), None)
    if before is None:
        raise RefusedError(f"nothing but {stable.version} was live: there is nothing to go back to")
    return before


def swap(open_store: Callable[[], Store], folder: Path, target: VariantSpec, reason: str | None) -> Swap:
    """Make a loaded version stable, and wait for its first answer.

    Parameters
    ----------
    open_store : callable
        Opens the store, or raises what is wrong with it.
    folder : Path
        The deployment's folder.
    target : VariantSpec
        The version to make stable.
    reason : str or None
        Why, for the journal.

    Raises
    ------
    UnavailableError
        When nothing answers afterwards; the weights are changed all the same.
    """
    began = time.perf_counter()
    with activation(folder):
        serving = read_serving(folder)
        if serving is None or target not in serving.spec.variants:
            raise ConflictError(
                f"{folder.name} was changed in the meantime", hint="look at status, then try again"
            )
        number, previous = serving.spec.generation, serving.stable.version
        intent = DeploymentEvent(
            folder.name, "rollback", target.version, previous, number, reason, began=now()
        )
        journal = _Journal.begin(open_store, folder, intent)
        kill_point("rollback-intended")
        path = generation_folder(folder, number) / WEIGHTS
        write_weights(path, serving.weights.with_stable(target.slot))
        kill_point("rollback-swapped")
    try:
        answer = _first_answer(folder, target)
    except MlopsError as problem:
        journal.finish("failed", time.perf_counter() - began, str(problem))
        raise
    seconds = time.perf_counter() - began
    sync_weights(path)
    recorded = journal.finish("done", seconds)
    return Swap(target.version, previous, number, seconds * 1000, answer, recorded)


class _Journal:
    """The record of one swap: in the store, else in the reserved room."""

    def __init__(self, store: Store | None, folder: Path, event: DeploymentEvent, entry: Any) -> None:
        self._store, self._folder, self._event, self._entry = store, folder, event, entry

    @classmethod
    def begin(cls, open_store: Callable[[], Store], folder: Path, event: DeploymentEvent) -> _Journal:
        try:
            store = open_store()
            sa.event.listen(store.engine, "connect", _wait_briefly)
            with store.begin() as connection:
                entry = audit.append(connection, "rollback", _arguments(event), outcome="begun")
                return cls(store, folder, insert_event(connection, event), entry)
        except (MlopsError, OSError):
            return cls(None, folder, event, None)

    def finish(self, outcome: str, seconds: float, error: str | None = None) -> bool:
        done = replace(self._event, outcome=outcome, seconds=seconds, error=error)
        if self._store is not None:
            with contextlib.suppress(MlopsError, OSError):
                self._close(self._store, done)
                return True
        keep_record(self._folder, vars(done))
        return False

    def _close(self, store: Store, done: DeploymentEvent) -> None:
        with store.begin() as connection:
            close_event(connection, done, done.outcome, seconds=done.seconds, error=done.error)
            note_swap(connection, done.deployment, str(done.version), done.previous)
            result = done.error or f"{done.deployment} answers with {done.version}"
            outcome: audit.Outcome = "failed" if done.error else "done"
            begun = self._entry.number
            audit.append(connection, "rollback", {}, outcome=outcome, result=result, begun=begun)


def _wait_briefly(connection: Any, _record: object) -> None:
    """Give a store that another process holds a moment, not the usual ten seconds."""
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")


def _arguments(event: DeploymentEvent) -> dict[str, Any]:
    return {"model": event.deployment, "to": event.version, "reason": event.reason}


def _first_answer(folder: Path, target: VariantSpec) -> dict[str, Any]:
    """Ask the running server for the package's example until the wanted version has answered it."""
    schema = json.loads((Path(target.package) / "model" / "feature_schema.json").read_bytes())
    body = example_body(schema)
    deadline = time.monotonic() + _ANSWERS_WITHIN
    probe = {PROBE: probe_token(folder)}
    with open_endpoint(folder, _ANSWERS_WITHIN) as endpoint:
        while True:
            status, answer = endpoint.ask("/predict", body, **probe)
            if status == 200 and answer.get("version") == target.version:
                return dict(answer)
            if time.monotonic() > deadline:
                why = answer.get("error") or f"{answer.get('version')} still answers"
                raise UnavailableError(f"{folder.name} does not answer with {target.version}", str(why))


def champion_follows(workspace: Workspace, store: Store, name: str, model: str, version: str) -> bool:
    """Queue the alias of what is stable now, and deliver it from a process of its own: MLflow takes seconds.

    Only the deployment that bears the model's name moves it: ``churn-staging`` says nothing about the
    champion.
    """
    if name != model:
        return False
    from mlops_jupyter.registry.mirror import CHILD
    from mlops_jupyter.store.outbox import queue_alias

    queue_alias(store, model, CHAMPION, version)
    room = Path(__file__).parents[2]
    _flushing[:] = [each for each in _flushing if each.poll() is None]
    command = [sys.executable, "-P", "-c", CHILD, str(room), str(workspace.root)]
    nice = shutil.which("nice")  # what serves and who waits go first
    quiet = subprocess.DEVNULL
    _flushing.append(
        subprocess.Popen(
            [nice, "-n", "10", *command] if nice else command,
            stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True,
        )
    )  # fmt: skip
    return True
