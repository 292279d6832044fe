"""A reference's own profile, column by column: a first look tells what it is, later ones make it exact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import LEVELS
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.edges import CELLS, edges_at, edges_of

from .counting import TextCounter
from .deciles import DecileSearch
from .labels import Codes
from .samples import Sample
from .tallies import Tally
from .texts import Vocabulary, lengths
from .values import Missing, Numbers, Unread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.stats.edges import Edges
    from mlops_jupyter.stats.profiles import ColumnProfile

    from .passes import Step
    from .values import Values

_FEW: Final = 50  # so many levels are levels, however few the rows


class Survey:
    """The first look at a column.

    Parameters
    ----------
    limit : int or None
        How many numbers may be kept; None for all.
    rows : int, optional
        How many rows there are, where that is known.
    categorical : bool
        Whether its labels are categories, however many there are.
    cells : int
        Into how many cells its numbers go.
    """

    def __init__(
        self,
        limit: int | None = None,
        rows: int | None = None,
        *,
        categorical: bool = False,
        cells: int = CELLS,
    ) -> None:
        self.numbers, self.tally = Sample(limit, rows), Tally()
        self.range = Range()
        self.categorical, self.cells = categorical, cells
        self.form: str = ""
        self.missing = 0

    def add(self, values: Values) -> None:
        """Look at more values."""
        if isinstance(values, Missing):
            self.missing += values.rows
            return
        assert not isinstance(values, Unread)
        if self.form not in ("", values.form):
            raise DataError(f"holds {_WORDS[self.form]} and {_WORDS[values.form]}")
        self.form = values.form
        if isinstance(values, Numbers):
            self.numbers.add(values.values)
            self.range.add(values.values)
            return
        self.categorical |= isinstance(values, Codes) and values.declared
        self.tally.add(*values.counted())

    def next(self) -> Step | ColumnProfile:
        """Return the profile, or how to go on."""
        if self.form in ("numeric", "datetime"):
            return self._numeric("datetime" if self.form == "datetime" else "numeric")
        if self._is_text():
            return TextSurvey(self.numbers.limit, self.cells)
        self.tally.missing += self.missing
        return self.tally.profile(kind="boolean" if self.form == "boolean" else "categorical")

    def _numeric(self, kind: Literal["numeric", "datetime"]) -> Step | ColumnProfile:
        if self.numbers.complete:
            found = reference_profile(self.numbers.values(), kind, self.cells)
            return replace(found, missing=found.missing + self.missing)
        edges = edges_of(self.numbers.values(), self.cells)
        return Counting(_with_range(edges, self.range), kind)

    def _is_text(self) -> bool:
        """Return whether labels are no categories: most of them are met once, or nearly so."""
        distinct, rows = len(self.tally.counts), sum(self.tally.counts.values()) + self.tally.forgotten
        if self.categorical or self.form != "labels" or distinct <= _FEW:
            return False
        return (
            distinct > rows / 2
            or (distinct > LEVELS and distinct > rows / 10)
            or self.tally.forgotten > rows / 2
        )


class Range:
    """The least and the greatest of the finite values."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf

    def add(self, values: NDArray[np.float64]) -> None:
        """Look at more values."""
        if not values.size:
            return
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        if np.isinf(low) or np.isinf(high):
            self.add(values[np.isfinite(values)])
            return
        if low <= high:
            self.low, self.high = min(self.low, low), max(self.high, high)


class Counting:
    """The second look at numbers too many to be kept: how many lie in each cell."""

    def __init__(self, edges: Edges, kind: Literal["numeric", "datetime", "text"]) -> None:
        self.counter = NumericCounter(edges, kind)

    def add(self, values: Values) -> None:
        """Count more numbers."""
        self.counter.add(_as_numbers(values))

    def next(self) -> Step | ColumnProfile:
        """Return how the deciles are made exact, or the profile where there is no number."""
        found = self.counter.profile()
        return DecileSearch(found, _as_numbers) if found.finite else found


class TextSurvey:
    """The second look at text: which words there are, and how long it is."""

    def __init__(self, limit: int | None, cells: int) -> None:
        self.lengths, self.vocabulary, self.cells = Sample(limit), Vocabulary(), cells

    def add(self, values: Values) -> None:
        """Look at more texts."""
        if isinstance(values, Missing | Numbers | Unread):
            return
        labels, counts, _ = values.counted()
        self.lengths.add(np.repeat(lengths(labels), counts))
        self.vocabulary.add(labels, counts)

    def next(self) -> Step:
        """Return how texts are counted."""
        edges = edges_of(self.lengths.values(), self.cells)
        return TextCounting(edges, self.vocabulary.words())


class TextCounting:
    """The third look at text: how many are as long as each cell says, and how many words are known."""

    def __init__(self, edges: Edges, vocabulary: tuple[str, ...]) -> None:
        empty = NumericCounter(edges, "text").profile()
        self.counter = TextCounter(replace(empty, vocabulary=vocabulary))

    def add(self, values: Values) -> None:
        """Count more texts."""
        self.counter.add(values)

    def next(self) -> Step | ColumnProfile:
        """Return how the deciles are made exact."""
        found = self.counter.next()
        return DecileSearch(found, _as_lengths) if found.finite else found


def _as_numbers(values: Values) -> NDArray[np.float64]:
    return values.values if isinstance(values, Numbers) else np.full(values.rows, np.nan)


def _as_lengths(values: Values) -> NDArray[np.float64]:
    if isinstance(values, Missing | Numbers | Unread):
        return np.empty(0)
    labels, counts, _ = values.counted()
    return np.repeat(lengths(labels), counts)


def _with_range(edges: Edges, spread: Range) -> Edges:
    """Return edges with the least and the greatest value among them: a sample rarely has these."""
    if spread.low > spread.high:
        return edges
    with np.errstate(over="ignore"):  # below the least of all floats
        ends = np.array([np.nextafter(spread.low, -np.inf), spread.low, spread.high])
    return edges_at(np.concatenate([edges.values, ends[np.isfinite(ends)]]), edges.values[edges.bins])


_WORDS: Final = {
    "labels": "text", "boolean": "true and false", "numeric": "numbers", "datetime": "dates"
}  # fmt: skip
