"""From a version in the registry to a verified folder on this machine."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlops_jupyter.errors import IntegrityError, NotFoundError, RefusedError
from mlops_jupyter.serving.manifest import IntegrityFailure, verify
from mlops_jupyter.store.pins import pin_digest
from mlops_jupyter.store.versions import set_state
from mlops_jupyter.store.workspace import explained

from .connection import calls, client, registry_name, silent, tracking_uri
from .entries import entry_of

if TYPE_CHECKING:
    from mlops_jupyter.serving.manifest import Manifest
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.listing import Entry
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace

    from .connection import Report


def obtain(workspace: Workspace, store: Store, record: VersionRecord, report: Report = silent) -> Path:
    """Return a verified folder with the package of a registered version.

    The tags in MLflow must say what this workspace pinned when it first saw the version; then the files must
    be what the digest says, whether they lie here already or are downloaded.

    Parameters
    ----------
    workspace, store
        The workspace and its store.
    record : VersionRecord
        From `get_version`.
    report : callable
        Told each stage as it begins.

    Raises
    ------
    IntegrityError
        When tags, pin and files disagree.
    RefusedError
        When the version is incomplete.
    UnavailableError
        When MLflow does not answer; `cached` needs no MLflow.
    """
    report("asking the registry")
    mlflow = client(workspace, report)
    with calls(workspace):
        entry = current_entry(mlflow, record)
    held_to(workspace, store, record, entry)
    folder = cached(workspace, record)
    if folder is None:
        report("downloading the package")
        with calls(workspace):
            folder = downloaded(workspace, record, entry)
    set_state(store, record.model, record.version, "registered", package_path=folder)
    return folder


def current_entry(mlflow: Any, record: VersionRecord) -> Entry:
    """Read the version from MLflow as it is now."""
    from mlflow.exceptions import MlflowException

    try:
        found = mlflow.get_model_version(record.model, str(record.registry_version))
    except MlflowException as failure:
        if failure.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NotFoundError(
            f"{record.name} is not in the registry any more", hint=f"%mlops versions {record.model}"
        ) from None
    entry = entry_of(found)
    if entry is None:
        raise IntegrityError(
            f"the tags of {record.name} in MLflow are gone", hint="register the package again"
        )
    if not entry.complete:
        raise RefusedError(
            f"{record.name} is registered in part", hint=f"run %mlops register {record.model} again"
        )
    return entry


def held_to(workspace: Workspace, store: Store, record: VersionRecord, entry: Entry) -> None:
    """Hold the version to its pin, and to the record it was chosen by."""
    registry = registry_name(workspace)
    first = "pinned on first use"
    pin_digest(store, record.model, record.version, entry.digest, registry=registry, result=first)
    if (entry.version, entry.digest) != (record.version, record.digest):
        raise IntegrityError(
            f"the tags of {record.name} in MLflow were changed",
            f"they say {entry.version}, digest {entry.digest[:12]}…; it was {record.digest[:12]}…",
            "find out who changed them",
        )


def cached(workspace: Workspace, record: VersionRecord) -> Path | None:
    """Return the version's package from the workspace if it is there and whole; MLflow is not asked."""
    places = sorted((workspace.packages / record.digest[:16]).glob(f"{record.model}_v{record.version}_*"))
    return next((place for place in places if is_whole(place, record)), None)


def is_whole(place: Path, record: VersionRecord) -> bool:
    """Whether a folder is the package of the version, to the last byte."""
    try:
        manifest = verify(place, record.digest)
    except IntegrityFailure:
        return False
    return (manifest.model, manifest.version) == (record.model, record.version)


def downloaded(workspace: Workspace, record: VersionRecord, entry: Entry) -> Path:
    """Download, verify, and only then move to where packages are looked for."""
    part = new_part(workspace)
    try:
        place = download(workspace, entry.source, part)
        (place / "registered_model_meta").unlink(missing_ok=True)
        manifest = checked(place, record, entry)
        return move_in(workspace, place, manifest)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def checked(place: Path, record: VersionRecord, entry: Entry) -> Manifest:
    """Verify what was downloaded against everything that is known of it."""
    try:
        manifest = verify(place, record.digest)
    except IntegrityFailure as failure:
        raise IntegrityError(
            f"the files of {record.name} in MLflow are not what was registered",
            str(failure),
            "register the package again as a new version",
        ) from None
    if (manifest.model, manifest.version) != (record.model, record.version):
        found = f"they are those of {manifest.model} {manifest.version}"
        raise IntegrityError(f"the files of {record.name} in MLflow are another version's", found)
    if entry.manifest_digest not in {None, manifest.manifest_digest}:
        raise IntegrityError(f"the manifest of {record.name} is not the one its tags name")
    return manifest


