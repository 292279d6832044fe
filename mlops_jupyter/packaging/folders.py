"""Folders that appear whole or not at all: built aside, synced, renamed last, swept when a builder died."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.store.faults import kill_point

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".building-p"
_LEFT = re.compile(r"\.building-p(\d+-\d+)-.*")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def building(parent: Path) -> Iterator[Path]:
    """Yield an empty folder beside where the result will stand; it is gone afterwards unless it was moved.

    Raises
    ------
    WorkspaceError
        When the disk is full or `parent` cannot be written: one line, and nothing is left behind.
    """
    with explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_owner(os.getpid())}-", dir=parent))
    try:
        with explained(parent):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove what builders left that are no longer running."""
    for folder in parent.glob(f"{_PREFIX}*"):
        left = _LEFT.fullmatch(folder.name)
        if left and left[1] != _owner(int(left[1].partition("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)


def write(path: Path, content: str | bytes, point: str) -> None:
    """Write a file, with a kill point after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    kill_point(point)


def copy_tree(source: Path, target: Path, leave_out: str = "__pycache__") -> None:
    """Copy a folder; the first failure is raised as it is (`shutil.copytree` tells them all at the end)."""
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and leave_out not in relative.parts:
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)


def settle(folder: Path, target: Path) -> Path:
    """Make every byte of `folder` durable, then let it appear as `target` in one step.

    Returns
    -------
    Path
        `target`. When somebody else was first, theirs is left to stand.
    """
    sync(folder)
    kill_point("package.synced")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        folder.rename(target)
    except OSError as failure:
        if failure.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    _sync_one(target.parent)
    kill_point("package.renamed")
    return target


def sync(folder: Path) -> None:
    """Flush every file and folder below to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync_one(path)
    _sync_one(folder)


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn an error of the disk into one line for the reader."""
    try:
        yield
    except OSError as failure:
        raise _in_words(where, failure) from failure


def _in_words(where: Path, failure: OSError) -> Exception:
    if failure.errno in _FULL:
        return WorkspaceError(f"the disk of {where} is full", hint="free some space: %mlops clean")
    if failure.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return WorkspaceError(f"{where} cannot be written", hint="set MLOPS_HOME to a folder that can")
    return failure


def _owner(pid: int) -> str:
    """Return a process by its pid and start, for pids are used again."""
    try:
        return f"{pid}-{int(psutil.Process(pid).create_time() * 1000)}"
    except psutil.Error:
        return ""


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
