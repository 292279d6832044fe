"""CSV: parsed once, in pieces; what passes need to see again is kept in a file without a name.

The type of a column is guessed from the first piece. Where a later one does not fit, the column is read anew
as the next wider type, and as text at last: one odd value never costs the others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError

from .streams import of_reader
from .table_files import damaged, text_suffix

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from .tables import Table

_BLOCK: Final = 4 << 20
_SEPARATORS: Final = (",", ";", "\t", "|")
_MISFIT = re.compile(r"In CSV column #(\d+):.*conversion error to")


def of_csv(path: Path) -> Table:
    """Return a table over a CSV file, packed or not; commas, semicolons, tabs or bars between its columns.

    Raises
    ------
    DataError
        When its rows differ in length, or it is empty.
    """
    import pyarrow as pa

    separator = "\t" if text_suffix(path) == ".tsv" else _separator(path)
    types: dict[str, pa.DataType] = {}
    while True:
        try:
            return of_reader(_reader(path, separator, types))
        except (pa.ArrowException, OSError) as failure:
            if not _widened(types, failure, path, separator):
                raise _refused(path, failure) from None


def _reader(path: Path, separator: str, types: dict[str, Any]) -> Any:
    from pyarrow import csv

    return csv.open_csv(
        path,
        csv.ReadOptions(block_size=_BLOCK, use_threads=False),
        csv.ParseOptions(delimiter=separator),
        csv.ConvertOptions(column_types=types, strings_can_be_null=True),
    )


def _widened(types: dict[str, Any], failure: Exception, path: Path, separator: str) -> bool:
    """Give the column that did not fit its next wider type; tell whether there was one."""
    import pyarrow as pa

    found = _MISFIT.search(str(failure))
    if found is None:
        return False
    schema = _reader(path, separator, types).schema
    field = schema.field(int(found[1]))
    if schema.names.count(field.name) > 1:
        return False
    wider = {pa.null(): pa.int64(), pa.int64(): pa.float64()}
    types[field.name] = wider.get(field.type, pa.string())
    return bool(field.type != pa.string())


def _separator(path: Path) -> str:
    """Return what stands most often between the names."""
    import pyarrow as pa

    with pa.input_stream(str(path)) as file:
        first = file.read(1 << 16).split(b"\n")[0].decode(errors="replace")
    return max(_SEPARATORS, key=first.count)


def _refused(path: Path, failure: Exception) -> DataError:
    if "Empty CSV" in str(failure):
        return DataError(f"{path.name} is empty", hint="give a file with a line of names and lines of values")
    return damaged(path, "CSV", failure)
