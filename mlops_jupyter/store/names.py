"""The names worth completing, in one small file beside the store, read without SQLAlchemy."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Names:
    """What a user may be about to type.

    Parameters
    ----------
    models : tuple of str
        Model names.
    versions, aliases : dict
        By model: its versions from new to old, and its aliases.
    deployments : tuple of str
        Names of deployments.
    """

    models: tuple[str, ...] = ()
    versions: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    deployments: tuple[str, ...] = ()


def names(root: Path) -> Names:
    """Read the names of the workspace at `root`, if any. Never raises: it runs under a Tab key."""
    try:
        known = json.loads((root / "names.json").read_bytes())
        return Names(tuple(known["models"]), known["versions"], known["aliases"], deployed(root))
    except (OSError, ValueError, KeyError, TypeError):
        return Names(deployments=deployed(root))


def deployed(root: Path) -> tuple[str, ...]:
    """Names of the deployments' folders."""
    try:
        return tuple(sorted(at.parent.name for at in (root / "deployments").glob("*/deployment.json")))
    except OSError:
        return ()


def write_names(root: Path, versions: dict[str, list[str]], aliases: dict[str, list[str]]) -> None:
    """Replace the file in one step. It can be made again from the store, so it is not synced to disk."""
    part = root / f"names.json.{os.getpid()}.part"
    part.write_text(json.dumps({"models": sorted(versions), "versions": versions, "aliases": aliases}))
    part.replace(root / "names.json")