def download(workspace: Workspace, source: str, place: Path) -> Path:
    """Download the files of a version's source, or of any address MLflow knows, and return where they are."""
    from mlflow.artifacts import download_artifacts

    source = location(workspace, source)
    folder = local_path(source)
    if folder is not None:
        if not folder.is_dir():
            raise IntegrityError("the files are gone from the registry", f"no folder {folder}")
        shutil.copytree(folder, place, symlinks=True, dirs_exist_ok=True)
        return place
    uri = tracking_uri(workspace)
    return Path(download_artifacts(artifact_uri=source, dst_path=str(place), tracking_uri=uri))


def location(workspace: Workspace, address: str) -> str:
    """Follow ``models:/…`` and ``runs:/…`` to where the files are, in this workspace's MLflow.

    MLflow 3.17 follows both wherever its global state points to, whatever it is told.
    """
    scheme, _, name = address.partition(":/")
    if scheme == "models":
        return location(workspace, _of_model(client(workspace), name.strip("/")))
    if scheme == "runs":
        return _of_run(client(workspace), *name.strip("/").partition("/")[::2])
    return address


def _of_model(registry: Any, name: str) -> str:
    model, _, version = name.rpartition("/")
    if "@" in name:
        found = registry.get_model_version_by_alias(*name.split("@", 1))
        model, version = found.name, found.version
    elif not version.isdecimal():
        return str(registry.get_logged_model(name).artifact_location)
    return str(registry.get_model_version_download_uri(model, version))


def _of_run(registry: Any, run_id: str, path: str) -> str:
    # a model of a run is stored by itself since MLflow 3, and was among the files of the run before
    run = registry.get_run(run_id)
    logged = registry.search_logged_models(
        experiment_ids=[run.info.experiment_id], filter_string=f"source_run_id = '{run_id}'"
    )
    stored = [model.artifact_location for model in logged if model.name == path]
    return str(stored[0]) if stored else f"{run.info.artifact_uri.rstrip('/')}/{path}"


def local_path(location: str) -> Path | None:
    """Return the folder that a location on this machine names; None for one elsewhere."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(location) if not parts.scheme else None


def keep(workspace: Workspace, package: Path, manifest: Manifest) -> Path:
    """Copy a package to where packages are looked for, unless it lies there."""
    home = workspace.packages / manifest.digest[:16]
    if package.resolve().parent == home.resolve():
        return package
    part = new_part(workspace)
    try:
        with explained(workspace.root):
            shutil.copytree(package, part, symlinks=True, dirs_exist_ok=True)
            return move_in(workspace, part, verify(part, manifest.digest))
    finally:
        shutil.rmtree(part, ignore_errors=True)


def new_part(workspace: Workspace) -> Path:
    """Make a folder beside the packages, where nothing is looked for."""
    with explained(workspace.root):
        part = workspace.packages / f".building-{uuid.uuid4().hex}"
        part.mkdir(parents=True)
        return part


def move_in(workspace: Workspace, place: Path, manifest: Manifest) -> Path:
    """Give a verified folder its name in one step; another process that was faster has the same files."""
    stamp = "".join(sign for sign in str(manifest.document.get("created", "")) if sign.isalnum())[:15] + "Z"
    home = workspace.packages / manifest.digest[:16]
    target = home / f"{manifest.model}_v{manifest.version}_{stamp}"
    home.mkdir(parents=True, exist_ok=True)
    if target.exists():
        damaged = place.parent / f".building-{uuid.uuid4().hex}"
        target.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    sync(place)
    place.rename(target)
    return target


def sync(folder: Path) -> None:
    """Bring the files to the disk before the name says that they are there."""
    for path in (*folder.rglob("*"), folder):
        if path.is_symlink():
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
