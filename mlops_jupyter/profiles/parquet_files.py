"""Parquet: a file, or a folder of them, read a column and some thousand rows at a time.

A reader of Parquet likes to fetch and decode whole row groups, which are often a million rows. Read in this
way (no buffering ahead, pages as they come, one column after the other) memory stays flat for any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError

from .arrow_values import form_of
from .labels import Codes
from .streams import filtered, kinds_of, values_of
from .table_files import checked_open, damaged
from .tables import BATCH, Naming, naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .values import Form, Values

_BUFFER: Final = 256 * 1024


@dataclass(frozen=True, eq=False)
class ParquetFiles:
    """Files of the same table: what a column is called binds them, and not its place.

    A column that a file does not have is missing in its rows; one that has another type there is told as it
    comes. Folders named ``year=2026`` are a column.

    Parameters
    ----------
    paths : tuple of Path
        The files.
    root : Path
        The folder they are in.
    """

    paths: tuple[Path, ...]
    root: Path

    @cached_property
    def schemas(self) -> tuple[pa.Schema, ...]:
        """What each file holds."""
        return tuple(_File(path, self.root).schema for path in self.paths)

    @cached_property
    def rows(self) -> int:
        """How many there are in all files."""
        return sum(_metadata(path).num_rows for path in self.paths)

    @property
    def columnar(self) -> bool:
        """A column's pages lie apart from all others'."""
        return True

    @cached_property
    def naming(self) -> Naming:
        """Which column each name means, over all files."""
        each = [naming(schema.names) for schema in self.schemas]
        names = tuple(dict.fromkeys(name for named in each for name in named.names))
        repeated = {name: count for named in each for name, count in named.repeated.items()}
        return Naming({name: i for i, name in enumerate(names) if name not in repeated}, repeated, names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they are first met."""
        return self.naming.names

    @cached_property
    def kinds(self) -> Mapping[str, Form]:
        """What the types tell of each column, in the first file that has it."""
        found: dict[str, Form] = {}
        for schema in self.schemas:
            for name, kind in kinds_of(schema, naming(schema.names)).items():
                found.setdefault(name, kind)
        return found

    def batches(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - Arrow's word
    ) -> Iterator[dict[str, Values]]:
        """Yield the rows, some at a time, file after file."""
        wanted = self.naming.wanted(columns)
        for path, schema in zip(self.paths, self.schemas, strict=True):
            readable = [name for name in wanted if name in self.naming.positions and name in schema.names]
            plain = {name for name in readable if not _is_dictionary(schema.field(name).type)}
            for batch in _File(path, self.root).batches(readable, filter):
                yield _undeclared(values_of(batch, self.naming, wanted), plain)


def of_files(paths: Sequence[Path], root: Path | None = None) -> ParquetFiles:
    """Return a table over Parquet files.

    Raises
    ------
    DataError
        When one cannot be read as Parquet.
    """
    table = ParquetFiles(tuple(paths), root or paths[0].parent)
    _ = table.schemas, table.rows  # a damaged file is told now, and by its name
    return table


def of_folder(folder: Path) -> ParquetFiles:
    """Return a table over all Parquet files in a folder and its folders."""
    found = (path for pattern in ("*.parquet", "*.pq") for path in folder.rglob(pattern))
    paths = sorted(path for path in found if path.is_file() and not path.name.startswith(("_", ".")))
    if not paths:
        raise DataError(
            f"{str(folder)!r} holds no Parquet files", hint="give a folder of *.parquet, or a file"
        )
    return of_files(paths, folder)


def _metadata(path: Path) -> Any:
    import pyarrow.parquet as pq

    return checked_open(path, "Parquet", lambda: pq.read_metadata(path))


def _undeclared(batch: dict[str, Values], plain: set[str]) -> dict[str, Values]:
    """Return a batch in which codes that only the file has are no categories of the reader's."""
    for name in plain:
        values = batch[name]
        if isinstance(values, Codes):
            batch[name] = replace(values, declared=False)
    return batch


@dataclass(frozen=True)
class _File:
    """One of the files, with what the folders around it say."""

    path: Path
    root: Path

    @cached_property
    def inner(self) -> pa.Schema:
        """What is in the file itself."""
        return _metadata(self.path).schema.to_arrow_schema()

    @property
    def folders(self) -> dict[str, str]:
        """The columns that are folders: ``{"year": "2026"}``."""
        parts = self.path.parent.relative_to(self.root).parts
        found = dict(part.split("=", 1) for part in parts if "=" in part)
        return {name: value for name, value in found.items() if name not in self.inner.names}

    @property
    def schema(self) -> pa.Schema:
        """All columns."""
        import pyarrow as pa

        schema = self.inner
        for name in self.folders:
            schema = schema.append(pa.field(name, pa.dictionary(pa.int32(), pa.string())))
        return schema

    def batches(self, columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the rows that a filter takes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        every = [name for name in self.inner.names if condition is not None or name in columns]
        texts = [name for name in every if form_of(self.inner.field(name).type) == "labels"]
        options: dict[str, Any] = {"read_dictionary": texts, "pre_buffer": False, "buffer_size": _BUFFER}
        try:
            with pq.ParquetFile(self.path, **options) as file:
                for batch in file.iter_batches(BATCH, columns=every, use_threads=False):
                    yield filtered(self._with_folders(batch), columns, condition)
        except (pa.ArrowException, OSError) as failure:
            raise damaged(self.path, "Parquet", failure) from None

    def _with_folders(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        for name, value in self.folders.items():
            codes = pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows)
            batch = batch.append_column(name, pa.DictionaryArray.from_arrays(codes, [value]))
        return batch


def _is_dictionary(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_dictionary(kind))
