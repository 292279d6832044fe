"""The profile of a whole window: one entry for each column, those that cannot be read included."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import CategoricalProfile, merged_categorical
from mlops_jupyter.stats.numeric_profile import NumericProfile, merged_numeric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Unreadable:
    """A column that cannot be profiled; it stays in every comparison, with this one line.

    Parameters
    ----------
    name : str
        The column.
    why : str
        One line: ``arrives as text, was float64: 'abc'``.
    rows : int
    """

    name: str
    why: str
    rows: int = 0


ColumnProfile = NumericProfile | CategoricalProfile | Unreadable


@dataclass(frozen=True, eq=False)
class Profile:
    """What is known of a window.

    Parameters
    ----------
    columns : dict
        The profile of each column, in the data's order.
    rows : int
    begun, ended : datetime or None
        When the window begins and ends, where rows have a time.
    """

    columns: dict[str, ColumnProfile] = field(default_factory=dict)
    rows: int = 0
    begun: datetime | None = None
    ended: datetime | None = None

    def merge(self, other: Profile) -> Profile:
        """Return the profile of both windows together."""
        return merged([self, other])

    def to_bytes(self, *, with_edges: bool = True) -> bytes:
        """Return the profile written down, under 40 KB a column; without edges the reference is to hand."""
        from mlops_jupyter.stats.encoding import encoded

        return encoded(self, with_edges=with_edges)

    @staticmethod
    def from_bytes(data: bytes, reference: Profile | None = None) -> Profile:
        """Return the profile that `to_bytes` wrote.

        Raises
        ------
        DataError
            When `data` is no profile, or its edges are not in it and not those of `reference`.
        """
        from mlops_jupyter.stats.encoding import decoded

        return decoded(data, reference)


def merged(profiles: Sequence[Profile]) -> Profile:
    """Return the profile of all windows together, as one pass over all their rows would have made it.

    A column whose parts do not fit together becomes `Unreadable`; the others are not held up by it.
    """
    if not profiles:
        raise DataError("there is no profile to merge")
    if len(profiles) == 1:
        return profiles[0]
    names = dict.fromkeys(name for profile in profiles for name in profile.columns)
    return Profile(
        columns={name: _column(name, profiles) for name in names},
        rows=sum(profile.rows for profile in profiles),
        begun=min(_known(profile.begun for profile in profiles), default=None),
        ended=max(_known(profile.ended for profile in profiles), default=None),
    )


def _column(name: str, profiles: Sequence[Profile]) -> ColumnProfile:
    # an empty window has nothing to say of its columns
    parts = [profile.columns.get(name) for profile in profiles if profile.rows or name in profile.columns]
    rows = sum(part.rows for part in parts if part)
    try:
        return _merged_column(
            name, [part or Unreadable(name, "is missing from a part of the window") for part in parts]
        )
    except DataError as error:
        return Unreadable(name, str(error), rows)


def _merged_column(name: str, parts: list[ColumnProfile]) -> ColumnProfile:
    unread = next((part for part in parts if isinstance(part, Unreadable)), None)
    if unread:
        return Unreadable(name, unread.why, sum(part.rows for part in parts))
    numeric = [part for part in parts if isinstance(part, NumericProfile)]
    levels = [part for part in parts if isinstance(part, CategoricalProfile)]
    if numeric and levels:
        raise DataError("is numeric in one part of the window and categorical in another")
    return merged_numeric(numeric) if numeric else merged_categorical(levels)


def _known(times: Iterable[datetime | None]) -> list[datetime]:
    return [time for time in times if time is not None]
