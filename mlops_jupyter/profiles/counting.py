"""Counting the columns of a table against a reference's profile: one pass, nothing kept but counts.

A column that arrives as another type than it was is told in one line, with a value of it, and the others are
counted on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import CategoricalProfile
from mlops_jupyter.stats.counting import NumericCounter
from mlops_jupyter.stats.profiles import Unreadable

from .labels import short
from .tallies import Tally
from .texts import known_words, lengths
from .values import Counted, Missing, Numbers, Unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlops_jupyter.stats.numeric_profile import NumericProfile
    from mlops_jupyter.stats.profiles import ColumnProfile

    from .passes import Step
    from .values import Label, Values

_FORMS: Final = {"labels": "text", "boolean": "true or false", "numeric": "numeric", "datetime": "a date"}
_KINDS: Final = {"categorical": "text", "text": "text", "boolean": "true or false", "datetime": "a date"}


def counter_of(name: str, reference: ColumnProfile) -> Step:
    """Return what counts a column against its profile in the reference."""
    if isinstance(reference, Unreadable):
        return Refusing(name, f"cannot be compared: in the reference it {reference.why}")
    if isinstance(reference, CategoricalProfile):
        return LevelCounter(reference)
    return TextCounter(reference) if reference.kind == "text" else NumberCounter(reference)


class Refusing:
    """Counts nothing, and says why."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why

    def add(self, _: Values) -> None:
        """Say why."""
        raise DataError(self.why)

    def next(self) -> ColumnProfile:
        """Say why of a column without a row, too."""
        return Unreadable(self.name, self.why)


class NumberCounter:
    """Counts numbers or moments into the cells of the reference."""

    def __init__(self, reference: NumericProfile) -> None:
        self.kind = reference.kind
        self.counter = NumericCounter(reference.edges, reference.kind)

    def add(self, values: Values) -> None:
        """Count more numbers; true and false count as 1 and 0."""
        self.counter.add(as_numbers(values, self.kind))

    def next(self) -> ColumnProfile:
        """Return the profile of all numbers so far."""
        return self.counter.profile()


class LevelCounter:
    """Counts labels into the levels of the reference; the rarest of many new ones are only numbered."""

    def __init__(self, reference: CategoricalProfile) -> None:
        self.reference = reference
        self.tally = Tally(keep=reference.levels)

    def add(self, values: Values) -> None:
        """Count more labels."""
        self.tally.add(*as_labels(values, self.reference))

    def next(self) -> ColumnProfile:
        """Return the profile of all labels so far."""
        return self.tally.profile(self.reference)


class TextCounter:
    """Counts lengths of texts, and how many of their words the reference knows."""

    def __init__(self, reference: NumericProfile) -> None:
        self.reference = reference
        self.counter = NumericCounter(reference.edges, "text")
        self.known = self.words = 0

    def add(self, values: Values) -> None:
        """Count more texts."""
        labels, counts, missing = _texts(values)
        known, words = known_words(labels, counts, self.reference.vocabulary)
        self.known, self.words = self.known + known, self.words + words
        self.counter.add(np.repeat(lengths(labels), counts))
        self.counter.add(np.full(missing, np.nan))

    def next(self) -> NumericProfile:
        """Return the profile of all texts so far."""
        vocabulary = self.reference.vocabulary
        return replace(self.counter.profile(), words=(self.known, self.words), vocabulary=vocabulary)


def as_numbers(values: Values, kind: str) -> NDArray[np.float64]:
    """Return values as the numbers a numeric or datetime column is counted by.

    Raises
    ------
    DataError
        When they are of another type.
    """
    if isinstance(values, Numbers) and values.form == kind:
        return values.values
    if is_absent(values):
        return np.full(values.rows, np.nan)
    if kind != "numeric" or isinstance(values, Numbers | Missing | Unread):
        raise DataError(_arrives(values, kind))
    labels, codes = values.coded()
    if any(isinstance(label, str) for label in labels):
        raise DataError(_arrives(values, kind))
    return np.append(np.asarray(labels, dtype=np.float64), np.nan)[codes]


def as_labels(values: Values, reference: CategoricalProfile) -> Counted:
    """Return values as the labels a categorical or boolean column is counted by.

    Whole numbers are labels where the reference has whole numbers, 1 and 0 are true and false.

    Raises
    ------
    DataError
        When they are of another type.
    """
    if isinstance(values, Numbers):
        return _whole(values, reference)
    if isinstance(values, Missing | Unread):
        return _nothing(values.rows)
    found = values.counted()
    if found.missing < values.rows and not _alike(found.labels, reference):
        raise DataError(_arrives(values, reference.kind))
    return found


def is_absent(values: Values) -> bool:
    """Return whether nothing is there: then it does not matter which type it is of."""
    if isinstance(values, Numbers):
        return bool(np.isnan(values.values).all())
    if isinstance(values, Missing | Unread):
        return isinstance(values, Missing)
    return values.counted().missing == values.rows


def _texts(values: Values) -> Counted:
    if isinstance(values, Numbers | Unread | Missing) or values.form != "labels":
        if is_absent(values):
            return _nothing(values.rows)
        raise DataError(_arrives(values, "text"))
    return values.counted()


def _nothing(rows: int) -> Counted:
    return Counted((), np.empty(0, dtype=np.int64), rows)


def _alike(labels: Sequence[Label], reference: CategoricalProfile) -> bool:
    """Return whether labels are of the type of the reference's; a reference without any takes all."""
    known = next(iter(reference.levels), None)
    return known is None or type(labels[0]) is type(known)


def _whole(values: Numbers, reference: CategoricalProfile) -> Counted:
    present = values.values[~np.isnan(values.values)]
    labels, counts = np.unique(present, return_counts=True)
    known = next(iter(reference.levels), None)
    flags = reference.kind == "boolean" and bool(np.isin(labels, (0.0, 1.0)).all())
    whole = type(known) is int and values.form == "numeric" and bool((labels == np.rint(labels)).all())
    if len(labels) and not (flags or whole):
        raise DataError(_arrives(values, reference.kind))
    make: type[Any] = bool if reference.kind == "boolean" else int
    return Counted([make(label) for label in labels.tolist()], counts, values.rows - len(present))


def _arrives(values: Values, kind: str) -> str:
    """Return that a column came as another type than it was, with its first value."""
    return (
        f"arrives as {_FORMS.get(values.form, values.form)}, was {_KINDS.get(kind, kind)}: {_example(values)}"
    )


def _example(values: Values) -> str:
    if isinstance(values, Missing | Unread):
        return "-"
    if isinstance(values, Numbers):
        first = values.values[~np.isnan(values.values)][0]
        return str(np.datetime64(int(first), "s")) if values.form == "datetime" else f"{first:g}"
    labels, counts, _ = values.counted()
    return short(labels[int(np.argmax(counts))])
