"""Taking versions away: from MLflow, the workspace and the mirror, in an order that can be repeated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import NotFoundError, RefusedError, did_you_mean
from mlops_jupyter.store.locks import hold
from mlops_jupyter.store.removal import forget_version
from mlops_jupyter.store.versions import find_version, list_models, list_versions

from .connection import calls, client, registry_name
from .entries import entries
from .fetching import local_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace

WAIT_SECONDS = 30


def remove_model(
    workspace: Workspace, store: Store, model: str, deployed: Collection[str] = ()
) -> list[VersionRecord]:
    """Remove a model with all its versions.

    Parameters
    ----------
    workspace, store
        The workspace and its store.
    model : str
        The model's name.
    deployed : collection of str
        Digests that a deployment has, running or resident: these are never removed.

    Returns
    -------
    list of VersionRecord
        What was removed.

    Raises
    ------
    NotFoundError
        When there is no such model.
    RefusedError
        When one of its versions is deployed; then nothing is removed.
    """
    versions = list_versions(store, model)
    if not versions:
        raise NotFoundError(f"no model named {model!r}", hint=did_you_mean(model, list_models(store)))
    return remove(workspace, store, model, versions, deployed, whole=True)


def remove_version(
    workspace: Workspace, store: Store, model: str, version: str, deployed: Collection[str] = ()
) -> VersionRecord:
    """Remove one version; see `remove_model`."""
    found = find_version(store, model, version)
    return remove(workspace, store, model, [found], deployed, whole=False)[0]


def remove(
    workspace: Workspace,
    store: Store,
    model: str,
    versions: Sequence[VersionRecord],
    deployed: Collection[str],
    *,
    whole: bool,
) -> list[VersionRecord]:
    """Remove versions from MLflow first: while the mirror has them, the rest can be done again."""
    for each in versions:
        if each.digest in deployed:
            raise RefusedError(
                f"{each.name} is deployed", hint="%mlops stop, or deploy another version first"
            )
    with hold(store, f"register {model}", wait=WAIT_SECONDS):
        if any(each.registry_version is not None or each.state == "registering" for each in versions):
            mlflow = client(workspace)
            with calls(workspace):
                remove_from_mlflow(workspace, mlflow, model, {each.digest for each in versions}, whole=whole)
        for each in versions:
            remove_packages(workspace, each)
            forget_version(store, registry_name(workspace), each)
    return list(versions)


def remove_from_mlflow(
    workspace: Workspace, mlflow: Any, model: str, digests: set[str], *, whole: bool
) -> None:
    """Delete the versions, the files that lie in the workspace, and the model when nothing is left of it."""
    for entry in entries(mlflow, model):
        if entry.digest not in digests:
            continue
        mlflow.delete_model_version(model, str(entry.number))
        folder = local_path(entry.source)
        if folder is not None and folder.is_relative_to(workspace.artifacts):
            shutil.rmtree(folder, ignore_errors=True)
    if whole and not list(mlflow.search_model_versions(f"name='{model}'", max_results=1)):
        from mlflow.exceptions import MlflowException

        try:
            mlflow.delete_registered_model(model)
        except MlflowException as failure:
            if failure.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise


def remove_packages(workspace: Workspace, record: VersionRecord) -> None:
    """Delete the version's packages in the workspace."""
    home = workspace.packages / record.digest[:16]
    for folder in home.glob(f"{record.model}_v{record.version}_*"):
        shutil.rmtree(folder, ignore_errors=True)
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()
