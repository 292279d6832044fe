"""Where a workspace keeps what is of a pipeline."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.workspace import Workspace

PLAIN = "[]=,+ "
LONGEST = 100


def pipelines_folder(workspace: Workspace) -> Path:
    """Return the folder of all pipelines."""
    return workspace.root / "pipelines"


def pipeline_folder(workspace: Workspace, pipeline: str) -> Path:
    """Return the folder of a pipeline."""
    return pipelines_folder(workspace) / file_name(pipeline)


def file_name(name: str) -> str:
    """Return a name as the name of a file: no slashes, not too long, and another for each other name.

    Examples
    --------
    >>> file_name("train[depth=3]"), file_name("check[file=a/b]"), file_name("..")
    ('train[depth=3]', 'check[file=a%2Fb]', '%2E%2E')
    """
    plain = quote(name, safe=PLAIN)
    if plain.startswith("."):
        plain = plain.replace(".", "%2E")
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
