"""The newest of captured rows, and how many there are, in one pass and little memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .captured import captured_rows
from .files import captured_files, read_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from .captured import Selection

_ROOM: Final = 4  # times as many rows as are wanted may wait before the others are let go
_LEAST: Final = 16_384


@dataclass(frozen=True, eq=False)
class Newest:
    """Rows that were found.

    Parameters
    ----------
    table : pyarrow.Table
        The newest, in the order of their times.
    statuses : mapping of int to int
        How many rows there are in all, by what became of their requests.
    """

    table: pa.Table
    statuses: Mapping[int, int]

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(self.statuses.values())

    def to_frame(self) -> pd.DataFrame:
        """Return the newest as a frame.

        Integers and booleans are of pandas' nullable types, since what was refused has none; times have their
        zone.
        """
        import pandas as pd
        import pyarrow as pa

        known: dict[Any, Any] = {
            pa.bool_(): pd.BooleanDtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
            pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(),
        }  # fmt: skip
        frame: pd.DataFrame = self.table.to_pandas(types_mapper=known.get)
        return frame


@dataclass(frozen=True)
class Span:
    """How many rows were captured, and when the first and the last of them were asked, in UTC."""

    rows: int
    first: datetime
    last: datetime


def newest_rows(deployment: Path, selection: Selection, limit: int, version: str | None = None) -> Newest:
    """Return the newest of the rows that are looked for.

    Parameters
    ----------
    deployment : Path
        The deployment's folder.
    selection : Selection
        Which rows.
    limit : int
        How many at most.
    version : str, optional
        Only of this version.

    Raises
    ------
    DataError
        When nothing was ever captured.
    UsageError
        When the slice does not fit the columns.
    """
    found = captured_rows(deployment, selection, version)
    statuses: Counter[int] = Counter()
    kept = found.schema.empty_table()
    waiting: list[pa.RecordBatch] = []
    room = max(_ROOM * limit, _LEAST)
    for batch in found.batches():
        for counted in batch["status"].value_counts().to_pylist():
            statuses[counted["values"]] += counted["counts"]
        waiting.append(batch)
        if kept.num_rows + sum(map(len, waiting)) > room:
            kept, waiting = _newest(kept, waiting, limit), []
    return Newest(_newest(kept, waiting, limit), dict(sorted(statuses.items())))


def captured_span(deployment: Path, version: str | None = None) -> Span | None:
    """Return how much was captured and when, None where nothing was."""
    import pyarrow.compute as pc

    rows, ends = 0, []
    for batch in _times(deployment, version):
        rows += len(batch)
        ends += pc.min_max(batch).as_py().values()
        ends = [min(ends), max(ends)]
    return Span(rows, *ends) if rows else None


def _times(deployment: Path, version: str | None) -> Iterable[pa.Array]:
    for file in captured_files(deployment, version):
        yield from (batch["time"] for batch in read_batches(file.path) if batch.num_rows)


def _newest(kept: pa.Table, more: list[pa.RecordBatch], limit: int) -> pa.Table:
    import pyarrow as pa

    table = pa.concat_tables([kept, pa.Table.from_batches(more, kept.schema)])
    order = table.select(["time", "prediction_id", "row"])
    table = table.take(_rising(order))
    return table.slice(max(0, table.num_rows - limit))


def _rising(table: pa.Table) -> pa.Array:
    import pyarrow.compute as pc

    return pc.sort_indices(table, sort_keys=[(name, "ascending") for name in table.column_names])
