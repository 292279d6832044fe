"""Where a project keeps its state: one `.mlops` folder at the root of the project.

The workspace is the folder `MLOPS_HOME`, or `.mlops` in the nearest folder above that has a `.mlops`, a
`.git` or a `pyproject.toml`, or in the working folder. The home folder is never taken: its `.git` holds
dotfiles, and every project below it would share one state.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKERS = (".mlops", ".git", "pyproject.toml")
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
ELSEWHERE = "set MLOPS_HOME to a folder you can write"
NEEDED_BYTES = 65_536
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class Workspace:
    """One `.mlops` folder and what stands where in it.

    Parameters
    ----------
    root : Path
        The folder itself.
    made : bool
        Whether this call made it.
    """

    root: Path
    made: bool = False

    @property
    def database(self) -> Path:
        """The SQLite file of versions, locks, deployments and the audit chain."""
        return self.root / "store.db"

    @property
    def packages(self) -> Path:
        """Verified packages by digest: a cache, and where packages are built."""
        return self.root / "packages"

    @property
    def deployments(self) -> Path:
        """One folder per deployment."""
        return self.root / "deployments"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts when no MLflow server does."""
        return self.root / "artifacts"


def find_workspace(start: Path | None = None) -> Path:
    """Say which folder is the workspace seen from `start`; nothing is made.

    Parameters
    ----------
    start : Path, optional
        Where to look from; the working folder when left out.

    Raises
    ------
    WorkspaceError
        When only the home folder is left to choose.
    """
    if named := os.environ.get("MLOPS_HOME"):
        return Path(named).expanduser().resolve()
    start = (start or working_folder()).resolve()
    home = Path.home().resolve()
    root = next(filter(is_project, below_home(start, home)), start)
    if root == home:
        raise WorkspaceError(
            "the home folder is not used as a workspace",
            "every project below it would share one state",
            "cd to a project folder, or set MLOPS_HOME",
        )
    return root / ".mlops"


def working_folder() -> Path:
    """Return the working folder, or say that it was removed."""
    try:
        return Path.cwd()
    except OSError as failure:
        raise WorkspaceError("the working folder is gone", hint="cd to a folder that exists") from failure


def below_home(start: Path, home: Path) -> list[Path]:
    """Return `start` and the folders above it, up to the home folder and without it."""
    folders = [start, *start.parents]
    return folders[: folders.index(home)] if home in folders else folders


def is_project(folder: Path) -> bool:
    """Whether a folder bears one of the marks of a project's root."""
    return any((folder / marker).exists() for marker in MARKERS)


def open_workspace(start: Path | None = None) -> Workspace:
    """Return the workspace seen from `start`, made on first use with one line saying where.

    Raises
    ------
    WorkspaceError
        When the folder cannot be made or written: read-only, full, or a file in its place.
    """
    root = find_workspace(start)
    made = not root.is_dir()
    if made:
        with explained(root):
            make_folder(root)
        # a shell's stdout is the verb's answer; a notebook shows stderr as if something were wrong
        print(f"mlops: made the workspace {root}", file=sys.stdout if _in_notebook() else sys.stderr)
    elif not os.access(root, os.W_OK | os.X_OK):
        raise WorkspaceError(
            f"the workspace {root} is read-only", hint="set MLOPS_HOME to a folder you can write"
        )
    return Workspace(root, made)


def _in_notebook() -> bool:
    return "ipykernel.kernelapp" in sys.modules


def make_folder(root: Path) -> None:
    """Make the folder for this user's eyes only, and keep it out of version control."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / ".gitignore").write_text("*\n", encoding="utf-8")


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn an `OSError` while writing under `root` into one line that says what to do."""
    try:
        yield
    except OSError as failure:
        raise unusable(root, failure) from failure


def has_no_room(root: Path) -> bool:
    """Whether the disk is full: engines speak of an I/O error, or of nothing, where it is."""
    return shutil.disk_usage(root).free < NEEDED_BYTES


def unusable(root: Path, failure: OSError) -> WorkspaceError:
    """Say in words why the workspace cannot be written."""
    if failure.errno in FULL or (root.exists() and has_no_room(root)):
        return WorkspaceError(
            f"the disk of the workspace {root} is full", hint="free some space: %mlops clean"
        )
    if failure.errno in READ_ONLY:
        return WorkspaceError(f"the workspace {root} is read-only", hint=ELSEWHERE)
    return WorkspaceError(f"the workspace {root} cannot be used", failure.strerror or str(failure), ELSEWHERE)
