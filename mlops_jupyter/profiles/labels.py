"""Labels in the forms that libraries hold them: Python objects, booleans, codes, texts of Arrow's.

Counting is what costs. pandas counts a million objects of few texts in 6 ms, where making them Arrow's takes
25 before anything is counted; texts that are Arrow's already are counted there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_jupyter.errors import DataError

from .values import Coded, Counted, Missing, Unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from .values import Label, Values

_FIRST_LOOK = 256
_SHOWN = 40


@dataclass(frozen=True, eq=False, slots=True)
class Booleans:
    """Yes or no; `missing` is None where nothing is missing."""

    values: NDArray[np.bool_]
    missing: NDArray[np.bool_] | None = None
    form: Literal["boolean"] = "boolean"

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        return len(self.values)

    def counted(self) -> Counted:
        """Return how often each occurs."""
        absent = 0 if self.missing is None else int(np.count_nonzero(self.missing))
        yes = self.values if self.missing is None else self.values & ~self.missing
        found = int(np.count_nonzero(yes))
        return Counted((False, True), np.array([self.rows - absent - found, found], dtype=np.int64), absent)

    def coded(self) -> Coded:
        """Return which stands in each row."""
        codes = self.values.astype(np.intp)
        if self.missing is not None:
            codes[self.missing] = -1
        return Coded((False, True), codes)


@dataclass(frozen=True, eq=False, slots=True)
class Codes:
    """Positions in a list of labels, -1 where missing.

    Parameters
    ----------
    labels : sequence
        Each once.
    codes : ndarray of int
        Positions among them.
    declared : bool
        Whether whoever made the column says that these are categories; a file may hold any text in this way.
    """

    labels: Sequence[Label]
    codes: NDArray[Any]
    declared: bool = True
    form: Literal["labels"] = "labels"

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        return len(self.codes)

    def counted(self) -> Counted:
        """Return how often each occurs."""
        shifted = np.bincount(self.codes.astype(np.intp) + 1, minlength=len(self.labels) + 1)
        return Counted(self.labels, shifted[1:], int(shifted[0]))

    def coded(self) -> Coded:
        """Return which stands in each row."""
        return Coded(self.labels, self.codes.astype(np.intp, copy=False))


@dataclass(frozen=True, eq=False, slots=True)
class Texts:
    """Texts in an array of Arrow's."""

    array: pa.Array
    form: Literal["labels"] = "labels"

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        return len(self.array)

    def counted(self) -> Counted:
        """Return how often each occurs."""
        found = self.array.value_counts()
        labels, counts = found.field("values").to_pylist(), found.field("counts").to_numpy()
        if None not in labels:
            return Counted(labels, counts, 0)
        at = labels.index(None)
        return Counted(labels[:at] + labels[at + 1 :], np.delete(counts, at), int(counts[at]))

    def coded(self) -> Coded:
        """Return which stands in each row."""
        encoded = self.array.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy()
        return Coded(encoded.dictionary.to_pylist(), codes.astype(np.intp))


@dataclass(frozen=True, eq=False, slots=True)
class Objects:
    """Texts that are Python objects, as far as the first of them tells."""

    values: NDArray[np.object_]
    form: Literal["labels"] = "labels"

    @property
    def rows(self) -> int:
        """How many there are, the missing ones included."""
        return len(self.values)

    def counted(self) -> Counted:
        """Return how often each occurs."""
        import pandas as pd

        # with the missing ones among them: to find these first takes twice as long as all the counting
        every = pd.Series(self.values, dtype=object, copy=False).value_counts(sort=False, dropna=False)
        found: pd.Series[int] = every[np.logical_not(every.index.isna())]
        counts: NDArray[np.int64] = found.to_numpy().astype(np.int64, copy=False)
        return Counted(_as_texts(found.index.to_numpy()), counts, self.rows - int(counts.sum()))

    def coded(self) -> Coded:
        """Return which stands in each row."""
        import pandas as pd

        codes, labels = pd.factorize(self.values)
        return Coded(_as_texts(labels), codes)


def of_objects(values: NDArray[Any]) -> Values:
    """Return the values of an array of booleans, texts or Python objects.

    Examples
    --------
    >>> of_objects(np.array(["a", "b", None, "a"], dtype=object)).counted().missing
    1
    >>> of_objects(np.array([1, "a"], dtype=object)).why
    "holds int and str: 1, 'a'"
    """
    if values.dtype.kind == "b":
        return Booleans(values)
    objects = values.astype(object, copy=False)
    first = _first_present(objects)
    if first is None:
        return Missing(len(values))
    if isinstance(first, str):
        return Objects(objects)
    return _converted(objects)


def mixed_types(values: NDArray[Any]) -> str:
    """Return which types are among some objects, with one value of each."""
    import pandas as pd

    found: dict[str, Any] = {}
    for value in values[~pd.isna(values)] if values.ndim == 1 else values:
        found.setdefault(type(value).__name__, value)
    names, shown = " and ".join(sorted(found)), ", ".join(short(found[name]) for name in sorted(found))
    return f"holds {names}: {shown}"


def short(value: Any) -> str:
    """Return a value as it is written, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _as_texts(labels: NDArray[Any]) -> list[Label]:
    if not all(isinstance(label, str) for label in labels):
        raise DataError(mixed_types(np.asarray(labels, dtype=object)))
    return [str(label) for label in labels]


def _first_present(values: NDArray[np.object_]) -> Any:
    import pandas as pd

    for part in (values[:_FIRST_LOOK], values):
        present = ~pd.isna(part)
        if present.any():
            return part[present.argmax()]
    return None


def _converted(values: NDArray[np.object_]) -> Values:
    """Return what Arrow makes of objects that are no texts: numbers, decimals, dates."""
    import pyarrow as pa

    from .arrow_values import of_arrow

    try:
        return of_arrow(pa.array(values, from_pandas=True))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return Unread(mixed_types(values), len(values))
