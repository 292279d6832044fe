"""Slices: which rows are looked at, as ``origin == 'JFK' and distance > 500``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, did_you_mean

from .conditions import WrongAt
from .expressions import HOW, read_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from .conditions import Condition

_SHOWN: Final = 120


@dataclass(frozen=True)
class Slice:
    """Which rows are looked at.

    Parameters
    ----------
    text : str
        As it was written.
    condition : Condition
        What must hold.
    option : str
        The option it was written for, for messages.

    Examples
    --------
    >>> import pyarrow as pa
    >>> slice_ = parse_slice("origin in ('JFK', 'LGA') and not distance < 500")
    >>> batch = pa.record_batch({"origin": ["JFK", "EWR", "LGA"], "distance": [700, 800, 300]})
    >>> slice_.mask(batch).to_pylist()
    [True, False, False]
    """

    text: str
    condition: Condition = field(repr=False, compare=False)
    option: str = "slice"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at, in the order in which they are written."""
        return tuple(dict.fromkeys(column.name for column in self.condition.names()))

    def check(self, schema: pa.Schema) -> None:
        """Check that it can be applied to rows of a schema.

        Raises
        ------
        UsageError
            When there is no such column, or one is of a type that cannot be compared so.
        """
        for column in self.condition.names():
            if column.name not in schema.names:
                why = f"there is no column {column.name!r}"
                raise _refused(
                    self.text, self.option, WrongAt(why, column.at, did_you_mean(column.name, schema.names))
                )
        self.mask(schema.empty_table())

    def mask(self, rows: pa.RecordBatch | pa.Table | Mapping[str, Any]) -> pa.BooleanArray:
        """Return which rows are in it; nothing in that is missing.

        Parameters
        ----------
        rows : record batch, table or mapping of str to arrays
            What has its columns.

        Raises
        ------
        UsageError
            When a column is of a type that cannot be compared so.
        """
        try:
            return self.condition.mask({name: rows[name] for name in self.columns})
        except WrongAt as wrong:
            raise _refused(self.text, self.option, wrong) from None

    def __str__(self) -> str:
        return self.text


def parse_slice(text: str, option: str = "slice") -> Slice:
    """Return the slice that somebody wrote.

    Parameters
    ----------
    text : str
        Comparisons (``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``, ``not in``, ``between 1 and 5``,
        ``is missing``, ``is not missing``) of columns with values or with one another, joined by ``and``,
        ``or``, ``not`` and parentheses. A name that is no name of Python's stands in backticks.
    option : str
        What it is for: the option's name, for messages.

    Raises
    ------
    UsageError
        When it is none, with the column where it is wrong.

    Examples
    --------
    >>> parse_slice("score.late > 0.5 or `dep time` between 6 and 9").columns
    ('score.late', 'dep time')
    """
    if not text.strip():
        raise UsageError(f"--{option} is empty", hint=HOW)
    try:
        return Slice(text, read_condition(text), option)
    except WrongAt as wrong:
        raise _refused(text, option, wrong) from None


def _refused(text: str, option: str, wrong: WrongAt) -> UsageError:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return UsageError(f"--{option} cannot be {shown!r}", f"at column {wrong.at}, {wrong.why}", wrong.hint)
