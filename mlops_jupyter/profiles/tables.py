"""Tables of any kind, read the same way: by name, in batches, as often as it takes.

`open_table` knows pandas, Polars, PyArrow, DuckDB, dicts of arrays, NumPy, sparse matrices, and files and
folders of Parquet, CSV and Arrow. Nothing is copied that need not be, and nothing is kept: a table larger
than memory passes through in batches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mlops_jupyter.errors import DataError

from .values import Unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .values import Form, Values

#: Rows of a batch: what a processor has at hand of one column.
BATCH: Final = 65_536


class Table(Protocol):
    """Named columns that can be read again and again.

    A name that several columns have stands once, as a column that cannot be read.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in their order."""
        ...

    @property
    def kinds(self) -> Mapping[str, Form]:
        """What the types tell of each column."""
        ...

    @property
    def rows(self) -> int | None:
        """How many there are, where that is known without reading them."""
        ...

    @property
    def columnar(self) -> bool:
        """Whether reading its columns one after the other costs no more than reading all at once."""
        ...

    def batches(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - Arrow's word
    ) -> Iterator[dict[str, Values]]:
        """Yield the rows, some at a time.

        Parameters
        ----------
        columns : sequence of str, optional
            Which; all of them by default. They have the same rows in a batch.
        filter : pyarrow.compute.Expression, optional
            Which rows.

        Yields
        ------
        dict of str to Values
            About `BATCH` rows. Of a table in memory, a single column comes in one piece.

        Raises
        ------
        DataError
            When the table cannot be read on: a file that is damaged.
        """
        ...


def open_table(data: Any) -> Table:
    """Return a table over what the reader has.

    Parameters
    ----------
    data : object
        A frame of pandas or Polars (lazy too), a table, batch, reader or dataset of PyArrow, a relation of
        DuckDB, a dict of columns, an array or sparse matrix, texts, a table already, or the path of a file
        or folder: Parquet, CSV, Arrow.

    Returns
    -------
    Table
        It reads when its batches are asked for.

    Raises
    ------
    DataError
        When it is no table, or a file is not what its name says; one line.

    Examples
    --------
    >>> open_table({"distance": [17.0, 200.0]}).names
    ('distance',)
    """
    if isinstance(data, str | os.PathLike):
        from .table_files import open_path

        return open_path(Path(data).expanduser())
    library = type(data).__module__.partition(".")[0].lstrip("_")
    found = _of_library(library, data)
    if found is None and hasattr(type(data), "batches"):
        return data  # type: ignore[no-any-return] # a table of our own, or of who reads captured files
    if found is None and hasattr(data, "__arrow_c_stream__"):
        from .streams import of_stream

        return of_stream(data)
    if found is None:
        raise DataError(
            f"{type(data).__name__} is no table",
            hint="give a frame, an Arrow table, a dict of columns, an array, or the path of a Parquet, CSV or"
            " Arrow file",
        )
    return found


def _of_library(library: str, data: Any) -> Table | None:
    if library in ("builtins", "numpy", "scipy", "pandas"):
        from . import frames

        return frames.of_data(data)
    if library in ("pyarrow", "polars", "duckdb"):
        from . import streams

        return streams.of_data(data)
    return None


@dataclass(frozen=True)
class Naming:
    """Which column each name means.

    Parameters
    ----------
    positions : Mapping[str, int]
        Of the names that one column has.
    repeated : Mapping[str, int]
        How many columns have each of the other names.
    names : tuple of str
        All, once, in their order.
    """

    positions: Mapping[str, int]
    repeated: Mapping[str, int]
    names: tuple[str, ...]

    def wanted(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        """Return the names that are asked for.

        Raises
        ------
        DataError
            When there is no such column.
        """
        if columns is None:
            return self.names
        for name in columns:
            if name not in self.positions and name not in self.repeated:
                from mlops_jupyter.errors import did_you_mean

                raise DataError(f"there is no column {name!r}", hint=did_you_mean(name, self.names))
        return tuple(columns)

    def unread(self, name: str, rows: int) -> Unread:
        """Return what stands for a name that several columns have."""
        return Unread(f"{self.repeated[name]} columns have this name, rename all but one", rows)

    def told(self, names: Iterable[str], found: Mapping[str, Values], rows: int) -> dict[str, Values]:
        """Return a batch: what was found, and why the rest was not."""
        return {name: found[name] if name in found else self.unread(name, rows) for name in names}


def naming(labels: Iterable[Any]) -> Naming:
    """Return which column each name means.

    Examples
    --------
    >>> naming(["a", "b", "a"]).names, dict(naming(["a", "b", "a"]).repeated)
    (('a', 'b'), {'a': 2})
    """
    found: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        found.setdefault(str(label), []).append(position)
    return Naming(
        {name: at[0] for name, at in found.items() if len(at) == 1},
        {name: len(at) for name, at in found.items() if len(at) > 1},
        tuple(found),
    )
