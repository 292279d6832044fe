"""What Arrow, Polars and DuckDB hold or compute: read as record batches, without a copy."""

from __future__ import annotations

import tempfile
import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .arrow_values import form_of, of_arrow
from .in_memory import InMemory
from .tables import BATCH, Naming, naming
from .values import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from .tables import Table
    from .values import Form, Values


@dataclass(frozen=True, eq=False)
class Stream:
    """Record batches that can be asked for again.

    Parameters
    ----------
    schema : pyarrow.Schema
        What they hold.
    open : callable
        Returns an iterator of record batches with some columns, and only the rows of a condition.
    rows : int, optional
        How many there are.
    columnar : bool
        Whether its columns can be read one after the other at no cost.
    """

    schema: pa.Schema
    open: Callable[[Sequence[str], Any], Iterable[pa.RecordBatch]]
    rows: int | None = None
    columnar: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in their order."""
        return self.naming.names

    @cached_property
    def naming(self) -> Naming:
        """Which column each name means."""
        return naming(self.schema.names)

    @cached_property
    def kinds(self) -> Mapping[str, Form]:
        """What the types tell of each column."""
        return kinds_of(self.schema, self.naming)

    def batches(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - Arrow's word
    ) -> Iterator[dict[str, Values]]:
        """Yield the rows, some at a time."""
        wanted = self.naming.wanted(columns)
        readable = [name for name in wanted if name in self.naming.positions]
        for batch in self.open(readable, filter):
            for start in range(0, batch.num_rows, BATCH):
                yield values_of(batch.slice(start, BATCH), self.naming, wanted)


def kinds_of(schema: pa.Schema, named: Naming) -> dict[str, Form]:
    """Return what the types of a schema tell of each column."""
    found: dict[str, Form] = {name: form_of(schema.field(at).type) for name, at in named.positions.items()}
    return {name: found.get(name, "unreadable") for name in named.names}


def values_of(batch: Any, named: Naming, wanted: Sequence[str]) -> dict[str, Values]:
    """Return the values of a record batch or table; a column that is not in it is missing there."""
    rows = batch.num_rows
    present = set(batch.schema.names)
    found: dict[str, Values] = {
        name: of_arrow(batch.column(name)) if name in present else Missing(rows)
        for name in wanted
        if name in named.positions
    }
    return named.told(wanted, found, rows)


def of_data(data: Any) -> Table | None:
    """Return a table over what PyArrow, Polars or DuckDB holds; None for what is none."""
    name = type(data).__name__
    if name in ("Table", "RecordBatch"):
        return of_table(data)
    if name == "RecordBatchReader":
        return of_reader(data)
    if hasattr(data, "scanner"):
        return of_dataset(data)
    if name == "Series":
        return _of_polars(data.to_frame())
    if name in ("DataFrame", "LazyFrame"):
        return _of_polars(data) if name == "DataFrame" else _of_lazy(data)
    return _of_relation(data) if hasattr(data, "to_arrow_reader") else None


def of_table(table: Any) -> InMemory:
    """Return a table over a table or record batch of PyArrow."""

    def column(position: int, start: int, stop: int) -> Any:
        return table.column(position).slice(start, stop - start)

    return InMemory(naming(table.schema.names), table.num_rows, lambda *at: of_arrow(column(*at)), column)


def of_arrays(columns: Mapping[str, Any]) -> InMemory:
    """Return a table over arrays that give themselves to Arrow."""
    import pyarrow as pa

    return of_table(pa.table({name: _as_array(values) for name, values in columns.items()}))


def of_reader(reader: Any) -> Table:
    """Return a table over batches that can be read once: they are kept in a file without a name."""
    kept = _Kept(reader)
    return Stream(reader.schema, kept.batches, kept.rows, columnar=True)


class _Kept:
    """Record batches in a file that is gone when nobody has the table any more."""

    def __init__(self, reader: Any) -> None:
        import pyarrow as pa

        self.file, self.schema, self.rows = _unnamed_file(), reader.schema, 0
        weakref.finalize(self, self.file.close)
        with pa.ipc.new_file(self.file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                self.rows += batch.num_rows

    def batches(self, columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        """Yield the batches from the first."""
        import pyarrow as pa

        self.file.seek(0)
        with pa.ipc.open_file(self.file, options=only(self.schema, columns, condition)) as file:
            for position in range(file.num_record_batches):
                yield filtered(file.get_batch(position), columns, condition)


def _unnamed_file() -> Any:
    return tempfile.TemporaryFile()


def of_stream(data: Any) -> Table:
    """Return a table over anything that gives itself to Arrow as a stream, as often as it is asked."""
    import pyarrow as pa

    def reopened(columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        for batch in pa.RecordBatchReader.from_stream(data):
            yield filtered(batch, columns, condition)

    return Stream(pa.RecordBatchReader.from_stream(data).schema, reopened)


def of_dataset(dataset: Any) -> Table:
    """Return a table over a dataset of PyArrow."""

    def scanned(columns: Sequence[str], condition: Any) -> Iterable[pa.RecordBatch]:
        return scan(dataset, columns, condition)

    return Stream(dataset.schema, scanned)


def scan(dataset: Any, columns: Sequence[str], condition: Any) -> Iterable[pa.RecordBatch]:
    """Return the batches of a dataset, few of them in memory at a time."""
    options: dict[str, Any] = {"batch_size": BATCH, "batch_readahead": 1, "fragment_readahead": 1}
    batches: Iterable[pa.RecordBatch] = dataset.scanner(
        columns=list(columns), filter=condition, use_threads=False, **options
    ).to_batches()
    return batches


def filtered(batch: pa.RecordBatch, columns: Sequence[str], condition: Any) -> pa.RecordBatch:
    """Return some columns of the rows that a filter takes."""
    return (batch if condition is None else batch.filter(condition)).select(list(columns))


def only(schema: pa.Schema, columns: Sequence[str], condition: Any) -> Any:
    """Return options to read some columns; a filter may name any."""
    import pyarrow as pa

    if condition is not None:
        return pa.ipc.IpcReadOptions()
    return pa.ipc.IpcReadOptions(included_fields=sorted(schema.get_field_index(name) for name in columns))


def _as_array(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return pa.array(values) if hasattr(values, "__arrow_c_array__") else pa.chunked_array(values)


def _of_polars(frame: Any) -> InMemory:
    def column(position: int, start: int, stop: int) -> Any:
        return frame.to_series(position).slice(start, stop - start).to_arrow()

    return InMemory(naming(frame.columns), frame.height, lambda *at: of_arrow(column(*at)), column)


def _of_lazy(frame: Any) -> Table:
    """Return a table over a query of Polars, which is run anew by each pass."""

    def collected(columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        query = frame if condition is not None else frame.select(columns)
        for part in query.collect_batches(chunk_size=BATCH, maintain_order=False, lazy=True):
            for batch in part.to_arrow().to_batches():
                yield filtered(batch, columns, condition)

    return Stream(frame.collect_schema().to_frame().to_arrow().schema, collected)


def _of_relation(relation: Any) -> Table:
    """Return a table over a relation of DuckDB, which is computed anew by each pass."""

    def computed(columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        for batch in relation.to_arrow_reader(BATCH):
            yield filtered(batch, columns, condition)

    schema: pa.Schema = relation.limit(0).to_arrow_table().schema
    return Stream(schema, computed)
