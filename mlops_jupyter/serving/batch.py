"""Rows on their way to the model: one array per column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Batch:
    """Validated rows.

    Parameters
    ----------
    columns : dict of str to ndarray
        One array of shape (rows,) for each column of the schema. Both float types are float64 with NaN
        for a missing value; both integer types int64 (uint64 where the schema says so), but float64 where a
        value is missing; booleans are bool, but object with None where one is missing; strings are object
        with None; datetimes are ``datetime64[us]`` with NaT, in UTC where the column has a zone.
    rows : int
        How many.
    block : ndarray, optional
        The same values as one float64 array of shape (rows, columns), columns in the order of the schema,
        when all of them are floats.
    """

    __slots__ = ("_columns", "_names", "block", "rows")

    def __init__(
        self, columns: dict[str, NDArray[Any]], rows: int, block: NDArray[np.float64] | None = None
    ) -> None:
        self._columns: dict[str, NDArray[Any]] | None = columns
        self._names: Sequence[str] = ()
        self.rows, self.block = rows, block

    @classmethod
    def of_block(cls, names: Sequence[str], block: NDArray[np.float64]) -> Batch:
        """Return the rows of one block; its columns are only looked up when somebody asks for one."""
        batch = cls.__new__(cls)
        batch._columns, batch._names, batch.rows, batch.block = None, names, len(block), block
        return batch

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """One array for each column of the schema."""
        if self._columns is None:
            assert self.block is not None
            self._columns = dict(zip(self._names, self.block.T, strict=True))
        return self._columns
