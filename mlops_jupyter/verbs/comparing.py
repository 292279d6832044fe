"""What differs between two versions: inputs and outputs, metrics, parameters, environment, code."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_jupyter.verbs.results import Block, Code, Note, Result, Table
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_jupyter.verbs.types import ModelName, VersionName

Change: TypeAlias = tuple[str, Any, Any]
TEXT_FOLDERS = ("code", "config", "tests")
ABSENT = "none"


@dataclass(frozen=True)
class Difference(Result):
    """What differs between two versions of a model; every change is (name, before, after).

    Parameters
    ----------
    model, before, after : str
        The model and the two versions.
    level : str
        What the change means to a caller: ``major``, ``minor``, ``patch`` or ``none``.
    reasons : tuple of str
        Why, in sentences.
    schema, metrics, parameters, environment : tuple
        The changes.
    files : dict
        A unified diff by file, of code, configuration and tests.
    server_changed : bool
        Whether the code of the server in the package differs.
    """

    model: str
    before: str
    after: str
    level: str
    reasons: tuple[str, ...]
    schema: tuple[Change, ...]
    metrics: tuple[Change, ...]
    parameters: tuple[Change, ...]
    environment: tuple[Change, ...]
    files: dict[str, str]
    server_changed: bool

    @property
    def headline(self) -> str:
        """What the change means to who calls the model, and where changes are."""
        parts = ("schema", "metrics", "parameters", "environment")
        where = [name for name in parts if getattr(self, name)] + (["code"] if self.files else [])
        if self.before == self.after:
            return f"both are {self.model} {self.before}"
        names = f"{self.model} {self.before} and {self.after}"
        if not where:
            what = "the server's code" if self.server_changed else "the model"
            return f"{names} differ in nothing but {what}"
        meaning = {"major": "breaks callers", "minor": "offers callers more"}.get(self.level, "same contract")
        return f"{names} differ in {', '.join(where)} ({meaning})"

    def blocks(self) -> Iterable[Block]:
        """Yield a table for each part that differs, and the diffs of the texts."""
        if self.level in {"major", "minor"}:
            yield Note("; ".join(self.reasons), "warn" if self.level == "major" else "info")
        for name in ("schema", "metrics", "parameters", "environment"):
            if changes := getattr(self, name):
                yield Table(
                    (name, self.before, self.after), tuple(map(row, changes)), title=name.capitalize()
                )
        for name, text in self.files.items():
            yield Code(text, "diff", title=name)
        if self.server_changed:
            yield Note("the code of the server in the package differs, too")


def row(change: Change) -> tuple[Any, ...]:
    """Show what is absent as a word."""
    name, before, after = change
    return name, ABSENT if before is None else before, ABSENT if after is None else after


@verb(stage="catalog")
def diff(model: ModelName, before: VersionName, after: VersionName | None = None) -> Difference:
    """Compare two versions: schema, metrics, parameters, environment and code.

    Packages that are not on this machine are downloaded and verified.

    Parameters
    ----------
    model : str
        The model's name.
    before : str
        ``1.2.0``, MLflow's number ``3`` or ``@champion``.
    after : str, optional
        As `before`; by default the newest.

    Returns
    -------
    Difference
        The changes.

    Raises
    ------
    NotFoundError
        When there is no such model or version.

    Examples
    --------
    >>> mlops.diff("churn", "@champion", "1.3.0")  # doctest: +SKIP
    """
    first, old = package(model, before)
    second, new = package(model, after)
    return difference(model, (first, old), (second, new))


def package(model: str, version: str | None) -> tuple[str, Path]:
    """Return a version and the verified folder of its package."""
    from mlops_jupyter.registry import cached, obtain
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.versions import find_version, get_version
    from mlops_jupyter.store.workspace import open_workspace
    from mlops_jupyter.verbs.progress import progress

    workspace = open_workspace()
    store = open_store(workspace)
    record = find_version(store, model, version)
    folder = cached(workspace, record)
    if folder is None:
        with progress(f"fetch {record.name}") as report:
            folder = obtain(workspace, store, get_version(store, model, record.version), report)
    return record.version, folder


def difference(model: str, before: tuple[str, Path], after: tuple[str, Path]) -> Difference:
    """Compare two packages.

    Parameters
    ----------
    model : str
        The model's name.
    before, after : tuple of str and Path
        The version and its folder.
    """
    from mlops_jupyter.schema.change import compare

    (first, old_folder), (second, new_folder) = before, after
    old, new = document(old_folder, "MANIFEST.json"), document(new_folder, "MANIFEST.json")
    old_schema, new_schema = (
        document(folder, "model/feature_schema.json") for folder in (old_folder, new_folder)
    )
    change = compare(old_schema, new_schema)
    return Difference(
        model=model,
        before=first,
        after=second,
        level=change.level,
        reasons=change.reasons,
        schema=changes(flat_schema(old_schema), flat_schema(new_schema)),
        metrics=changes(metrics_of(old), metrics_of(new)),
        parameters=changes(old.get("parameters") or {}, new.get("parameters") or {}),
        environment=changes(environment_of(old), environment_of(new)),
        files=text_changes(old_folder, new_folder),
        server_changed=hashes(old, "src/") != hashes(new, "src/"),
    )


def document(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON document of a package."""
    found: dict[str, Any] = json.loads((folder / name).read_bytes())
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what differs by name; None stands for what is not there.

    Examples
    --------
    >>> changes({"depth": 3, "seed": 1}, {"depth": 5, "seed": 1})
    (('depth', 3, 5),)
    """
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


def flat_schema(schema: dict[str, Any]) -> dict[str, str]:
    """Describe each input and output in words that can be compared."""
    inputs, outputs = schema.get("input", {}), schema.get("output", {})
    flat = {"input": str(inputs.get("kind", "")), "task": str(outputs.get("task", ""))}
    for column in inputs.get("columns", ()):
        flat[f"input {column['name']}"] = described(column)
    for output in outputs.get("outputs", ()):
        classes = output.get("classes")
        flat[f"output {output['name']}"] = output["type"] + (f" {listed(classes)}" if classes else "")
    return flat


def described(column: dict[str, Any]) -> str:
    """Describe a column.

    Examples
    --------
    >>> described({"type": "double", "nullable": True, "minimum": 17.0, "maximum": 4983.0})
    'double, may be missing, 17 to 4983'
    """
    parts = [column["type"]] + (["may be missing"] if column.get("nullable") else [])
    if column.get("categories"):
        parts.append(listed(column["categories"]))
    elif column.get("minimum") is not None:
        low, high = column["minimum"], column["maximum"]
        parts.append(f"{low:g} to {high:g}" if isinstance(low, int | float) else f"{low} to {high}")
    return ", ".join(parts)


def listed(values: list[Any], most: int = 12) -> str:
    """List values, as many as can be read."""
    more = f", … ({len(values)})" if len(values) > most else ""
    return "{" + ", ".join(map(str, values[:most])) + more + "}"


def metrics_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics, with the data they are on in their names."""
    metrics = manifest.get("metrics") or {}
    return {f"{name} on {metrics.get('on')}": value for name, value in (metrics.get("values") or {}).items()}


