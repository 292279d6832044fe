"""The manifest: every file by its hash, and what is known of the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.serving.manifest import (
    MANIFEST,
    MANIFEST_VERSION,
    IntegrityFailure,
    Manifest,
    content_digest,
    file_entry,
    verify,
)

from . import folders

if TYPE_CHECKING:
    from pathlib import Path


def file_entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the entry of every file of a package that is being built, but of the manifest."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): file_entry(path) for path in paths}


def seal(folder: Path, facts: dict[str, Any]) -> str:
    """Write MANIFEST.json over what stands in the folder and return the content digest."""
    files = file_entries(folder)
    digest = content_digest(files)
    document = {"manifest_version": MANIFEST_VERSION, **facts, "digest": digest, "files": files}
    folders.write(folder / MANIFEST, as_json(document), "package.manifest")
    return digest


def verified(folder: Path, digest: str | None = None) -> Manifest:
    """Verify a package, in the reader's words.

    Raises
    ------
    IntegrityError
        Naming the file that is not what was packaged.
    """
    try:
        return verify(folder, digest)
    except IntegrityFailure as failure:
        what = f"{folder.name} is not what was packaged"
        raise IntegrityError(
            what, str(failure), "package the model again, or fetch it from the registry"
        ) from None


def as_json(document: Any) -> str:
    """Return JSON that is the same for the same content."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def part_sizes(manifest: Manifest) -> dict[str, int]:
    """Return the bytes of each folder of a package; files at its root count as ``papers``."""
    sizes: dict[str, int] = {}
    for path, entry in manifest.files.items():
        part, _, inner = path.partition("/")
        part = part if inner else "papers"
        sizes[part] = sizes.get(part, 0) + int(entry["size"])
    return sizes
