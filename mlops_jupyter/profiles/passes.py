"""Reading a table as often as its columns need, and no column longer than it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.profiles import Unreadable

from .values import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlops_jupyter.stats.profiles import ColumnProfile

    from .tables import Table
    from .values import Values

#: Told how far the work is: ``column 12 of 50``, ``3,000,000 rows``.
Told: TypeAlias = "Callable[[str], None]"


class Step(Protocol):
    """What one pass does with one column."""

    def add(self, values: Values) -> None:
        """Take more values.

        Raises
        ------
        DataError
            When they cannot be profiled; one line.
        """
        ...

    def next(self) -> Step | ColumnProfile:
        """Return the column's profile, or what another pass has to do for it."""
        ...


def profiled(
    table: Table, names: Sequence[str], begin: Callable[[str], Step], condition: Any, tell: Told
) -> tuple[dict[str, ColumnProfile], int]:
    """Return the profiles of some columns, and how many rows there are.

    Columns that lie apart are read one after the other, so that memory does not grow with their number.

    Parameters
    ----------
    table : Table
        What is read.
    names : sequence of str
        Which of its columns.
    begin : callable
        Returns the first step for a column.
    condition : pyarrow.compute.Expression or None
        Which rows.
    tell : callable
        Told how far the work is.
    """
    found: dict[str, ColumnProfile] = {}
    rows = 0
    for group in _groups(table, names, condition):
        told = tell if len(group) > 1 else _of_many(tell, len(found) + 1, len(names))
        columns, rows = _passes(table, {name: begin(name) for name in group}, condition, told)
        found |= columns
    return found, rows


def _groups(table: Table, names: Sequence[str], condition: Any) -> Iterator[Sequence[str]]:
    if not table.columnar or condition is not None:
        yield names
    else:
        yield from ([name] for name in names) if names else [[]]


def _passes(
    table: Table,
    steps: Mapping[str, Step],
    condition: Any,
    tell: Told,
) -> tuple[dict[str, ColumnProfile], int]:
    found: dict[str, ColumnProfile] = {}
    going = {name: _Careful(step) for name, step in steps.items()}
    rows = _pass(table, going, condition, tell)
    while going:
        after = {name: step.next(name, rows) for name, step in going.items()}
        found |= {name: step for name, step in after.items() if not isinstance(step, _Careful)}
        going = {name: step for name, step in after.items() if isinstance(step, _Careful)}
        if going:
            _pass(table, going, condition, tell)
    return {name: found[name] for name in steps}, rows


def _pass(table: Table, steps: Mapping[str, _Careful], condition: Any, tell: Told) -> int:
    rows = 0
    names = list(steps) or list(table.names[:1])
    for batch in table.batches(names, condition):
        for name, step in steps.items():
            step.add(batch[name])
        rows += next(iter(batch.values())).rows if batch else 0
        tell(f"{rows:,} rows")
    return rows


def _of_many(tell: Told, number: int, every: int) -> Told:
    return lambda how_far: tell(f"column {number} of {every}, {how_far}")


class _Careful:
    """A step that lets no column stop the others: what cannot be read is not read on."""

    def __init__(self, step: Step) -> None:
        self.step, self.why = step, ""

    def add(self, values: Values) -> None:
        if self.why:
            return
        if isinstance(values, Unread):
            self.why = values.why
            return
        try:
            self.step.add(values)
        except DataError as error:
            self.why = str(error)

    def next(self, name: str, rows: int) -> _Careful | ColumnProfile:
        if self.why:
            return Unreadable(name, self.why, rows)
        following = self.step.next()
        return _Careful(following) if hasattr(following, "add") else following  # type: ignore[arg-type]
