"""Parquet: a file, or a folder of them, read a column and some thousand rows at a time.

A reader of Parquet likes to fetch and decode whole row groups, which are often a million rows. Read in this
way (no buffering ahead, pages as they come, one column after the other) memory stays flat for any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError

from .arrow_values import form_of
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
    comes.
    """

    paths: tuple[Path, ...]

    @cached_property
    def schemas(self) -> tuple[pa.Schema, ...]:
        """What each file holds."""
        return tuple(_metadata(path).schema.to_arrow_schema() for path in self.paths)

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
            for batch in _batches(path, schema, readable, filter):
                yield values_of(batch, self.naming, wanted)


def of_files(paths: Sequence[Path]) -> ParquetFiles:
    """Return a table over Parquet files.

    Raises
    ------
    DataError
        When one cannot be read as Parquet.
    """
    table = ParquetFiles(tuple(paths))
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
    return of_files(paths)


def _metadata(path: Path) -> Any:
    import pyarrow.parquet as pq

    return checked_open(path, "Parquet", lambda: pq.read_metadata(path))


def _batches(
    path: Path,
    schema: pa.Schema,
    columns: Sequence[str],
    condition: Any,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    every = schema.names if condition is not None else columns
    texts = [name for name in every if form_of(schema.field(name).type) == "labels"]
    try:
        with pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False, buffer_size=_BUFFER) as file:
            for batch in file.iter_batches(BATCH, columns=list(every), use_threads=False):
                yield filtered(batch, columns, condition)
    except (pa.ArrowException, OSError) as failure:
        raise damaged(path, "Parquet", failure) from None
