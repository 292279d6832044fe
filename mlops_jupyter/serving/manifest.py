"""What a package says of itself, and whether it is true.

`verify` is what stands between a folder and the deserialisers: every file is hashed, and a missing,
changed or extra one is refused by its name, before one byte of the model is interpreted. Only the
standard library is used, so that nothing has to be trusted first.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "MANIFEST.json"
MANIFEST_VERSION = 1
_MANIFEST_BYTES = 64 * 1024 * 1024
_CONTENT = ("model/", "code/", "src/", "config/")
_CONTENT_FILES = ("requirements.txt",)
# What the training data was like: as the metrics, it says nothing of what the model answers.
_NOT_CONTENT = ("model/reference_profile.bin",)
# What MLflow and pytest write into a package after it was sealed. None of it is read by a loader.
_ROOT_EXTRAS = ("registered_model_meta", ".pytest_cache")
_CACHE_ROOTS = ("src", "tests")


class IntegrityFailure(Exception):  # noqa: N818 - the word the reader sees, and ours is IntegrityError
    """A file of the package is not what the manifest says; the message names it."""


@dataclass(frozen=True)
class Manifest:
    """MANIFEST.json, read.

    Parameters
    ----------
    model, version : str
        The registered model's name and the semantic version.
    digest : str
        The content digest, 64 hex digits.
    files : Mapping[str, Mapping[str, Any]]
        ``{"relative/posix/path": {"sha256": …, "size": …}}`` for every file but the manifest.
    document : dict
        All of it.
    manifest_digest : str
        SHA-256 of the bytes of MANIFEST.json.
    """

    model: str
    version: str
    digest: str
    files: Mapping[str, Mapping[str, Any]]
    document: dict[str, Any]
    manifest_digest: str


def content_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the digest of what answers: model, code, server, configuration and pins.

    Not of the time, the version or the metrics: the same content is the same version.

    Examples
    --------
    >>> content_digest({"README.md": {"sha256": "a"}}) == content_digest({})
    True
    """
    lines = (f"{path}\0{files[path]['sha256']}\n" for path in sorted(files) if is_content(path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_content(path: str) -> bool:
    """Return whether a file of the package counts for the content digest."""
    return (path.startswith(_CONTENT) and path not in _NOT_CONTENT) or path in _CONTENT_FILES


def file_entry(path: Path) -> dict[str, Any]:
    """Return the manifest's entry for a file: its SHA-256 and its size in bytes."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"sha256": digest, "size": stream.tell()}


def read_manifest(folder: Path | str) -> Manifest:
    """Read MANIFEST.json of a package; its shape is checked, the files are not.

    Raises
    ------
    IntegrityFailure
        When it is absent, a link, not JSON, of a newer release, or names a path outside the package.
    """
    path = Path(folder) / MANIFEST
    data = _manifest_bytes(path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise IntegrityFailure(f"{MANIFEST}: not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        raise IntegrityFailure(f"{MANIFEST}: not a manifest")
    _check_document(document)
    return Manifest(
        model=document["model"],
        version=document["version"],
        digest=document["digest"],
        files=document["files"],
        document=document,
        manifest_digest=hashlib.sha256(data).hexdigest(),
    )


def verify(folder: Path | str, digest: str | None = None) -> Manifest:
    """Check every file of a package against its manifest, and the manifest against a known digest.

    Parameters
    ----------
    folder : Path or str
        The package.
    digest : str, optional
        The content digest recorded elsewhere (a tag, the audit chain) that this package must have.

    Returns
    -------
    Manifest
        The manifest, now known to be true of the folder.

    Raises
    ------
    IntegrityFailure
        Naming the first file that is missing, changed, extra, a link, or outside the folder.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    present = dict(_present(folder))
    _check_names(manifest.files, present)
    for path in sorted(manifest.files):
        _check_file(present[path], path, manifest.files[path])
    if content_digest(manifest.files) != manifest.digest:
        raise IntegrityFailure(f"{MANIFEST}: its digest is not that of its files")
    if digest is not None and digest != manifest.digest:
        raise IntegrityFailure(
            f"{MANIFEST}: the package has digest {manifest.digest[:12]}…, recorded was {digest[:12]}…"
        )
    return manifest


def _manifest_bytes(path: Path) -> bytes:
    try:
        status = path.lstat()
    except OSError:
        raise IntegrityFailure(f"{MANIFEST}: missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise IntegrityFailure(f"{MANIFEST}: not a regular file")
    if status.st_size > _MANIFEST_BYTES:
        raise IntegrityFailure(f"{MANIFEST}: {status.st_size} bytes is too large for a manifest")
    return path.read_bytes()


def _check_document(document: dict[str, Any]) -> None:
    if document.get("manifest_version") != MANIFEST_VERSION:
        found = document.get("manifest_version")
        raise IntegrityFailure(f"{MANIFEST}: version {found!r}, this release reads {MANIFEST_VERSION}")
    for key in ("model", "version", "digest"):
        if not isinstance(document.get(key), str):
            raise IntegrityFailure(f"{MANIFEST}: no {key}")
    for path, entry in document["files"].items():
        _check_path(path)
        if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise IntegrityFailure(f"{path}: no hash in {MANIFEST}")


def _check_path(path: str) -> None:
    inside = (
        path == posixpath.normpath(path) and path not in {".", ".."} and not path.startswith(("/", "../"))
    )
    if not inside or "\\" in path or "\0" in path or not path:
        raise IntegrityFailure(f"{path!r}: a path outside the package")


def _present(folder: Path) -> Iterator[tuple[str, Path]]:
    """Walk the files of a package without following a link."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                path = Path(entry.path)
                relative = path.relative_to(folder).as_posix()
                if relative == MANIFEST or _is_tolerated(relative):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield relative, path
                else:
                    raise IntegrityFailure(f"{relative}: a link or a special file")


def _is_tolerated(relative: str) -> bool:
    root, *inner = relative.split("/")
    return relative in _ROOT_EXTRAS or (root in _CACHE_ROOTS and bool(inner) and inner[-1] == "__pycache__")


def _check_names(listed: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    for path in sorted(set(listed) - set(present)):
        raise IntegrityFailure(f"{path}: missing")
    for path in sorted(set(present) - set(listed)):
        raise IntegrityFailure(f"{path}: not in {MANIFEST}")


def _check_file(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    size = path.stat().st_size
    if size != entry.get("size"):
        raise IntegrityFailure(f"{name}: changed ({size} bytes, packaged with {entry.get('size')})")
    if file_entry(path)["sha256"] != entry["sha256"]:
        raise IntegrityFailure(f"{name}: changed (its hash differs)")
