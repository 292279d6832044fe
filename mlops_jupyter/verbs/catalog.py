"""The registry's verbs: register and alias; models, versions, show, card, diff are in files of their own.

`register` and `alias` ask MLflow; the others read the mirror of it in the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import IntegrityError, NotFoundError, RefusedError, UsageError, did_you_mean
from mlops_jupyter.verbs.comparing import diff
from mlops_jupyter.verbs.describing import card, show
from mlops_jupyter.verbs.inventory import models, opened, versions
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.requirements import demand, read_requirement
from mlops_jupyter.verbs.results import Block, Code, Facts, Result
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlops_jupyter.serving.manifest import Manifest
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import AliasName, ModelName, VersionName

__all__ = ["alias", "card", "diff", "models", "register", "show", "versions"]


@dataclass(frozen=True)
class Registered(Result):
    """A version in the registry.

    Parameters
    ----------
    model, version : str
        The model's name and the semantic version.
    registry_version : int
        MLflow's number.
    digest : str
        The content digest.
    already : bool
        Whether it was registered before: the same content is the same version.
    required : tuple of str
        The bars it cleared.
    aliases : tuple of str
        The aliases that point to it now.
    """

    model: str
    version: str
    registry_version: int
    digest: str
    already: bool
    required: tuple[str, ...]
    aliases: tuple[str, ...]

    @property
    def headline(self) -> str:
        """That it is registered, and as what."""
        words = "was registered already as" if self.already else "is registered as"
        return f"{self.model} {self.version} {words} version {self.registry_version} in MLflow"

    def blocks(self) -> Iterable[Block]:
        """Yield what identifies it, and how to load it."""
        pairs: list[tuple[str, Any]] = [("digest", self.digest[:16])]
        pairs += [("aliases", ", ".join(self.aliases))] if self.aliases else []
        pairs += [("required", ", ".join(self.required))] if self.required else []
        yield Facts(tuple(pairs))
        target = f"@{self.aliases[0]}" if self.aliases else f"/{self.registry_version}"
        yield Code(f'mlflow.pyfunc.load_model("models:/{self.model}{target}")', "python")


@dataclass(frozen=True)
class AliasMoved(Result):
    """An alias and where it points now; `version` is None when it was taken away."""

    model: str
    alias: str
    version: str | None
    before: str | None

    @property
    def headline(self) -> str:
        """Where the alias points, and where it did before."""
        if self.version is None:
            return f"{self.model} has no alias {self.alias} any more" + (
                f" (it was {self.before})" if self.before else ""
            )
        before = f" (before: {self.before})" if self.before not in {None, self.version} else ""
        return f"{self.alias} of {self.model} is {self.version}{before}"


@verb(stage="catalog", audited=True)
def register(
    model: ModelName,
    *,
    version: VersionName | None = None,
    require: list[str] | None = None,
    alias: list[str] | None = None,
) -> Registered:
    """Register a package in MLflow as a new version of the model.

    The same content is the same version, however often this is called; a registering that broke off is
    completed.

    Parameters
    ----------
    model : str
        The model's name.
    version : str, optional
        Which version; by default the newest that is packaged.
    require : list of str, optional
        Bars that the metrics on test data must clear: ``accuracy>=0.85``.
    alias : list of str, optional
        Aliases to point to the version.

    Returns
    -------
    Registered
        The version as it is in the registry.

    Raises
    ------
    RefusedError
        When a bar is missed; it says by how much.
    UnavailableError
        When MLflow does not answer.

    Examples
    --------
    >>> mlops.register("churn", require=["accuracy>=0.85"], alias=["challenger"])  # doctest: +SKIP
    """
    from mlops_jupyter.registry import move_alias, publish
    from mlops_jupyter.store.versions import check_alias

    requirements = [read_requirement(text) for text in require or ()]
    for name in alias or ():
        check_alias(name)
    workspace, store = opened()
    record = to_register(store, model, version)
    folder = package_of(workspace, store, record)
    demand(record.name, requirements, genuine_manifest(folder, record).document.get("metrics") or {})
    with progress(f"register {record.name}") as report:
        found = publish(workspace, store, folder, report)
        for name in alias or ():
            report(f"alias {name}")
            found = move_alias(workspace, store, model, name, found.version) or found
    already = record.state == "registered" or found.version != record.version
    cleared = tuple(map(str, requirements))
    number = found.registry_version or 0
    return Registered(model, found.version, number, found.digest, already, cleared, found.aliases)


@verb(stage="catalog", audited=True)
def alias(
    model: ModelName, alias: AliasName, version: VersionName | None = None, *, remove: bool = False
) -> AliasMoved:
    """Point an alias to a version in MLflow, or take it away.

    Parameters
    ----------
    model : str
        The model's name.
    alias : str
        The alias: ``challenger``.
    version : str, optional
        The version; by default the highest that is registered.
    remove : bool
        Take the alias away.

    Returns
    -------
    AliasMoved
        Where it points now, and where it did.

    Raises
    ------
    NotFoundError
        When there is no such model, version, or alias to take away.
    RefusedError
        When the version is not completely registered.

    Examples
    --------
    >>> mlops.alias("churn", "challenger", "1.3.0")  # doctest: +SKIP
    """
    from mlops_jupyter.registry import move_alias
    from mlops_jupyter.store.versions import find_version, get_version, list_versions

    alias = alias.removeprefix("@")
    if remove and version is not None:
        raise UsageError(
            "--remove takes an alias away from whatever it points to", hint="leave the version out"
        )
    workspace, store = opened()
    find_version(store, model)
    known = {name: each.version for each in list_versions(store, model) for name in each.aliases}
    if remove and alias not in known:
        raise NotFoundError(f"no alias {alias!r} of {model}", hint=did_you_mean(alias, known))
    target = None if remove else get_version(store, model, version).version
    with progress(f"alias {alias} of {model}") as report:
        report("moving it")
        move_alias(workspace, store, model, alias, target)
    return AliasMoved(model, alias, target, known.get(alias))


def to_register(store: Store, model: str, version: str | None) -> VersionRecord:
    """Choose the version to register: the one named, else the newest package that is not registered."""
    from mlops_jupyter.store.versions import find_version, list_versions

    found = find_version(store, model, version)
    if version is not None:
        return found
    waiting = [each for each in list_versions(store, model) if each.state not in {"reserved", "registered"}]
    return waiting[-1] if waiting else found


def package_of(workspace: Workspace, store: Store, record: VersionRecord) -> Path:
    """Return the folder of a version's package; what is registered can be downloaded."""
    from mlops_jupyter.registry import cached, obtain

    folder = cached(workspace, record) or record.package_path
    if folder is not None and folder.is_dir():
        return folder
    if record.state == "registered":
        return obtain(workspace, store, record)
    raise NotFoundError(f"the package of {record.name} is not in {workspace.root}", hint="package it again")


def genuine_manifest(folder: Path, record: VersionRecord) -> Manifest:
    """Read the manifest, which holds the metrics, as it was when it was packaged."""
    from mlops_jupyter.serving.manifest import IntegrityFailure, verify

    try:
        manifest = verify(folder, record.digest)
    except IntegrityFailure as failure:
        raise IntegrityError(
            f"the package of {record.name} is damaged", str(failure), "package again"
        ) from None
    if record.state == "packaged" and record.manifest_digest not in {None, manifest.manifest_digest}:
        raise IntegrityError(f"MANIFEST.json of {record.name} was changed", hint="package again")
    if manifest.model != record.model:
        raise RefusedError(f"{folder.name} is a package of {manifest.model}, not of {record.model}")
    return manifest
