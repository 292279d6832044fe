"""From a table to its profile: a reference of its own, or counted against one.

A column in memory, or of up to two million rows, is sorted once and known exactly. A larger one is streamed:
a first pass samples it, for cells; a second counts; a third looks into the nine cells that hold a decile, so
that these are exact too. Against a reference one pass is all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.stats.edges import CELLS
from mlops_jupyter.stats.profiles import Profile, Unreadable

from .counting import counter_of
from .in_memory import InMemory
from .passes import profiled
from .samples import SAMPLE
from .surveying import Survey
from .tables import open_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .passes import Step, Told
    from .tables import Table

_SORTED: Final = 2_000_000  # rows of a column that are sorted in memory, wherever they come from
_KEPT: Final = 10_000_000  # numbers of all columns together that a sample of rows may hold
_EXTRA: Final = "is not in the reference"


def profile_table(
    data: Any,
    reference: Profile | None = None,
    schema: Mapping[str, Any] | None = None,
    progress: Told | None = None,
    filter: Any = None,  # noqa: A002 - Arrow's word
    cells: int = CELLS,
) -> Profile:
    """Return the profile of a table.

    Parameters
    ----------
    data : object
        A table, or anything `open_table` takes.
    reference : Profile, optional
        By whose cells and levels it is counted, in one pass. Without one, the table is a reference itself.
    schema : mapping, optional
        The input half of a feature schema: a column that has categories there is categorical.
    progress : callable, optional
        Told how far the work is: ``column 12 of 50, 131,072 rows``.
    filter : pyarrow.compute.Expression, optional
        Which rows.
    cells : int
        Into how many cells the numbers of a reference go.

    Returns
    -------
    Profile
        With an entry for each column of the table; one that cannot be profiled says why. The columns stand
        in the reference's order, those that it does not have at the end.

    Raises
    ------
    DataError
        When the data is no table, or a file of it is damaged.

    Examples
    --------
    >>> profile = profile_table({"hour": [7.0, 8.0, None]})
    >>> profile.columns["hour"].mean, profile.columns["hour"].missing
    (7.5, 1)
    """
    table, tell = open_table(data), progress or _silent
    if reference is not None:
        return _counted(table, reference, tell, filter)
    limit = _limit(table, filter)
    categories = _categories(schema)

    def survey(name: str) -> Survey:
        return Survey(limit, table.rows, categorical=name in categories, cells=cells)

    return Profile(*profiled(table, table.names, survey, filter, tell))


def _counted(table: Table, reference: Profile, tell: Told, condition: Any) -> Profile:
    known = [name for name in table.names if name in reference.columns]

    def counter(name: str) -> Step:
        return counter_of(name, reference.columns[name])

    found, rows = profiled(table, known, counter, condition, tell)
    extra = {name: Unreadable(name, _EXTRA, rows) for name in table.names if name not in found}
    return Profile({name: found[name] for name in reference.columns if name in found} | extra, rows)


def _limit(table: Table, condition: Any) -> int | None:
    """Return how many numbers of a column may be kept; None where all can."""
    if isinstance(table, InMemory):
        return None
    if table.columnar and condition is None:
        return None if table.rows is not None and table.rows <= _SORTED else SAMPLE
    return min(SAMPLE, _KEPT // max(1, len(table.names)))


def _categories(schema: Mapping[str, Any] | None) -> set[str]:
    columns = (schema or {}).get("columns", ())
    return {column["name"] for column in columns if column.get("categories") is not None}


def _silent(_: str) -> None:
    return None
