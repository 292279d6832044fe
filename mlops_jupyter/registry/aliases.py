"""Aliases in MLflow: moved at once, or from the outbox; one by one, since MLflow has no compare-and-set."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import RefusedError
from mlops_jupyter.store.locks import hold
from mlops_jupyter.store.outbox import delivered, queue_alias, queued
from mlops_jupyter.store.versions import check_alias, find_version, get_version

from .connection import calls, client

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.outbox import QueuedAlias
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace

WAIT_SECONDS = 30
TRIES = 3


def move_alias(
    workspace: Workspace, store: Store, model: str, alias: str, version: str | None
) -> VersionRecord | None:
    """Point an alias to a version in MLflow and in the mirror.

    Parameters
    ----------
    workspace, store
        The workspace and its store.
    model, alias : str
        What to move.
    version : str, optional
        The version; None takes the alias away.

    Returns
    -------
    VersionRecord or None
        The version as it is now.

    Raises
    ------
    RefusedError
        When the version is not completely registered.
    UnavailableError
        When MLflow does not answer; then nothing was moved.
    """
    check_alias(alias)
    found = get_version(store, model, version) if version is not None else find_version(store, model)
    mlflow = client(workspace)
    number = found.registry_version if version is not None else None
    with hold(store, f"aliases of {model}", wait=WAIT_SECONDS):
        with calls(workspace):
            apply(mlflow, model, alias, number)
        # through the outbox, so that an older wish waiting there is taken back
        queue_alias(store, model, alias, found.version if version is not None else None)
        for item in queued(store):
            if (item.model, item.alias) == (model, alias):
                delivered(store, item)
    return find_version(store, model, found.version) if version is not None else None


def flush_aliases(workspace: Workspace, store: Store) -> int:
    """Move the aliases that wait in the outbox; return how many were.

    Raises
    ------
    UnavailableError
        When MLflow does not answer; what was not moved stays in the outbox.
    """
    waiting = queued(store)
    if not waiting:
        return 0
    mlflow = client(workspace)
    for item in waiting:
        with hold(store, f"aliases of {item.model}", wait=WAIT_SECONDS), calls(workspace):
            deliver(store, mlflow, item)
    return len(waiting)


def deliver(store: Store, mlflow: Any, item: QueuedAlias) -> None:
    """Do what was asked for, unless the wish was changed since."""
    if item not in queued(store):
        return
    # a version that was removed from MLflow since: nobody can grant this wish
    with suppress(RefusedError):
        apply(mlflow, item.model, item.alias, item.registry_version)
    delivered(store, item)


def apply(mlflow: Any, model: str, alias: str, number: int | None) -> None:
    """Set or take away an alias in MLflow."""
    from mlflow.exceptions import MlflowException

    for left in reversed(range(TRIES)):
        try:
            if number is None:
                mlflow.delete_registered_model_alias(model, alias)
            else:
                mlflow.set_registered_model_alias(model, alias, str(number))
        except MlflowException as failure:
            if failure.error_code == "RESOURCE_DOES_NOT_EXIST":
                if number is None:
                    return
                raise RefusedError(f"{model} has no version {number} in MLflow any more") from failure
            # two first settings at once end in an IntegrityError of the database: one of them again
            if not left:
                raise
            time.sleep(0.2)
        else:
            return
