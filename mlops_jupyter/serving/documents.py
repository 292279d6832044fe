"""Small JSON documents through which the verbs and the supervisor speak: whole or absent, never half."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def read_document(path: Path) -> dict[str, Any] | None:
    """Return the document, or None where there is none that can be read."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def known_fields(kind: type, document: dict[str, Any]) -> dict[str, Any]:
    """Return what a dataclass of this release knows of a document; a newer release may have written more."""
    return {field.name: document[field.name] for field in fields(kind) if field.name in document}


def write_document(path: Path, document: dict[str, Any], mode: int = 0o666) -> None:
    """Put a document in place, by a rename: a reader sees the old one or the new one."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
