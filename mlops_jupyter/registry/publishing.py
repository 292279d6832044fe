"""A package becomes the model of a new MLflow version: once, whole, and the same files.

Every step is safe to repeat. The store says `registering` before the first effect; the version bears the
tag `mlops.state=incomplete` until the last, and is deployable only after it. The files are in MLflow, and
verified there, before the version exists, so a version that was cut off needs nothing but its last tag.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ConflictError, IntegrityError
from mlops_jupyter.serving.manifest import IntegrityFailure, verify
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.listing import note_entry
from mlops_jupyter.store.locks import hold
from mlops_jupyter.store.pins import pin_digest
from mlops_jupyter.store.versions import check_model, ensure_version, find_version, set_state

from .connection import calls, client, is_server, registry_name, silent, tracking_uri
from .entries import COMPLETE, DIGEST, MANIFEST, STATE, entries, entry_of, tags_of
from .fetching import download, keep, local_path
from .mirror import refresh

if TYPE_CHECKING:
    from mlops_jupyter.serving.manifest import Manifest
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.listing import Entry
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace

    from .connection import Report

EXPERIMENT = "mlops_jupyter packages"
WAIT_SECONDS = 300


def publish(workspace: Workspace, store: Store, package: Path, report: Report = silent) -> VersionRecord:
    """Register a package, or find that it is registered: the same content is the same version.

    Parameters
    ----------
    workspace, store
        The workspace and its store.
    package : Path
        The package's folder; it is verified first.
    report : callable
        Told each stage as it begins.

    Returns
    -------
    VersionRecord
        The version, registered.

    Raises
    ------
    IntegrityError
        When the package, or what MLflow stored of it, is not what its manifest says.
    ConflictError
        When the number belongs to another content, registered from elsewhere.
    UnavailableError
        When MLflow does not answer.
    """
    manifest = verified(package)
    check_model(manifest.model)
    with hold(store, f"register {manifest.model}", wait=WAIT_SECONDS):
        mlflow = client(workspace, report)
        with calls(workspace):
            entry = registered(workspace, store, mlflow, package, manifest, report)
        record = settle(workspace, store, entry)
    if entry.version == manifest.version:
        path = keep(workspace, package, manifest)
        record = set_state(store, record.model, record.version, "registered", package_path=path)
    return record


def verified(package: Path) -> Manifest:
    """Verify a package in our own family of errors."""
    try:
        return verify(package)
    except IntegrityFailure as failure:
        raise IntegrityError(
            f"the package {package.name} is damaged", str(failure), "package again"
        ) from None


def registered(
    workspace: Workspace, store: Store, mlflow: Any, package: Path, manifest: Manifest, report: Report
) -> Entry:
    """Find or make the complete version of this content in MLflow."""
    report("asking the registry")
    there = entries(mlflow, manifest.model)
    same = [each for each in there if each.digest == manifest.digest]
    if whole := [each for each in same if each.complete]:
        return whole[0]
    if same:
        return completed(mlflow, same[0])
    refuse_taken(workspace, store, manifest, there)
    ensure_version(store, manifest.model, manifest.version, manifest.digest)
    set_state(
        store, manifest.model, manifest.version, "registering", manifest_digest=manifest.manifest_digest
    )
    kill_point("register: journalled")
    ensure_model(mlflow, manifest.model)
    kill_point("register: model made")
    report("storing the files")
    logged = stored(workspace, mlflow, package, manifest)
    report("making the version")
    return completed(mlflow, make_version(workspace, mlflow, manifest, logged))


def refuse_taken(workspace: Workspace, store: Store, manifest: Manifest, there: list[Entry]) -> None:
    """Refuse a number that another workspace gave to another content, and learn of it."""
    if any(each.version == manifest.version for each in there):
        refresh(workspace, store)
        raise ConflictError(
            f"{manifest.model} {manifest.version} is another package already",
            "it was registered from another workspace",
            "package again: it gets the next number",
        )


def ensure_model(mlflow: Any, model: str) -> None:
    """Make the registered model unless it is there."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow.create_registered_model(model)
    except MlflowException as failure:
        if failure.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def stored(workspace: Workspace, mlflow: Any, package: Path, manifest: Manifest) -> Any:
    """Store the package's files as a logged model, verified where they lie."""
    logged = logged_model(workspace, mlflow, manifest)
    kill_point("register: logged model made")
    if str(logged.status) != "READY":
        mlflow.log_model_artifacts(logged.model_id, str(package))
        kill_point("register: files stored")
        verify_stored(workspace, logged, manifest)
        logged = mlflow.finalize_logged_model(logged.model_id, "READY")
    kill_point("register: logged model ready")
    return logged


