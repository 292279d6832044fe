"""What raises a verdict by itself, whatever measure is selected: each with its own limits and bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_jupyter.stats.bounds import LEAST_ROWS
from mlops_jupyter.stats.categorical_profile import KNOWN_ROWS
from mlops_jupyter.stats.rates import rate_difference, wilson
from mlops_jupyter.stats.units import apart, cited, listed, number, percent, quantity

if TYPE_CHECKING:
    from mlops_jupyter.stats.categorical_profile import CategoricalProfile, Level
    from mlops_jupyter.stats.numeric_profile import NumericProfile
    from mlops_jupyter.stats.verdicts import Verdict

RANGE_LIMITS = (0.01, 0.05)
"""Share of values out of the reference's range, of rows with new levels, of a level that is gone."""

KNOWN_LIMITS = (0.1, 0.2)
"""By how much the share of known words falls."""

CHANCE = 0.001
"""What can come about by chance this often is no alarm."""

RANGE_CHANCE = 5.57
"""Of values beyond the extremes of n rows of the same distribution, n times the share: 97.5 % of Gamma(2)."""


class Alarm(NamedTuple):
    """A verdict that stands beside the selected measure's, and its reason in one line."""

    verdict: Verdict
    reason: str


def numeric_alarms(reference: NumericProfile, current: NumericProfile) -> list[Alarm]:
    """Return what is wrong with a numeric column beside its distribution."""
    found = [
        _no_number(reference, current),
        _out_of_range(reference, current),
        _infinite(reference, current),
        _constant(reference, current),
        _unknown_words(reference, current),
    ]
    return [alarm for alarm in found if alarm]


def categorical_alarms(reference: CategoricalProfile, current: CategoricalProfile) -> list[Alarm]:
    """Return what is wrong with a column of levels beside their shares."""
    found = [_one_level(reference, current), _new_levels(reference, current), _vanished(reference, current)]
    return [alarm for alarm in found if alarm]


def out_of_range(reference: NumericProfile, current: NumericProfile) -> int:
    """Return how many current values lie below the reference's least or above its greatest.

    Infinite ones are within it where the reference has such.
    """
    if not reference.finite:
        return 0
    known = zip(current.infinite, reference.infinite, strict=True)
    return max(0, _beyond(reference, current) - sum(rows for rows, there in known if there))


def _beyond(reference: NumericProfile, current: NumericProfile) -> int:
    low, high = reference.minimum, reference.maximum
    if current.sample is not None:
        return int(np.count_nonzero((current.sample < low) | (current.sample > high)))
    first, last = np.searchsorted(current.edges.values, [low, high], "left")
    return int(current.counts[:first].sum() + current.counts[last + 1 :].sum())


def new_levels(reference: CategoricalProfile, current: CategoricalProfile) -> list[tuple[Level, float]]:
    """Return the current levels that the reference does not have, and their shares, most frequent first.

    A reference of more levels than a profile keeps has rare ones that are not known by name: then a level
    counts as new only where it is far more frequent than any of those can be.
    """
    shares = [(level, rows / current.count) for level, rows in current.new.items()]
    if reference.complete:
        return shares
    from scipy.special import gammainc

    expected = _most_unnamed(reference) * current.count  # and so many rows or more have a chance of gammainc
    return [one for one in shares if gammainc(current.new[one[0]], expected) < CHANCE / reference.rows]


def _most_unnamed(reference: CategoricalProfile) -> float:
    """Return the greatest share that a level without a name can have in the reference."""
    rows = min(reference.levels.values(), default=0)
    return wilson(max(rows, KNOWN_ROWS), max(reference.count, KNOWN_ROWS))[1]


def vanished_levels(reference: CategoricalProfile, current: CategoricalProfile) -> list[Level]:
    """Return the reference's levels that are gone and would hardly be so by chance."""
    return [
        level
        for level, rows in reference.levels.items()
        if rows
        and current.count
        and not current.levels[level]
        and _gone(rows, reference.count, current.count)
    ]


def _gone(rows: int, of: int, current_rows: int) -> bool:
    share = wilson(rows, of)[0]
    return current_rows >= LEAST_ROWS and current_rows * math.log1p(-min(share, 1 - 1e-12)) < math.log(CHANCE)


