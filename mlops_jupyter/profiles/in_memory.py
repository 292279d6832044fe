"""A table whose columns are all at hand: read where they lie, whole or in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .arrow_values import of_arrow
from .tables import BATCH, Naming
from .values import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from .values import Form, Values

_GLANCE = 1000


@dataclass(frozen=True, eq=False)
class InMemory:
    """Columns of some library.

    Parameters
    ----------
    naming : Naming
        Which column each name means.
    rows : int
        How many there are.
    read : callable
        Returns the values of the column at a position, from one row up to another.
    arrow : callable
        Returns the same as an array of Arrow's; None where Arrow has no type for it.
    """

    naming: Naming
    rows: int
    read: Callable[[int, int, int], Values]
    arrow: Callable[[int, int, int], Any]
    columnar: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in their order."""
        return self.naming.names

    @cached_property
    def kinds(self) -> Mapping[str, Form]:
        """What the types, and of objects the first ones, tell of each column."""
        return {name: values.form for name, values in self._piece(self.names, 0, _GLANCE).items()}

    def batches(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - Arrow's word
    ) -> Iterator[dict[str, Values]]:
        """Yield the rows: a single column in one piece, several in pieces of `BATCH` rows."""
        wanted = self.naming.wanted(columns)
        step = max(self.rows, 1) if len(wanted) == 1 and filter is None else BATCH
        for start in range(0, self.rows, step):
            stop = min(start + step, self.rows)
            if filter is None:
                yield self._piece(wanted, start, stop)
            else:
                yield self._filtered(wanted, filter, start, stop)

    def _piece(self, names: Sequence[str], start: int, stop: int) -> dict[str, Values]:
        positions = self.naming.positions
        stop = min(stop, self.rows)
        found = {name: self.read(positions[name], start, stop) for name in names if name in positions}
        return self.naming.told(names, found, stop - start)

    def _filtered(self, names: Sequence[str], condition: Any, start: int, stop: int) -> dict[str, Values]:
        piece = self._as_arrow(start, stop).filter(condition)
        found = {name: of_arrow(piece.column(name)) for name in piece.column_names}
        for name in set(names) & set(self.naming.positions) - set(found):
            values = self.read(self.naming.positions[name], start, stop)
            why = values.why if isinstance(values, Unread) else "is of a type that no slice is taken of"
            found[name] = Unread(why, piece.num_rows)
        return self.naming.told(names, found, piece.num_rows)

    def _as_arrow(self, start: int, stop: int) -> pa.Table:
        import pyarrow as pa

        arrays = {
            name: array
            for name, position in self.naming.positions.items()
            if (array := self.arrow(position, start, stop)) is not None
        }
        return pa.table(arrays)
