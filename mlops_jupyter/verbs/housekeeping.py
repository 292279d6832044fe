"""The workspace at a glance and in order: overview, doctor, clean, remove, audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import RefusedError
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.tidiness import AuditLog, Cleaned, Finding, Health, Overview, Removed, Takes

if TYPE_CHECKING:
    from mlops_jupyter.store.audit import AuditEntry
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.verbs.types import ModelName, VersionName


@verb(stage="workspace")
def overview() -> Overview:
    """Show models, deployments, what wants attention and what to do next.

    It reads the workspace's mirror of the registry, which is refreshed in the background: it never waits for
    MLflow. The deployments are probed.

    Returns
    -------
    Overview
        The workspace at a glance.

    Raises
    ------
    WorkspaceError
        If the workspace cannot be used.

    Examples
    --------
    >>> mlops.overview().attention  # doctest: +SKIP
    ()
    """
    from mlops_jupyter.store.workspace import find_workspace
    from mlops_jupyter.verbs.glance import glance

    root = find_workspace()
    if not (root / "store.db").exists():
        return Overview(str(root))
    return glance(_store())


@verb(stage="workspace")
def doctor() -> Health:
    """Check versions, store, registry, disk, ports and proxy, and say what to mend.

    Returns
    -------
    Health
        One finding for each thing that was looked at.

    Examples
    --------
    >>> mlops.doctor().healthy  # doctest: +SKIP
    True
    """
    from mlops_jupyter.verbs.checks import run_checks

    return Health(tuple(Finding(c.name, c.mark, c.found, c.mend) for c in run_checks()))


@verb(stage="workspace", audited=True)
def clean(*, dry_run: bool = False) -> Cleaned:
    """Free the space of what can be had again: packages of the registry, unused environments, leftovers.

    A package that a deployment holds, or may return to, stays; so does one that is not registered.

    Parameters
    ----------
    dry_run : bool
        Only tell what takes how much, and what would go.

    Returns
    -------
    Cleaned
        What went and what stays, with sizes and reasons.

    Raises
    ------
    WorkspaceError
        If the workspace cannot be used.

    Examples
    --------
    >>> mlops.clean(dry_run=True)  # doctest: +SKIP
    """
    from mlops_jupyter.verbs import space

    found = space.items(_store())
    if not dry_run:
        for item in found:
            if not item.keep:
                space.remove(item)
    return Cleaned(tuple(Takes(i.kind, i.name, i.size, i.keep) for i in found), dry_run)


@verb(stage="workspace", audited=True)
def remove(model: ModelName, version: VersionName | None = None) -> Removed:
    """Remove a model, or one version of it, from registry and workspace.

    Nothing that is deployed is removed: stop it first. Stopped deployments of a removed model go with it.

    Parameters
    ----------
    model : ModelName
        The model.
    version : VersionName, optional
        Only this version: ``1.2.0``, MLflow's number or ``@alias``.

    Returns
    -------
    Removed
        What is gone.

    Raises
    ------
    NotFoundError
        If there is no such model or version.
    RefusedError
        If a deployment serves it, or may return to it.

    Examples
    --------
    >>> mlops.remove("churn", "1.0.0")  # doctest: +SKIP
    """
    from mlops_jupyter.registry import remove_model, remove_version
    from mlops_jupyter.store.versions import get_version, list_versions

    store = _store()
    chosen = get_version(store, model, version).version if version else None
    if chosen is None:
        get_version(store, model)
    _refuse_if_deployed(store, model, chosen)
    if chosen is not None:
        remove_version(store.workspace, store, model, chosen)
        return Removed(model, (chosen,), ())
    versions = tuple(record.version for record in list_versions(store, model))
    stopped = _forget_deployments(store, model)
    remove_model(store.workspace, store, model)
    return Removed(model, versions, stopped)


@verb(stage="workspace")
def audit(*, limit: int = 20) -> AuditLog:
    """Show who did what and when, and verify that no record was changed.

    Parameters
    ----------
    limit : int
        How many calls to show, from new to old. The whole chain is verified.

    Returns
    -------
    AuditLog
        The records and the state of the chain.

    Raises
    ------
    WorkspaceError
        If the workspace cannot be used.

    Examples
    --------
    >>> mlops.audit(limit=5).whole  # doctest: +SKIP
    True
    """
    from mlops_jupyter.store import audit as log

    store = _store()
    report = log.verify_chain(store)
    # a call is two records, its beginning and its end
    entries = _calls(log.records(store, 2 * limit))[:limit]
    return AuditLog(report.whole, report.records, report.why, report.head, entries)


def _store() -> Store:
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    return open_store(open_workspace())


def _calls(records: list[AuditEntry]) -> tuple[dict[str, Any], ...]:
    """Return one entry for each call, from new to old: its end, with the arguments of its beginning."""
    begun = {record.number: record for record in records if record.outcome == "begun"}
    ended = {record.begun for record in records}
    shown = [record for record in records if record.number not in ended]
    return tuple(_entry(record, begun.get(record.begun or 0, record)) for record in shown)


def _entry(record: AuditEntry, begun: AuditEntry) -> dict[str, Any]:
    names = ("at", "who", "host", "verb", "outcome", "result")
    return {**{name: getattr(record, name) for name in names}, "arguments": begun.arguments}


def _refuse_if_deployed(store: Store, model: str, version: str | None) -> None:
    """Refuse while a deployment serves the model, or holds the version to serve or to return to."""
    from mlops_jupyter.deployments.folder import read_serving
    from mlops_jupyter.deployments.supervision import running_supervisor
    from mlops_jupyter.store.deployments import list_deployments

    for record in list_deployments(store):
        folder = store.workspace.deployments / record.name
        serving = read_serving(folder)
        held = {variant.version for variant in serving.spec.variants} if serving else set()
        if record.model != model or (version is not None and version not in held):
            continue
        what = f"{model} {version}" if version else model
        if running_supervisor(folder) is not None:
            raise RefusedError(
                f"{what} is deployed as {record.name}", hint=f"stop it first: mlops stop {record.name}"
            )
        if version is not None:
            hint = f"deploy another version there, or remove the whole model: mlops remove {model}"
            raise RefusedError(f"the stopped deployment {record.name} would start with {what}", hint=hint)


def _forget_deployments(store: Store, model: str) -> tuple[str, ...]:
    """Forget the stopped deployments of a model; their journal stays."""
    import shutil

    from mlops_jupyter.store.deployments import list_deployments, remove_deployment

    names = tuple(record.name for record in list_deployments(store) if record.model == model)
    for name in names:
        remove_deployment(store, name)
        shutil.rmtree(store.workspace.deployments / name, ignore_errors=True)
    return names