def _graded(low: float, limits: tuple[float, float], reason: str) -> Alarm | None:
    if low > limits[1]:
        return Alarm("CRITICAL", reason)
    return Alarm("WARNING", reason) if low > limits[0] else None


def _out_of_range(reference: NumericProfile, current: NumericProfile) -> Alarm | None:
    hits = out_of_range(reference, current)
    if not hits or current.count < LEAST_ROWS:
        return None
    low = wilson(hits, current.count)[0] - RANGE_CHANCE / reference.finite
    share = percent(hits / current.count)
    if reference.constant:
        value = quantity(reference.minimum, reference.kind)
        return _graded(
            low, RANGE_LIMITS, f"{share} of the values are not {value}, which all of the reference are"
        )
    ends = apart(reference.minimum, reference.maximum, reference.kind)
    return _graded(low, RANGE_LIMITS, f"{share} of the values are out of the reference's range, {ends}")


def _infinite(reference: NumericProfile, current: NumericProfile) -> Alarm | None:
    # one is enough where there was none: most models answer it with an error or with nonsense
    if not any(current.infinite) or any(reference.infinite):
        return None
    return Alarm("WARNING", f"{_infinite_values(sum(current.infinite))}; the reference has none")


def _infinite_values(rows: int) -> str:
    return f"{number(rows)} infinite value{'s' if rows > 1 else ''}"


def _no_number(reference: NumericProfile, current: NumericProfile) -> Alarm | None:
    if reference.finite or current.finite < LEAST_ROWS:
        return None
    return Alarm("CRITICAL", "has finite values now; the reference has none")


def _constant(reference: NumericProfile, current: NumericProfile) -> Alarm | None:
    if not current.constant or reference.constant or not reference.finite:
        return None
    cell = int(np.searchsorted(reference.edges.values, current.minimum, "left"))
    if not _surprising(int(reference.counts[cell]), reference.count, current.count):
        return None
    return Alarm("CRITICAL", f"is constant now: {quantity(current.minimum, current.kind)}")


def _one_level(reference: CategoricalProfile, current: CategoricalProfile) -> Alarm | None:
    if not current.constant or reference.constant or not reference.count:
        return None
    level = max({**current.levels, **current.new}.items(), key=lambda item: item[1])[0]
    if not _surprising(reference.levels.get(level, 0), reference.count, current.count):
        return None
    return Alarm("CRITICAL", f"is constant now: {cited(level)}")


def _surprising(rows: int, of: int, current_rows: int) -> bool:
    """Return whether so many current rows of one value are more than chance."""
    share = max(wilson(rows, of)[1], 1e-12)
    return current_rows >= LEAST_ROWS and current_rows * math.log(share) < math.log(CHANCE)


def _unknown_words(reference: NumericProfile, current: NumericProfile) -> Alarm | None:
    if not (reference.words[1] and current.words[1]):
        return None
    before, now = (one.words[0] / one.words[1] for one in (reference, current))
    low = rate_difference(reference.words, current.words).low if now < before else 0.0
    return _graded(low, KNOWN_LIMITS, f"{percent(now)} of the words are known, were {percent(before)}")


def _new_levels(reference: CategoricalProfile, current: CategoricalProfile) -> Alarm | None:
    new = new_levels(reference, current)
    hits = current.unknown if reference.complete else sum(current.new[level] for level, _ in new)
    if not hits or min(reference.count, current.count) < LEAST_ROWS:
        return None
    names = listed([cited(level) for level, _ in new]) or "levels too rare to name"
    once = sum(rows == 1 for rows in reference.levels.values())
    if hits / current.count <= once / reference.count:
        return None  # by Good and Turing (1953): so much is of levels that the reference happens to lack
    low = rate_difference((once, reference.count), (hits, current.count)).low
    return _graded(low, RANGE_LIMITS, f"new: {names}, {percent(hits / current.count)} of the values")


def _vanished(reference: CategoricalProfile, current: CategoricalProfile) -> Alarm | None:
    gone = vanished_levels(reference, current)
    hits = sum(reference.levels[level] for level in gone)
    if not hits:
        return None
    names = listed([cited(level) for level in gone])
    low = wilson(hits, reference.count)[0]
    return _graded(low, RANGE_LIMITS, f"gone: {names}, {percent(hits / reference.count)} in the reference")
