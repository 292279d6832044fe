"""What takes how much of the workspace, and what of it can go."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_jupyter.store.database import Store

_LEFTOVER_AFTER: Final = 3600.0  # seconds: what is younger may still be written
_LEFTOVERS: Final = ("packages/**/.building-*", "**/*.part")


@dataclass(frozen=True)
class Item:
    """Something on disk.

    Parameters
    ----------
    kind : str
        ``package``, ``environment``, ``generation``, ``leftover``, or what a part is for.
    name : str
        What it is, for the reader.
    path : Path
        Where it stands.
    size : int
        Bytes.
    keep : str
        Why it stays; empty when it can go.
    """

    kind: str
    name: str
    path: Path
    size: int
    keep: str


def items(store: Store) -> tuple[Item, ...]:
    """Return what the workspace holds, the largest first.

    A package goes only when the registry can give it back and no deployment holds it or may return to it.
    """
    root = store.workspace.root
    found = [*_leftovers(root), *_generations(store), *_packages(store), *_environments(root), *_parts(root)]
    return tuple(sorted(found, key=lambda item: -item.size))


def remove(item: Item) -> None:
    """Remove one item from the disk."""
    if item.path.is_dir():
        shutil.rmtree(item.path, ignore_errors=True)
    else:
        item.path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of everything under a folder; what vanishes meanwhile counts nothing."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(_size(file) for file in files)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size if not file.is_dir() else 0
    except OSError:
        return 0


def _item(kind: str, path: Path, name: str, keep: str = "") -> Item:
    return Item(kind, name, path, size_of(path), keep)


def _packages(store: Store) -> Iterator[Item]:
    from mlops_jupyter.deployments.folder import resident_packages
    from mlops_jupyter.store.versions import list_versions

    resident = {Path(package).resolve() for package in resident_packages(store.workspace.deployments)}
    records = {record.digest[:16]: record for record in list_versions(store)}
    for folder in sorted(store.workspace.packages.glob("*/[!.]*")):
        record = records.get(folder.parent.name)
        deployed = any(folder.resolve() in (package, *package.parents) for package in resident)
        keep = "a deployment holds it" if deployed else "" if _obtainable(record) else "not registered"
        yield _item("package", folder, record.name if record else folder.name, keep)


def _obtainable(record: Any) -> bool:
    return record is not None and record.state == "registered"


def _environments(root: Path) -> Iterator[Item]:
    used = {Path(python) for spec in _specs(root) for python in _pythons(spec)}
    for folder in sorted((root / "environments").glob("*/")):
        held = any(folder in python.parents for python in used)
        yield _item("environment", folder, folder.name, "a deployment holds it" if held else "")


def _specs(root: Path) -> Iterator[dict[str, Any]]:
    from mlops_jupyter.serving.documents import read_document

    for path in (root / "deployments").glob("*/generations/*/spec.json"):
        yield read_document(path) or {}


def _pythons(spec: dict[str, Any]) -> Iterable[str]:
    return [spec.get("python", ""), *(variant.get("python", "") for variant in spec.get("variants", []))]


def _generations(store: Store) -> Iterator[Item]:
    """Yield generations older than what is wanted, of which no process lives."""
    from mlops_jupyter.serving.wanted import read_wanted

    for deployment in sorted(store.workspace.deployments.glob("*/")):
        wanted = read_wanted(deployment)
        needed = wanted.generations if wanted else []
        for folder in sorted(deployment.glob("generations/*/")):
            if needed and folder.name.isdigit() and int(folder.name) < min(needed) and not _lives(folder):
                yield _item("generation", folder, f"{deployment.name} generation {folder.name}")


def _lives(generation: Path) -> bool:
    from mlops_jupyter.serving.documents import read_document
    from mlops_jupyter.serving.processes import find_process
    from mlops_jupyter.serving.spec import STATE

    state = read_document(generation / STATE) or {}
    return any(find_process(process) is not None for process in state.get("processes", []))


def _leftovers(root: Path) -> Iterator[Item]:
    before = time.time() - _LEFTOVER_AFTER
    for path in (path for pattern in _LEFTOVERS for path in root.glob(pattern)):
        if path.stat().st_mtime < before:
            yield _item("leftover", path, path.name)


def _parts(root: Path) -> Iterator[Item]:
    parts = {
        "artifacts": "the registry's packages and runs",
        "mlflow.db": "MLflow's database",
        "store.db": "versions, deployments, audit log",
    }
    for name, what in parts.items():
        if (root / name).exists():
            yield _item(what, root / name, name, "it is the record itself")