def environment_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return Python's and the libraries' versions, the format, and the data and commit it came from."""
    git, train = manifest.get("git") or {}, (manifest.get("data") or {}).get("train") or {}
    facts = {
        "Python": manifest.get("python"),
        "format": (manifest.get("format") or {}).get("name"),
        "git commit": (git.get("commit") or "")[:12] or None,
        "training data": (train.get("fingerprint") or "")[:16] or None,
        "training rows": train.get("rows"),
    }
    return facts | (manifest.get("libraries") or {})


def hashes(manifest: dict[str, Any], prefix: str) -> dict[str, str]:
    """Return the hashes of the files under a folder of the package."""
    return {name: entry["sha256"] for name, entry in manifest["files"].items() if name.startswith(prefix)}


def text_changes(before: Path, after: Path) -> dict[str, str]:
    """Return unified diffs of the user's code, the configuration and the tests."""
    names = sorted({name for folder in (before, after) for name in text_files(folder)})
    diffs = {name: unified(before / name, after / name, name) for name in names}
    return {name: text for name, text in diffs.items() if text}


def text_files(folder: Path) -> Iterable[str]:
    """Yield the texts of a package that a person would read."""
    for part in TEXT_FOLDERS:
        for file in (folder / part).rglob("*"):
            if file.suffix in {".py", ".yaml", ".yml", ".toml", ".txt", ".cfg"}:
                yield file.relative_to(folder).as_posix()


def unified(before: Path, after: Path, name: str) -> str:
    """Return the unified diff of two files, of which one may be missing."""
    old, new = (text.read_text("utf-8", "replace") if text.is_file() else "" for text in (before, after))
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"before/{name}", f"after/{name}", lineterm=""
    )
    return "\n".join(lines)
