"""What drifted, as the verb returns it: for code, for a reader, for a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from mlops_jupyter.errors import MlopsError, UsageError, did_you_mean
from mlops_jupyter.verbs.results import Figure, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from mlops_jupyter.monitoring.drift import Found
    from mlops_jupyter.stats.column_drift import ColumnDrift
    from mlops_jupyter.stats.comparing import Comparison
    from mlops_jupyter.verbs.drift_payload import (
        ColumnValues,
        EffectValues,
        Payload,
        ReferenceChoice,
        SelectionValues,
    )
    from mlops_jupyter.verbs.results import Block


@dataclass(frozen=True, eq=False)
class DriftReport(Result):
    """What changed from the reference to the current window, column by column.

    `r["distance"]` is a column, `len(r)` how many there are, and iterating goes from what drifted most.

    Parameters
    ----------
    found : Found
        Both windows, the comparison and the trend.
    selection : dict
        What was asked for, as it was written.
    every : float or None
        Seconds between two looks, when the report follows the traffic.
    again : callable or None
        Answers the same question with a part of it changed.
    references : tuple of dict
        What else could be compared with.
    """

    found: Found = field(repr=False)
    selection: SelectionValues
    every: float | None = None
    again: Callable[[Mapping[str, Any]], DriftReport] | None = field(default=None, repr=False)
    references: tuple[ReferenceChoice, ...] = ()

    @property
    def comparison(self) -> Comparison:
        """Every column with its effects, verdict and words."""
        return self.found.comparison

    @property
    def ok(self) -> bool:
        """Whether every column is OK: neither drifted, nor too short of rows, nor beyond comparison."""
        return self.comparison.ok

    @property
    def columns(self) -> list[ColumnDrift]:
        """The columns, what must be looked at first."""
        return self.comparison.columns

    def __getitem__(self, name: str) -> ColumnDrift:
        return self.comparison[name]

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[ColumnDrift]:
        return iter(self.columns)

    @property
    def headline(self) -> str:
        """What drifted most, what could not be told, or that nothing did."""
        return self._values["title"]

    @cached_property
    def _values(self) -> Payload:
        from mlops_jupyter.verbs.drift_summary import payload_of

        return payload_of(self.found, self.selection, list(self.references))

    def payload(self) -> dict[str, Any]:
        """Return everything that is shown, as plain values; `verbs.drift_payload` names them."""
        return cast("dict[str, Any]", self._values)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that is shown, as plain values."""
        return self.payload()

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each column, ranked: verdict, effect with its bounds, what changed."""
        import pandas as pd

        rows = [_row(column, self._values["measure"]) for column in self._values["columns"]]
        return pd.DataFrame(rows).set_index("column")

    def ask(self, selection: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload of another window, reference, variant or slice.

        Parameters
        ----------
        selection : mapping
            ``window`` (when one of the trend's begins), ``reference``, ``variant``, ``slice``; None for what
            the report was made with.

        Raises
        ------
        UsageError
            When it is of two given tables, or something of the selection cannot be.
        """
        if self.again is None:
            raise UsageError("two given tables are compared as they are", hint="call drift with others")
        return self.again(selection).payload()

    def figure(self, feature: str | None = None) -> Drawing:
        """Return the figure of all that drifted, or of one feature, for a paper or a report of your own."""
        from mlops_jupyter.verbs import drift_figure

        if feature is None:
            return drift_figure.draw(self._values)
        return drift_figure.draw_column(self._values, self._drawable(feature))

    def trend_figure(self) -> Drawing:
        """Return how strongly each column drifted in each of the shorter windows.

        Raises
        ------
        UsageError
            When there is one window only.
        """
        from mlops_jupyter.verbs.drift_over_time import draw

        if not self._values["windows"]:
            raise UsageError("there is one window only", hint="give a longer --last, or a shorter --window")
        return draw(self._values)

    def _drawable(self, feature: str) -> ColumnValues:
        names = [column["name"] for column in self._values["columns"]]
        column = next((each for each in self._values["columns"] if each["name"] == feature), None)
        if column is None:
            raise UsageError(f"there is no column {feature!r}", hint=did_you_mean(feature, names))
        if column["histogram"] is None:
            raise MlopsError(f"{feature} cannot be drawn", column["reason"])
        return column

    def blocks(self) -> Iterable[Block]:
        """Yield what is compared, the ranking, how what drifted changed, and what to know of it."""
        from mlops_jupyter.verbs import drift_figure, drift_table
        from mlops_jupyter.verbs.drift_words import message_of

        yield drift_table.facts(self._values)
        yield from drift_table.tables(self._values)
        if drift_figure.worth_drawing(self._values):
            message = message_of(self._values)
            yield Figure(message, lambda: drift_figure.overview_png(self._values), drift_figure.WIDTH)
        yield from drift_table.multivariate(self._values)
        yield from drift_table.notes(self._values)


def _row(column: ColumnValues, measure: str) -> dict[str, Any]:
    effect: EffectValues | None = column["effects"].get(measure)
    numbers = ("value", "low", "high", "p", "p_adjusted")
    known = {name: effect[name] if effect else None for name in numbers}  # type: ignore[literal-required]
    return {
        "column": column["name"],
        "verdict": column["verdict"],
        "measure": effect["measure"] if effect else None,
        **known,
        "share": column["share"],
        "role": column["role"],
        "kind": column["kind"],
        "missing_reference": column["missing"][0],
        "missing_current": column["missing"][1],
        "rows": column["rows"],
        "rows_needed": column["rows_needed"],
        "reason": column["reason"],
        "words": "; ".join(column["words"]),
    }
