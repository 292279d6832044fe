"""Files and folders as tables: what they are is told by their first bytes, and not by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError, NotFoundError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from .tables import Table

_PARQUET, _ARROW, _STREAM, _FEATHER = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff", b"FEA1"
_TEXT: Final = (".csv", ".tsv", ".txt")
_PACKED: Final = (".gz", ".bz2", ".zst", ".lz4")
_KNOWN: Final = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
}


def open_path(path: Path) -> Table:
    """Return a table over a file, or over a folder of Parquet files.

    Raises
    ------
    NotFoundError
        When nothing is there; near names are listed.
    DataError
        When it is no table, or not of the kind that its name says.
    """
    if path.is_dir():
        from .parquet_files import of_folder

        return of_folder(path)
    _check_there(path)
    with path.open("rb") as file:
        first = file.read(8)
    if first.startswith(_PARQUET):
        from .parquet_files import of_files

        return of_files([path])
    if first.startswith((_ARROW, _STREAM)):
        from .arrow_files import of_file

        return of_file(path)
    if text_suffix(path) in _TEXT:
        from .csv_files import of_csv

        return of_csv(path)
    raise _no_table(path, first)


def text_suffix(path: Path) -> str:
    """Return what a file is called by, when it is not packed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in _PACKED else "".join(suffixes[-1:])


def damaged(path: Path, kind: str, failure: Exception) -> DataError:
    """Return what is said of a file that cannot be read on: the first line of the reader's own words."""
    why = str(failure).strip().splitlines()[0] if str(failure).strip() else type(failure).__name__
    return DataError(f"{path.name} cannot be read as {kind}", why.rstrip("."), "write it again")


def _check_there(path: Path) -> None:
    if path.exists():
        return
    beside = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, beside)
    raise NotFoundError(f"there is no file {str(path)!r}", hint=hint if hint.startswith("did") else "")


def _no_table(path: Path, first: bytes) -> DataError:
    if first.startswith(_FEATHER):
        return DataError(f"{path.name} is of the first Feather format", hint="write it again, in the second")
    kind = _KNOWN.get(path.suffix.lower())
    if kind and not first:
        return DataError(f"{path.name} is no {kind} file: it is empty")
    if kind:
        return DataError(f"{path.name} is no {kind} file", f"it begins with {_words(first)}")
    known = ", ".join((*_KNOWN, *_TEXT))
    return DataError(
        f"{path.name} is no table I can read", hint=f"known: {known}, and folders of Parquet files"
    )


def _words(first: bytes) -> str:
    return repr(first.decode("ascii", errors="backslashreplace")[:16])


def checked_open(path: Path, kind: str, opened: Any) -> Any:
    """Return what a reader makes of a file, its failure told in one line."""
    import pyarrow as pa

    try:
        return opened()
    except (pa.ArrowException, OSError, ValueError) as failure:
        raise damaged(path, kind, failure) from None
