"""One version in full: what `show` and `card` read from its package, or its tags."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.comparing import package
from mlops_jupyter.verbs.results import Block, Code, Facts, Note, Result, Table
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.verbs.types import ModelName, VersionName


@dataclass(frozen=True)
class VersionDetails(Result):
    """Everything that is known of one version.

    Parameters
    ----------
    model, version, state, digest : str
        What it is.
    registry_version : int, optional
        MLflow's number.
    aliases : tuple of str
        The aliases that point to it.
    created : str
        UTC, ISO 8601.
    manifest : dict
        Its MANIFEST.json without the list of files; empty when the package is not on this machine.
    schema : dict
        Its feature schema; empty as above.
    tags : dict
        The tags of the MLflow version.
    package : str, optional
        Where the package lies.
    """

    model: str
    version: str
    state: str
    digest: str
    registry_version: int | None
    aliases: tuple[str, ...]
    created: str
    manifest: dict[str, Any]
    schema: dict[str, Any]
    tags: dict[str, str]
    package: str | None

    @property
    def headline(self) -> str:
        """Its state and its aliases."""
        number = f" as version {self.registry_version} in MLflow" if self.registry_version else ""
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.model} {self.version}{aliases} is {self.state}{number}"

    def blocks(self) -> Iterable[Block]:
        """Yield its facts, metrics, parameters and columns."""
        yield Facts(tuple(self.facts()))
        metrics = self.manifest.get("metrics") or json.loads(self.tags.get("mlops.metrics", "{}"))
        if metrics.get("values"):
            yield Table(
                ("metric", "value"), tuple(metrics["values"].items()), title=f"Metrics on {metrics['on']}"
            )
        if metrics.get("slices"):
            yield slices(metrics["slices"])
        if parameters := self.manifest.get("parameters"):
            yield Facts(tuple(parameters.items()), title="Parameters", folded=True)
        if columns := self.schema.get("input", {}).get("columns"):
            rows = tuple(
                (each["name"], each["type"], "yes" if each["nullable"] else "no") for each in columns
            )
            yield Table(("column", "type", "may be missing"), rows, title="Inputs", folded=True)
        if libraries := self.manifest.get("libraries"):
            yield Facts(tuple(libraries.items()), title="Libraries", folded=True)
        if not self.manifest:
            yield Note(f"its package is not on this machine; %mlops deploy {self.model} downloads it")

    def facts(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values."""
        git, form = self.manifest.get("git") or {}, self.manifest.get("format") or {}
        train = (self.manifest.get("data") or {}).get("train") or {}
        yield "made", datetime.fromisoformat(self.created)
        yield "digest", self.digest[:16]
        if form:
            yield "format", f"{form['name']}: {form['why']}" if form.get("why") else form["name"]
        if git:
            yield (
                "git commit",
                f"{git['commit'][:12]}{' with uncommitted changes' if git.get('dirty') else ''}",
            )
        if train:
            yield (
                "trained on",
                f"{train['rows']} rows, {train['columns']} columns, {train['fingerprint'][:16]}",
            )
        if run := self.tags.get("mlops.run") or (self.manifest.get("run") or {}).get("id"):
            yield "run", run
        if self.package:
            yield "package", self.package


@dataclass(frozen=True)
class ModelCard(Result):
    """A version's model card."""

    model: str
    version: str
    text: str

    @property
    def headline(self) -> str:
        """Whose card it is."""
        return f"the card of {self.model} {self.version}"

    def blocks(self) -> Iterable[Block]:
        """Yield the card."""
        yield Code(self.text, "markdown")


@verb(stage="catalog")
def show(model: ModelName, version: VersionName | None = None) -> VersionDetails:
    """Show one version: state, metrics, parameters, inputs, libraries and where it came from.

    Parameters
    ----------
    model : str
        The model's name.
    version : str, optional
        ``1.2.0``, MLflow's number ``3`` or ``@champion``; by default the newest.

    Returns
    -------
    VersionDetails
        Everything that is known of it.

    Raises
    ------
    NotFoundError
        When there is no such model or version.

    Examples
    --------
    >>> mlops.show("churn", "@champion")  # doctest: +SKIP
    """
    record, folder = found(model, version)
    manifest = read_json(folder, "MANIFEST.json")
    manifest.pop("files", None)
    return VersionDetails(
        model=record.model,
        version=record.version,
        state=record.state,
        digest=record.digest,
        registry_version=record.registry_version,
        aliases=record.aliases,
        created=record.created,
        manifest=manifest,
        schema=read_json(folder, "model/feature_schema.json"),
        tags=record.tags,
        package=str(folder) if folder else None,
    )


@verb(stage="catalog")
def card(model: ModelName, version: VersionName | None = None) -> ModelCard:
    """Show a version's model card: data, metrics, slices, limits and how to call it.

    A package that is not on this machine is downloaded and verified.

    Parameters
    ----------
    model : str
        The model's name.
    version : str, optional
        ``1.2.0``, MLflow's number ``3`` or ``@champion``; by default the newest.

    Returns
    -------
    ModelCard
        The text, Markdown.

    Raises
    ------
    NotFoundError
        When there is no such model or version.

    Examples
    --------
    >>> mlops.card("churn")  # doctest: +SKIP
    """
    number, folder = package(model, version)
    return ModelCard(model, number, (folder / "README.md").read_text(encoding="utf-8"))


def found(model: str, version: str | None) -> tuple[VersionRecord, Path | None]:
    """Find a version in the mirror, and its package on this machine, without asking MLflow."""
    from mlops_jupyter.registry import cached
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.versions import find_version
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    record = find_version(open_store(workspace), model, version)
    return record, cached(workspace, record)


def read_json(folder: Path | None, name: str) -> dict[str, Any]:
    """Read a document of a verified package; empty when there is none."""
    if folder is None or not (folder / name).is_file():
        return {}
    document: dict[str, Any] = json.loads((folder / name).read_bytes())
    return document


def slices(found_slices: list[dict[str, Any]]) -> Table:
    """Tabulate the metrics by slice."""
    names = sorted({name for each in found_slices for name in each["values"]})
    rows = tuple(
        (each["column"], each["value"], each["rows"], *(each["values"].get(name, "") for name in names))
        for each in found_slices
    )
    return Table(("column", "value", "rows", *names), rows, title="By slice", folded=True)
