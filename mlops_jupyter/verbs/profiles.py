"""Profile any table: what each column holds, and the counts that drift is measured by."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError, NotFoundError, WorkspaceError, did_you_mean
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.results import Block, Facts, Note, Quantity, Result, Shape, Table, Titled
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from matplotlib.figure import Figure

    from mlops_jupyter.stats.categorical_profile import CategoricalProfile
    from mlops_jupyter.stats.numeric_profile import NumericProfile
    from mlops_jupyter.stats.profiles import ColumnProfile, Profile
    from mlops_jupyter.verbs.types import DataSource, FilePath, Live

_LEVELS: Final = 4
_COLUMNS: Final = ("column", "missing", "range or levels", "mean", "distribution")


@dataclass(frozen=True)
class ProfileReport(Result):
    """What each column of a table holds.

    Parameters
    ----------
    label : str
        What was profiled.
    profile : Profile
        The counts: a reference for `drift`.
    path : Path, optional
        Where it was written.
    """

    label: str
    profile: Profile = field(repr=False)
    path: Path | None = None

    @property
    def headline(self) -> str:
        """How many rows and columns, and of which kinds."""
        kinds = Counter(_kind(column) for column in self.profile.columns.values())
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        columns = len(self.profile.columns)
        size = f"{self.profile.rows:,} rows, {columns} column{'s' * (columns != 1)}"
        return f"{self.label}: {size}" + (f" ({told})" if told else "")

    def blocks(self) -> Iterable[Block]:
        """Yield the columns, those that cannot be read, and where the profile is."""
        rows = tuple(_row(name, column) for name, column in self.profile.columns.items() if _readable(column))
        yield Table(_COLUMNS, rows, empty="no column can be profiled")
        for name, column in self.profile.columns.items():
            if not _readable(column):
                yield Note(f"{name} {getattr(column, 'why', '')}", "warn")
        if self.path is not None:
            facts = (("profile", str(self.path)), ("size", Quantity(self.path.stat().st_size, "B")))
            yield Facts(facts)

    def __getitem__(self, column: str) -> ColumnProfile:
        """Return the profile of one column."""
        found = self.profile.columns.get(column)
        if found is None:
            hint = did_you_mean(column, self.profile.columns)
            raise NotFoundError(f"there is no column {column!r}", hint=hint)
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column, as numbers."""
        import pandas as pd

        rows = {name: _summary(column) for name, column in self.profile.columns.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")

    def figure(self, column: str | None = None) -> Figure:
        """Return the distributions of the columns, or of one of them."""
        from mlops_jupyter.verbs.profile_figure import draw

        chosen = self.profile.columns if column is None else {column: self[column]}
        return draw(self.label, chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return what is in `to_frame`, ready for JSON."""
        columns = {name: _summary(column) for name, column in self.profile.columns.items()}
        path = None if self.path is None else str(self.path)
        return {"label": self.label, "rows": self.profile.rows, "columns": columns, "path": path}


@verb(stage="monitor")
def profile(data: Live[DataSource], *, to: FilePath | None = None) -> ProfileReport:
    """Profile a table of any kind and size: ranges, levels, what is missing; a reference for `drift`.

    Parameters
    ----------
    data : object
        A frame (pandas, Polars), an Arrow table or dataset, a DuckDB relation, a dict of arrays, or the path
        of a file or folder: Parquet, CSV, Arrow. It is streamed: memory stays flat for any number of rows.
    to : str, optional
        The file to keep the profile in: counts, and no rows; ``%mlops drift --reference FILE`` reads it.

    Returns
    -------
    ProfileReport
        A row for each column; `to_frame()`, `figure()`, `r["distance"]`.

    Raises
    ------
    DataError
        When it is no table or has no rows, or a file is not what its name says.

    Examples
    --------
    >>> mlops.profile("train.parquet", to="train.profile")  # doctest: +SKIP
    """
    from mlops_jupyter.profiles.profiling import profile_table

    label = _label(data)
    with progress(f"profile {label}") as report:
        report("read")
        found = profile_table(data, progress=lambda how_far: report("read", how_far))
        if not found.rows:
            raise DataError(f"{label} has no rows", hint="give data that has some")
        path = None if to is None else _written(found, Path(to).expanduser(), label, report)
    return ProfileReport(label, found, path)


def _written(found: Profile, path: Path, label: str, report: Any) -> Path:
    from mlops_jupyter.profiles.files import write_profile

    report("write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_profile(path, found, {"label": label})
    except OSError as failure:
        raise WorkspaceError(f"{path} cannot be written", failure.strerror or str(failure)) from None
    return path


def _label(data: Any) -> str:
    """Return what the data is called: a file by its name, the rest by what it is."""
    if isinstance(data, str | os.PathLike):
        return Path(data).name
    return type(data).__name__


def _readable(column: ColumnProfile) -> bool:
    return hasattr(column, "count")


def _kind(column: ColumnProfile) -> str:
    kind = str(getattr(column, "kind", "unreadable"))
    return {"datetime": "dates"}.get(kind, kind)


def _row(name: str, column: Any) -> tuple[Any, ...]:
    missing = Quantity(100 * column.missing / max(column.rows, 1), "%")
    counted = hasattr(column, "levels")
    told, mean = (_levels(column), None) if counted else (_range(column), _mean(column))
    return Titled(name, _kind(column)), missing, told, mean, _shape(name, column)


def _range(column: NumericProfile) -> str:
    if not column.finite:
        return ""
    low, high = (_number(value, column.kind) for value in (column.minimum, column.maximum))
    unit = " characters" if column.kind == "text" else ""
    infinite = f", {sum(column.infinite):,} infinite" if sum(column.infinite) else ""
    return f"{low}{unit}{infinite}" if low == high else f"{low} to {high}{unit}{infinite}"


def _mean(column: NumericProfile) -> str | float | None:
    if not column.finite:
        return None
    return _number(column.mean, column.kind) if column.kind == "datetime" else float(column.mean)


def _levels(column: CategoricalProfile) -> str:
    """Return the most frequent levels with their shares, and how many more there are."""
    first = list(column.levels.items())[:_LEVELS]
    told = ", ".join(f"{level} {number(100 * rows / column.count)} %" for level, rows in first)
    more = len(column.levels) - len(first)
    least = "" if column.complete else "at least "
    return told + (f", {least}{more:,} more" if more or least else "")


def _number(value: float, kind: str) -> str:
    if kind != "datetime":
        return number(value)
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
    except OverflowError:
        return number(value)
    return f"{moment:%Y-%m-%d %H:%M}"


def _shape(name: str, column: ColumnProfile) -> Shape | str:
    from mlops_jupyter.verbs.drift_shapes import histogram_of

    found = histogram_of(column, column)
    if found is None:
        return ""
    return Shape(tuple(found["reference"]), apart="labels" in found, about=f"distribution of {name}")


def _summary(column: Any) -> dict[str, Any]:
    """Return a column in plain numbers."""
    if not _readable(column):
        return {"kind": "unreadable", "rows": column.rows, "why": column.why}
    found = {"kind": column.kind, "rows": column.rows, "missing": column.missing}
    return {**found, **dict(_level_numbers(column) if hasattr(column, "levels") else _numbers(column))}


def _numbers(column: NumericProfile) -> Iterator[tuple[str, Any]]:
    if column.finite:
        for name in ("minimum", "maximum", "mean", "deviation"):
            yield name, float(getattr(column, name))
    yield "infinite", sum(column.infinite)


def _level_numbers(column: CategoricalProfile) -> Iterator[tuple[str, Any]]:
    yield "levels", len(column.levels)
    if column.count:
        level, rows = next(iter(column.levels.items()), (None, 0))
        yield "most_frequent", level
        yield "share", rows / column.count
