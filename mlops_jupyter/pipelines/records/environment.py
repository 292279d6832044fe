"""What is installed where a step runs: names and versions of distributions, and the interpreter.

Read from the names of folders in site-packages: reading each one's metadata would take a second.
"""

from __future__ import annotations

import json
import os
import platform
import re
import site
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.records.contents import digest_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py\d[\d.]*)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Environment:
    """What is installed.

    Parameters
    ----------
    packages : mapping of str to str
        Versions by name; ``python`` is the interpreter's.
    """

    packages: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """Equal for equal environments."""
        return digest_of(dict(self.packages))


def environment() -> Environment:
    """Look at what is installed now for this interpreter."""
    interpreter = f"{platform.python_version()} {platform.python_implementation()}"
    return Environment({**installed(places()), "python": interpreter.removesuffix(" CPython")})


def places() -> list[str]:
    """Return the folders of installed distributions; not `sys.path`, which begins at each caller's own."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return list(dict.fromkeys([*user, *site.getsitepackages()]))


def installed(folders: Iterable[str]) -> dict[str, str]:
    """Return the versions of distributions by name; of two, that which is imported."""
    found: dict[str, str] = {}
    for folder in folders:
        with suppress(OSError):
            found = dict(listed(folder, Path(folder).stat().st_mtime_ns)) | found
    return found


@lru_cache(maxsize=32)
def listed(folder: str, _changed: int) -> tuple[tuple[str, str], ...]:
    """Return the distributions of one folder, of which the names alone are read."""
    matches = (DISTRIBUTION.fullmatch(entry.name) for entry in os.scandir(folder))
    return tuple(
        sorted(
            (re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"]) for match in matches if match
        )
    )


def remember(connection: sqlite3.Connection, found: Environment) -> None:
    """Keep what an environment's digest stands for, to say later what changed in it."""
    known = "SELECT 1 FROM pipeline_environments WHERE digest = ?"
    if connection.execute(known, (found.digest,)).fetchone() is None:
        row = (found.digest, json.dumps(dict(found.packages)))
        connection.execute("INSERT OR IGNORE INTO pipeline_environments VALUES (?, ?)", row)


def remembered(connection: sqlite3.Connection, digest: str) -> Environment | None:
    """Return the environment of a digest; None when it was not kept."""
    row = connection.execute(
        "SELECT packages FROM pipeline_environments WHERE digest = ?", (digest,)
    ).fetchone()
    return Environment(json.loads(row["packages"])) if row else None
