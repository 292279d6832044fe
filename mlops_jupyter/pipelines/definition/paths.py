"""Paths of a pipeline's files: relative to its folder, with forward slashes, and which of them meet."""

from __future__ import annotations

import functools
import posixpath
import re
from pathlib import Path
from typing import Final

GLOB: Final = re.compile(r"[*?\[]")


def normal(written: str, folder: Path, base: Path | None = None) -> str:
    """Return a path as runs know it.

    Parameters
    ----------
    written : str
        As it was written.
    folder : Path
        The pipeline's folder.
    base : Path or None
        What `written` is relative to; None is the pipeline's folder.

    Returns
    -------
    str
        Relative to the pipeline's folder wherever it is below it, or was written so; else absolute.

    Examples
    --------
    >>> normal("./data//a.csv", Path("/p")), normal("/p/x/../b.csv", Path("/p")), normal("../c", Path("/p/q"))
    ('data/a.csv', 'b.csv', '../c')
    """
    slashed = written.strip().replace("\\", "/")
    if slashed.startswith("~"):
        slashed = Path(slashed).expanduser().as_posix()
    absolute = posixpath.normpath(posixpath.join((base or folder).as_posix(), slashed))
    inside = posixpath.relpath(absolute, folder.as_posix())
    outside = inside.startswith("../") and posixpath.isabs(slashed)
    return absolute if outside else inside


def is_glob(path: str) -> bool:
    """Say whether a path stands for any number of files."""
    return GLOB.search(path) is not None


@functools.lru_cache(maxsize=4096)
def pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as `pathlib` reads it: ``*`` within one folder, ``**`` any folders.

    Examples
    --------
    >>> bool(pattern("raw/*.csv").fullmatch("raw/a.csv")), bool(pattern("raw/*.csv").fullmatch("raw/x/a.csv"))
    (True, False)
    >>> bool(pattern("**/a.csv").fullmatch("a.csv")), bool(pattern("raw/**").fullmatch("raw/x/a.csv"))
    (True, True)
    """
    parts = glob.split("/")
    said = [_part(part, at == len(parts) - 1) for at, part in enumerate(parts)]
    return re.compile("".join(said), re.DOTALL)


def _part(part: str, last: bool) -> str:
    if part == "**":
        return ".*" if last else "(?:[^/]+/)*"
    said = re.sub(r"\*+|\?|\[!?\]?[^\]]*\]|.", _letter, part, flags=re.DOTALL)
    return said if last else said + "/"


def _letter(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if token[0] == "[" and len(token) > 1:
        inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("&&", "&\\&")
        return f"[{'^' + inner[1:] if inner.startswith('!') else inner.replace('^', chr(92) + '^')}]"
    return re.escape(token)


def below(path: str, folder: str) -> bool:
    """Say whether a path is a folder, or is in it.

    Examples
    --------
    >>> below("data/a.csv", "data"), below("database", "data"), below("data", "data")
    (True, False, True)
    """
    return path == folder or folder == "." or path.startswith(folder.rstrip("/") + "/")


def meets(wanted: str, made: str) -> bool:
    """Say whether an input takes any of what an output writes.

    Parameters
    ----------
    wanted : str
        An input: a file, a folder or a glob.
    made : str
        An output: a file or a folder.

    Examples
    --------
    >>> meets("data/*.csv", "data/a.csv"), meets("data", "data/a.csv"), meets("data/a.csv", "data")
    (True, True, True)
    >>> meets("data/*.csv", "data"), meets("data/a.csv", "data/b.csv")
    (True, False)
    """
    if below(wanted, made) or below(made, wanted):
        return True
    return is_glob(wanted) and any(pattern(wanted).fullmatch(path) for path in (made, *folders_of(made)))


def folders_of(path: str) -> list[str]:
    """Return the folders that a path is in, the nearest first.

    Examples
    --------
    >>> folders_of("a/b/c.csv")
    ['a/b', 'a']
    """
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1) if parts[:count] != [""]]
