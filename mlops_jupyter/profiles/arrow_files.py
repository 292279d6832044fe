"""Arrow's own files: of the file format and of the stream format, mapped and not read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .streams import Stream, filtered, of_table
from .table_files import checked_open, damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .tables import Table

_FIRST_FEATHER = b"FEA1"


def of_file(path: Path) -> Table:
    """Return a table over a file of Arrow's.

    Raises
    ------
    DataError
        When it is damaged.
    """
    with path.open("rb") as file:
        first = file.read(6)
    if first.startswith(_FIRST_FEATHER):
        import pyarrow.feather as feather

        return of_table(checked_open(path, "Feather", lambda: feather.read_table(path)))
    opened = _Opened(path, in_blocks=first == b"ARROW1")
    schema: pa.Schema = checked_open(path, "Arrow", opened.schema)
    return Stream(schema, opened.batches)


class _Opened:
    """A file, opened anew by each pass."""

    def __init__(self, path: Path, *, in_blocks: bool) -> None:
        self.path, self.in_blocks = path, in_blocks

    def schema(self) -> pa.Schema:
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            read = pa.ipc.open_file if self.in_blocks else pa.ipc.open_stream
            return read(source).schema

    def batches(self, columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            with pa.memory_map(str(self.path)) as source:
                for batch in self._all(source):
                    yield filtered(batch, columns, condition)
        except (pa.ArrowException, OSError) as failure:
            raise damaged(self.path, "Arrow", failure) from None

    def _all(self, source: Any) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        if not self.in_blocks:
            yield from pa.ipc.open_stream(source)
            return
        file = pa.ipc.open_file(source)
        for position in range(file.num_record_batches):
            yield file.get_batch(position)
