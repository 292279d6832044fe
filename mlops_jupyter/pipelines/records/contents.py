"""Digests of files, taken once and remembered: what was not touched since is not read again.

A file is known again by its size, its times of change and its inode. One that changed within the last seconds
is not remembered: within the resolution of its file system's clock it could change again unseen (git calls
such files racy).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import DataError, MlopsError
from mlops_jupyter.store.direct import connected, writing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator

    from mlops_jupyter.store.direct import Kept

SETTLED_NS = 2_000_000_000
ABSENT = ""
LARGE = 64 * 2**20  # bytes: what less has is read while nobody notices
# records stay small where a folder holds a file for each of a million pictures
LISTED = 1000
# what tools leave beside data is no part of it
LEFT_OUT = frozenset({".ipynb_checkpoints", "__pycache__", ".mlops", ".git"})


class Contents:
    """Digests of files, as remembered or taken anew.

    Parameters
    ----------
    connection : sqlite3.Connection
        To where they are remembered.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._news: dict[tuple[str, str], tuple[str, str]] = {}
        self._seen: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def news(self) -> list[tuple[str, str, str, str]]:
        """What was learnt: path, kind, identity, digest."""
        return [(*which, *known) for which, known in self._news.items()]

    def file(self, path: Path) -> str:
        """Return the digest of a file; nothing where there is none."""
        return self.derived(path, "content", digest_of_file)

    def derived(self, path: Path, kind: str, taken: Callable[[Path], str]) -> str:
        """Return what is derived from a file's content; nothing where there is no file.

        Parameters
        ----------
        path : Path
            Absolute.
        kind : str
            Names what is derived.
        taken : callable
            Derives it by reading the file.

        Raises
        ------
        DataError
            When the file cannot be read.
        """
        try:
            before = path.stat()
            if not stat.S_ISREG(before.st_mode):
                return ABSENT
            found = self._known(str(path), kind, identity(before))
            return found if found is not None else self._taken(path, kind, taken)
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        except OSError as failure:
            raise DataError(f"{path} cannot be read", failure.strerror or str(failure)) from failure

    def tree(self, folder: Path, names: Iterable[str], apart: Collection[str] = ()) -> dict[str, str]:
        """Return the digest of each file that is named: files, folders with all that is in them, and globs.

        Parameters
        ----------
        folder : Path
            What names are relative to.
        names : iterable of str
            With forward slashes.
        apart : collection of str
            Files and folders that are left out.

        Returns
        -------
        dict of str to str
            By path in the folder. A name that means very many files has one digest for all of them; one whose
            file is not there has an empty one.
        """
        digests: dict[str, str] = {}
        for name in names:
            meant = [each for each in sorted(files_of(folder, name)) if not is_below(each, apart)]
            found = {each: self.file(folder / each) for each in meant}
            digests |= found if len(found) <= LISTED else {name: digest_of(found)}
        return digests

    def _known(self, path: str, kind: str, now: str) -> str | None:
        seen = self._seen.get((path, kind)) or self._remembered(path, kind)
        return seen[1] if seen and seen[0] == now else None

    def _remembered(self, path: str, kind: str) -> tuple[str, str] | None:
        row = self.connection.execute(
            "SELECT identity, digest FROM file_digests WHERE path = ? AND kind = ?", (path, kind)
        ).fetchone()
        return (row["identity"], row["digest"]) if row else None

    def _taken(self, path: Path, kind: str, taken: Callable[[Path], str]) -> str:
        before = path.stat()
        digest = taken(path)
        after = path.stat()
        settled = time.time_ns() - max(after.st_mtime_ns, after.st_ctime_ns) > SETTLED_NS
        if settled and identity(before) == identity(after):
            self._news[str(path), kind] = self._seen[str(path), kind] = (identity(after), digest)
        return digest


@contextmanager
def contents(store: Kept) -> Iterator[Contents]:
    """Yield the digests of files, and remember what was learnt of them.

    Raises
    ------
    WorkspaceError
        When the store cannot be read.
    """
    with connected(store) as connection:
        known = Contents(connection)
        yield known
    if known.news:
        # to know it the next time is a convenience, on a full disk it can wait
        with suppress(MlopsError), writing(store) as connection:
            connection.executemany("INSERT OR REPLACE INTO file_digests VALUES (?, ?, ?, ?)", known.news)


def read_large(store: Kept, folder: Path, names: Iterable[str]) -> None:
    """Take the digests of large files ahead, so that who asks for them later need not wait.

    Whatever goes wrong is told to who asks.
    """
    with suppress(OSError, MlopsError):
        found = {folder / each for name in names for each in files_of(folder, name)}
        large = [path for path in found if path.stat().st_size >= LARGE]
        if large:
            with contents(store) as known:
                for path in large:
                    known.file(path)


def identity(status: os.stat_result) -> str:
    """Return by what a file is known again."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value's JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def files_of(folder: Path, name: str) -> Iterator[str]:
    """Yield the files that a name means, as paths in the folder; the name itself when nothing is there."""
    if glob.has_magic(name) and not os.path.lexists(folder / name):
        # unlike Path.glob it leaves hidden files out, as shells do
        for found in glob.iglob(name, root_dir=folder, recursive=True):  # noqa: PTH207
            if not LEFT_OUT.intersection(PurePath(found).parts):
                yield from below(folder, found)
    else:
        yield from below(folder, name)


def below(folder: Path, name: str) -> Iterator[str]:
    """Yield a file, or all files below a folder, however deep; links are followed, not in circles."""
    if not (folder / name).is_dir():
        yield PurePath(name).as_posix()
        return
    walked: set[tuple[int, int]] = set()
    for at, folders, files in os.walk(folder / name, followlinks=True):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in walked:
            folders.clear()
            continue
        walked.add((status.st_dev, status.st_ino))
        folders[:] = sorted(set(folders) - LEFT_OUT)
        inside = name_in(folder, Path(at))
        for each in files:
            yield each if inside == "." else f"{inside}/{each}"


def name_in(folder: Path, path: Path) -> str:
    """Return a path as it is named from a folder, so that a project that was moved knows its files again."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def is_below(name: str, folders: Collection[str]) -> bool:
    """Whether a file is one of those named, or in a folder of them.

    Examples
    --------
    >>> is_below("model/a.skops", ["model/"]), is_below("models/a", ["model"])
    (True, False)
    """
    return any(name == each or name.startswith(f"{each.rstrip('/')}/") for each in folders)