def logged_model(workspace: Workspace, mlflow: Any, manifest: Manifest) -> Any:
    """Find the logged model that an earlier try began with these very files, or make one."""
    experiment = experiment_id(workspace, mlflow)
    marks = {DIGEST: manifest.digest, MANIFEST: manifest.manifest_digest}
    condition = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in marks.items())
    if begun := list(mlflow.search_logged_models([experiment], condition, max_results=1)):
        return begun[0]
    name = manifest.model.replace(".", "_")
    run = source_run(mlflow, manifest)
    run_id = run.info.run_id if run else None
    logged = mlflow.create_logged_model(experiment, name, run_id, marks, model_type="mlops_jupyter package")
    if run_id:
        link_to_run(mlflow, run_id, logged.model_id)
    return logged


def experiment_id(workspace: Workspace, mlflow: Any) -> str:
    """Return the experiment that holds packages; without a server its files lie in the workspace."""
    from mlflow.exceptions import MlflowException

    if found := mlflow.get_experiment_by_name(EXPERIMENT):
        return str(found.experiment_id)
    location = None if is_server(tracking_uri(workspace)) else workspace.artifacts.as_uri()
    try:
        return str(mlflow.create_experiment(EXPERIMENT, artifact_location=location))
    except MlflowException:
        # another model's first registering made it in between
        if found := mlflow.get_experiment_by_name(EXPERIMENT):
            return str(found.experiment_id)
        raise


def source_run(mlflow: Any, manifest: Manifest) -> Any:
    """Return the run that trained the model, if this MLflow knows it."""
    from mlflow.exceptions import MlflowException

    run_id = (manifest.document.get("run") or {}).get("id")
    if not run_id:
        return None
    try:
        return mlflow.get_run(run_id)
    except MlflowException:
        return None


def link_to_run(mlflow: Any, run_id: str, model_id: str) -> None:
    """Name the model among the run's outputs."""
    from mlflow.entities import LoggedModelOutput

    mlflow.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


def verify_stored(workspace: Workspace, logged: Any, manifest: Manifest) -> None:
    """Read back what MLflow stored: it must be the same package."""
    folder = local_path(logged.artifact_location)
    with tempfile.TemporaryDirectory(prefix="mlops-") as temporary:
        place = folder or download(workspace, logged.artifact_location, Path(temporary))
        try:
            verify(place, manifest.digest)
        except IntegrityFailure as failure:
            raise IntegrityError(
                "MLflow did not store the package as it is", str(failure), "run %mlops register again"
            ) from None


def make_version(workspace: Workspace, mlflow: Any, manifest: Manifest, logged: Any) -> Entry:
    """Make the version, marked incomplete; if another workspace was first with its number, step back."""
    if is_server(tracking_uri(workspace)):
        link = {"source": f"models:/{logged.model_id}", "model_id": logged.model_id}
    else:
        # with an id, MLflow's SQL store would look it up at the *global* tracking address
        link = {"source": logged.artifact_location, "run_id": logged.source_run_id}
    made = mlflow.create_model_version(manifest.model, tags=tags_of(manifest), **link)
    kill_point("register: version made")
    first = next(each for each in entries(mlflow, manifest.model) if each.version == manifest.version)
    if first.number == int(made.version):
        return first
    mlflow.delete_model_version(manifest.model, str(made.version))
    if first.digest != manifest.digest:
        name = f"{manifest.model} {manifest.version}"
        raise ConflictError(f"{name} was registered from elsewhere in this moment", hint="package again")
    return first


def completed(mlflow: Any, entry: Entry) -> Entry:
    """Take the mark off, as the last step."""
    mlflow.set_model_version_tag(entry.model, str(entry.number), STATE, COMPLETE)
    kill_point("register: completed")
    found = entry_of(mlflow.get_model_version(entry.model, str(entry.number)))
    if found is None or not found.complete:
        raise IntegrityError(f"{entry.model} {entry.version} lost its tags", hint="run %mlops register again")
    return found


def settle(workspace: Workspace, store: Store, entry: Entry) -> VersionRecord:
    """Write down in the store what is true in MLflow now."""
    registry = registry_name(workspace)
    pin_digest(store, entry.model, entry.version, entry.digest, registry=registry, result="registered")
    note_entry(store, entry)
    return find_version(store, entry.model, entry.version)
