"""The profile of a categorical or boolean column: rows of each level the reference has, and of new ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_jupyter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_jupyter.stats.numeric_profile import Kind

Level = str | bool | int

LEVELS = 1000
LEVEL_CHARACTERS = 20_000
"""Bounds of a profile's size: levels of the reference, and what they may take written out."""

KNOWN_ROWS = 10
"""Of more levels than are kept, those with fewer rows are not: chance made them the most frequent."""

NEW = 100
LONGEST = 80


@dataclass(frozen=True, eq=False)
class CategoricalProfile:
    """What is known of a column of levels.

    Parameters
    ----------
    levels : dict
        Rows of each of the reference's levels, in the reference's order: most frequent first.
    new : dict
        Rows of levels that are not among them, the most frequent `NEW`.
    other : int
        Rows of all further levels: too rare to be kept by name.
    missing, count : int
        Rows without and with a value.
    kind : {"categorical", "boolean"}
    complete : bool
        Whether `levels` has every level of the reference; if not, a "new" one may have been a rare one.
    """

    levels: dict[Level, int]
    missing: int
    count: int
    new: dict[Level, int] = field(default_factory=dict)
    other: int = 0
    kind: Kind = "categorical"
    complete: bool = True

    @property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return self.count + self.missing

    @property
    def unknown(self) -> int:
        """Rows of levels that are not among the reference's."""
        return sum(self.new.values()) + self.other

    @property
    def constant(self) -> bool:
        """Whether there is one level only."""
        return self.count > 0 and max([*self.levels.values(), *self.new.values(), 0]) == self.count

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """Return the profile of both windows together.

        Raises
        ------
        DataError
            When the levels are not those of one reference.
        """
        return merged_categorical([self, other])


def merged_categorical(parts: Sequence[CategoricalProfile]) -> CategoricalProfile:
    """Return the profile of all parts together."""
    first = parts[0]
    if any(part.kind != first.kind or part.levels.keys() != first.levels.keys() for part in parts):
        raise DataError(
            "profiles of different levels cannot be merged", hint="profile both with one reference"
        )
    new, dropped = most_frequent(added(part.new for part in parts), NEW)
    return CategoricalProfile(
        levels={level: sum(part.levels[level] for part in parts) for level in first.levels},
        missing=sum(part.missing for part in parts),
        count=sum(part.count for part in parts),
        new=new,
        other=sum(part.other for part in parts) + dropped,
        kind=first.kind,
        complete=all(part.complete for part in parts),
    )


def categorical_profile(
    counts: Mapping[Level, int],
    missing: int = 0,
    reference: CategoricalProfile | None = None,
    kind: Kind = "categorical",
) -> CategoricalProfile:
    """Return the profile of counted levels: a reference of its own, or by the levels of `reference`.

    Parameters
    ----------
    counts : mapping
        Rows of each level. Levels longer than 80 characters are kept by their beginning and a digest.
    missing : int
        Rows without a level.
    """
    named = _named(counts)
    levels = reference.levels if reference else _bounded(named)
    new, dropped = most_frequent({level: n for level, n in named.items() if level not in levels}, NEW)
    return CategoricalProfile(
        levels={level: int(named.get(level, 0)) for level in levels},
        missing=int(missing),
        count=sum(named.values()),
        new=new if reference else {},
        other=dropped if reference else dropped + sum(new.values()),
        kind=reference.kind if reference else kind,
        complete=reference.complete if reference else not new,
    )


def most_frequent(counts: Mapping[Level, int], most: int) -> tuple[dict[Level, int], int]:
    """Return the `most` frequent levels, most frequent first, and the rows of those left out."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    kept = {level: int(n) for level, n in ranked[:most] if n}
    return kept, int(sum(counts.values())) - sum(kept.values())


def added(parts: Iterable[Mapping[Level, int]]) -> dict[Level, int]:
    """Return the sums by level."""
    total: dict[Level, int] = {}
    for part in parts:
        for level, rows in part.items():
            total[level] = total.get(level, 0) + rows
    return total


def _bounded(counts: Mapping[Level, int]) -> dict[Level, int]:
    ranked, dropped = most_frequent(counts, LEVELS)
    kept, room = {}, LEVEL_CHARACTERS
    for level, rows in ranked.items():
        room -= len(str(level).encode())
        if room < 0:
            break
        kept[level] = rows
    whole = not dropped and len(kept) == len(ranked)
    return kept if whole else {level: rows for level, rows in kept.items() if rows >= KNOWN_ROWS}


def _named(counts: Mapping[Level, int]) -> dict[Level, int]:
    return added({level_name(level): int(rows)} for level, rows in counts.items())


def level_name(level: Level) -> Level:
    """Return the level as it is kept: long ones by their beginning and a digest of the whole."""
    if not isinstance(level, str) or len(level) <= LONGEST:
        return level
    return f"{level[: LONGEST - 9]}…{hashlib.sha256(level.encode(errors='replace')).hexdigest()[:8]}"
