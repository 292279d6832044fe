"""The verbs of endpoints: those that change one are here, those that look at one in `watching`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlops_jupyter.errors import MlopsError, RefusedError, UsageError
from mlops_jupyter.verbs.endpoint_results import RolledBack, Started, Stopped
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.watching import history, logs, open_state, predict, status

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.deployments.folder import Serving
    from mlops_jupyter.deployments.live import Live as LiveDeployment
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import DeploymentName, VersionName

__all__ = ["history", "logs", "predict", "rollback", "start", "status", "stop"]


@verb(stage="endpoints")  # keeps its own record: it must work when the audit log cannot be written
def rollback(
    deployment: DeploymentName, *, to: VersionName | None = None, reason: str | None = None
) -> RolledBack:
    """Go back to the version that was live before, or to any other.

    A version that is still loaded answers within milliseconds, and no request fails. Works with MLflow
    down, the store locked and the disk full.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint.
    to : VersionName, optional
        The version to go to; the one that was stable before when left out. One that is not loaded is loaded
        first.
    reason : str, optional
        Why, for the history.

    Returns
    -------
    RolledBack
        What answers now, and after how many milliseconds it did.

    Raises
    ------
    RefusedError
        When there is nothing to go back to, or it was gone back already.

    Examples
    --------
    >>> mlops.rollback("churn", to="1.1.0", reason="late flights are missed")  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import find_folder, require_serving
    from mlops_jupyter.deployments.swap import swap, target_of
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import Workspace, find_workspace

    began = time.perf_counter()
    workspace = Workspace(find_workspace())  # needs neither to be made nor to be writable
    folder = find_folder(workspace.deployments, deployment)
    serving = require_serving(folder)
    target = target_of(serving, to)
    if target is None:
        return _load_and_go_back(workspace, folder, serving, str(to), reason, began)
    if target is serving.stable:
        raise RefusedError(f"{deployment} is on {target.version} already")
    before = time.perf_counter() - began
    swapped = swap(lambda: open_store(workspace), folder, target, reason)
    return RolledBack(
        deployment, swapped.version, swapped.previous, _url(folder), swapped.generation,
        swapped.milliseconds + before * 1000, True, swapped.answer["predictions"][0], reason,
        _queue_champion(workspace, folder, swapped.version), swapped.recorded,
    )  # fmt: skip


@verb(stage="endpoints", audited=True)
def start(deployment: DeploymentName | None = None) -> Started:
    """Bring back what should run: after a reboot, or after `stop`.

    Parameters
    ----------
    deployment : DeploymentName, optional
        One deployment, even if it was stopped; all that were not stopped when left out.

    Returns
    -------
    Started
        The deployments as they are now: the same versions on the same ports.

    Examples
    --------
    >>> mlops.start()  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import deployment_names, find_folder
    from mlops_jupyter.deployments.keeping import bring_back
    from mlops_jupyter.deployments.observing import observe
    from mlops_jupyter.store.deployments import is_stopped

    workspace, store = open_state()
    names = [deployment] if deployment else deployment_names(workspace.deployments)
    names = [name for name in names if deployment or not is_stopped(store, name)]
    folders = [find_folder(workspace.deployments, name) for name in names]
    back, failures = [], {}
    with progress("start") as report:
        for folder in folders:
            report(folder.name)
            try:
                back += [folder.name] if bring_back(store, folder).changed else []
            except MlopsError as problem:
                if deployment:
                    raise
                failures[folder.name] = str(problem)
    return Started(tuple(observe(folder, stopped=False) for folder in folders), tuple(back), failures)


@verb(stage="endpoints", audited=True)
def stop(deployment: DeploymentName) -> Stopped:
    """End a deployment: answers in hand are finished, and no process is left.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint. `start` brings it back.

    Returns
    -------
    Stopped
        The processes that were ended.

    Examples
    --------
    >>> mlops.stop("churn")  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import find_folder
    from mlops_jupyter.deployments.keeping import end

    workspace, store = open_state()
    folder = find_folder(workspace.deployments, deployment)
    return Stopped(deployment, tuple(end(store, folder)))


def _url(folder: Path) -> str:
    from mlops_jupyter.deployments.addresses import url_of
    from mlops_jupyter.deployments.folder import read_address, read_certificate

    return url_of(*read_address(folder), tls=read_certificate(folder) is not None)


def _queue_champion(workspace: Workspace, folder: Path, version: str) -> str:
    from mlops_jupyter.deployments.folder import CHAMPION, read_model
    from mlops_jupyter.deployments.swap import champion_follows
    from mlops_jupyter.store.database import open_store

    try:
        follows = champion_follows(workspace, open_store(workspace), folder.name, read_model(folder), version)
    except (MlopsError, OSError):
        return f"alias {CHAMPION} could not be queued; it will be when the store can be written"
    return f"alias {CHAMPION} follows in the background" if follows else ""


def _load_and_go_back(
    workspace: Workspace, folder: Path, serving: Serving, to: str, reason: str | None, began: float
) -> RolledBack:
    """Go back to a version that is not loaded: a generation is made of it first."""
    from mlops_jupyter.store import audit
    from mlops_jupyter.store.database import open_store

    store = open_store(workspace)
    entry = audit.begin(store, "rollback", {"deployment": folder.name, "to": to, "reason": reason})
    try:
        live = _load(workspace, store, folder, serving, to, reason)
    except BaseException as problem:
        refused = isinstance(problem, RefusedError | UsageError)
        outcome: audit.Outcome = "refused" if refused else "failed"
        audit.finish(store, entry, f"{type(problem).__name__}: {problem}", outcome)
        raise
    milliseconds = (time.perf_counter() - began) * 1000
    now = live.serving
    audit.finish(store, entry, f"{folder.name} answers with {now.stable.version}")
    return RolledBack(
        folder.name, now.stable.version, serving.stable.version, _url(folder),
        now.spec.generation, milliseconds, False, None, reason,
        _queue_champion(workspace, folder, now.stable.version),
    )  # fmt: skip


def _load(
    workspace: Workspace, store: Store, folder: Path, serving: Serving, to: str, reason: str | None
) -> LiveDeployment:
    from mlops_jupyter.deployments.folder import read_model
    from mlops_jupyter.deployments.live import Wish, go_live
    from mlops_jupyter.registry import cached, obtain
    from mlops_jupyter.store.versions import get_version

    version = get_version(store, read_model(folder), to)
    if version.version == serving.stable.version:
        raise RefusedError(f"{folder.name} is on {version.version} already")
    with progress(f"rollback {folder.name} to {version.version}") as report:
        report("verify")
        package = cached(workspace, version) or obtain(workspace, store, version)
        wish = Wish(
            "rollback", folder.name, version.model, version.version, version.digest, package, reason=reason,
        )  # fmt: skip
        return go_live(workspace, store, wish, report)
