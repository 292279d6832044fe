"""Arrow's own files: of the file format, a column at a time, and of the stream format, a batch at a time.

They are read and not mapped: pages of a mapped file count as memory of the process until they are taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .streams import Stream, filtered, only
from .table_files import checked_open, damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .tables import Table


def of_file(path: Path) -> Table:
    """Return a table over a file of Arrow's.

    Raises
    ------
    DataError
        When it is damaged.
    """
    with path.open("rb") as file:
        in_blocks = file.read(6) == b"ARROW1"
    opened = _Opened(path, in_blocks=in_blocks)
    schema: pa.Schema = checked_open(path, "Arrow", opened.schema)
    return Stream(schema, opened.batches, columnar=in_blocks)


class _Opened:
    """A file, opened anew by each pass."""

    def __init__(self, path: Path, *, in_blocks: bool) -> None:
        self.path, self.in_blocks = path, in_blocks

    def schema(self) -> pa.Schema:
        import pyarrow as pa

        with pa.OSFile(str(self.path)) as source:
            read = pa.ipc.open_file if self.in_blocks else pa.ipc.open_stream
            return read(source).schema

    def batches(self, columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            with pa.OSFile(str(self.path)) as source:
                for batch in self._all(source, columns, condition):
                    yield filtered(batch, columns, condition)
        except (pa.ArrowException, OSError) as failure:
            raise damaged(self.path, "Arrow", failure) from None

    def _all(self, source: Any, columns: Sequence[str], condition: Any) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        if not self.in_blocks:
            yield from pa.ipc.open_stream(source)
            return
        schema = pa.ipc.open_file(source).schema
        source.seek(0)
        file = pa.ipc.open_file(source, options=only(schema, columns, condition))
        for position in range(file.num_record_batches):
            yield file.get_batch(position)
