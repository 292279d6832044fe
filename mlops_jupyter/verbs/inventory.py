"""What there is: models and versions, read from the mirror of the registry; nothing here waits for MLflow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.results import Block, Note, Result, Status, Table
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.results import Mark
    from mlops_jupyter.verbs.types import ModelName

MARKS: dict[str, Mark] = {"registered": "ok", "incomplete": "bad", "registering": "warn"}


@dataclass(frozen=True)
class ModelList(Result):
    """Every model, with its newest version."""

    models: tuple[dict[str, Any], ...]

    @property
    def headline(self) -> str:
        """How many there are."""
        return f"{counted(len(self.models), 'model')}" if self.models else "no model yet"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a model."""
        rows = tuple(
            (
                each["model"],
                each["newest"],
                Status(each["state"], MARKS.get(each["state"], "info")),
                each["versions"],
                ", ".join(f"{name} → {version}" for name, version in each["aliases"].items()),
                datetime.fromisoformat(each["created"]),
            )
            for each in self.models
        )
        columns = ("model", "newest", "state", "versions", "aliases", "made")
        yield Table(columns, rows, empty="%mlops package makes the first one")


@dataclass(frozen=True)
class VersionList(Result):
    """The versions of one model, from new to old."""

    model: str
    versions: tuple[dict[str, Any], ...]

    @property
    def headline(self) -> str:
        """How many there are, and which is the champion."""
        champions = [each["version"] for each in self.versions if "champion" in each["aliases"]]
        champion = f"; champion is {champions[0]}" if champions else ""
        return f"{self.model} has {counted(len(self.versions), 'version')}{champion}"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a version, and what to do about those registered in part."""
        metrics = sorted({name for each in self.versions for name in each["metrics"]})[:4]
        rows = tuple(
            (
                each["version"],
                each["registry_version"] or "",
                Status(each["state"], MARKS.get(each["state"], "info")),
                ", ".join(each["aliases"]),
                *(each["metrics"].get(name, "") for name in metrics),
                datetime.fromisoformat(each["created"]),
                each["digest"][:12],
            )
            for each in self.versions
        )
        yield Table(("version", "MLflow", "state", "aliases", *metrics, "made", "digest"), rows)
        if any(each["metrics_on"] == "training data" for each in self.versions):
            yield Note(
                "some metrics are on training data; package with --test-data for an honest one", "warn"
            )
        if any(each["state"] == "incomplete" for each in self.versions):
            yield Note(f"%mlops register {self.model} completes what broke off", "warn")


@verb(stage="catalog")
def models() -> ModelList:
    """List the models with their newest version and aliases.

    Returns
    -------
    ModelList
        One row a model.

    Examples
    --------
    >>> mlops.models()  # doctest: +SKIP
    """
    from mlops_jupyter.store.versions import list_models, list_versions

    store = mirrored()
    return ModelList(tuple(model_row(list_versions(store, name)) for name in list_models(store)))


@verb(stage="catalog")
def versions(model: ModelName) -> VersionList:
    """List the versions of a model from new to old, with state, aliases and metrics.

    Parameters
    ----------
    model : str
        The model's name.

    Returns
    -------
    VersionList
        One row a version.

    Examples
    --------
    >>> mlops.versions("churn")  # doctest: +SKIP
    """
    from mlops_jupyter.store.versions import find_version, list_versions

    store = mirrored()
    find_version(store, model)
    return VersionList(model, tuple(version_row(each) for each in reversed(list_versions(store, model))))


def opened() -> tuple[Workspace, Store]:
    """Open the workspace and its store."""
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    return workspace, open_store(workspace)


def mirrored() -> Store:
    """Open the store, and have the mirror made fresh behind the reader's back."""
    from mlops_jupyter.registry import refresh_in_background

    workspace, store = opened()
    refresh_in_background(workspace)
    return store


def model_row(versions: list[VersionRecord]) -> dict[str, Any]:
    """Summarise a model."""
    newest = versions[-1]
    return {
        "model": newest.model,
        "newest": newest.version,
        "state": newest.state,
        "versions": len(versions),
        "aliases": {name: each.version for each in versions for name in each.aliases},
        "created": newest.created,
    }


def version_row(record: VersionRecord) -> dict[str, Any]:
    """Summarise a version."""
    metrics = metrics_of(record)
    return {
        "version": record.version,
        "registry_version": record.registry_version,
        "state": record.state,
        "aliases": list(record.aliases),
        "metrics": metrics.get("values", {}),
        "metrics_on": metrics.get("on"),
        "created": record.created,
        "digest": record.digest,
        "run_id": record.run_id,
    }


def metrics_of(record: VersionRecord) -> dict[str, Any]:
    """Read the metrics from the tags, or from the package of a version that has none yet."""
    if "mlops.metrics" in record.tags or record.package_path is None:
        tagged: dict[str, Any] = json.loads(record.tags.get("mlops.metrics", "{}"))
        return tagged
    try:
        manifest = json.loads((record.package_path / "MANIFEST.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return dict(manifest.get("metrics") or {})


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(2, "version")
    '2 versions'
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")
