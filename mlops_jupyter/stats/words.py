"""What changed in a column, in short sentences; nothing is said of what chance explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.alarms import out_of_range
from mlops_jupyter.stats.bounds import LEAST_ROWS
from mlops_jupyter.stats.distances import quantiles, robust_deviation
from mlops_jupyter.stats.rates import rate_difference
from mlops_jupyter.stats.units import apart, cited, listed, number, percent, quantity, span, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_jupyter.stats.categorical_profile import CategoricalProfile, Level
    from mlops_jupyter.stats.numeric_profile import NumericProfile
    from mlops_jupyter.stats.verdicts import Effect

MOVED = 0.05
"""Least shift worth a word, in robust standard deviations."""

WIDER = 1.1
TOLD = 100.0
"""Ratios of widths that are worth a word, and above which they tell of a spike rather than of a width."""

TWENTIETHS = np.arange(1, 20) / 20
MOST_LEVELS = 3
LEAST_CHANGE = 0.005
SURE_CHANGE = 0.002

Shift = list[tuple[float, float, float]]


def numeric_words(
    name: str, reference: NumericProfile, current: NumericProfile, effects: dict[str, Effect], shift: Shift
) -> list[str]:
    """Return what changed in a numeric column, a datetime or a text."""
    if min(reference.count, current.count) < LEAST_ROWS:
        return []
    said = [_constant(name, reference, current), *_outside(reference, current), _known(reference, current)]
    certain = any(
        effects[measure].low > 0 for measure in ("psi", "ks", "js", "wasserstein") if measure in effects
    )
    if certain and shift and not (reference.constant or current.constant):
        said = [_moved(name, reference, current, shift), _spread(name, shift), _tails(name, shift), *said]
    return [sentence for sentence in said if sentence]


def categorical_words(
    reference: CategoricalProfile,
    current: CategoricalProfile,
    new: Sequence[tuple[Level, float]],
    vanished: Sequence[Level],
) -> list[str]:
    """Return what changed in a column of levels."""
    if min(reference.count, current.count) < LEAST_ROWS:
        return []
    said = _new(reference, current, new)
    if vanished:
        share = sum(reference.levels[level] for level in vanished) / reference.count
        names = listed([cited(level) for level in vanished])
        said.append(f"level{'s' if len(vanished) > 1 else ''} {names} gone, {percent(share)} before")
    return said + _changed_levels(reference, current, vanished)


def missing_words(
    name: str, reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> list[str]:
    """Return how the missing rate changed, if it did."""
    if rate_difference((reference.missing, reference.rows), (current.missing, current.rows)).low <= 0:
        return []
    before, now = (one.missing / one.rows for one in (reference, current))
    return [f"{cited(name)} is missing in {percent(now)} of the rows, was in {percent(before)}"]


def _new(
    reference: CategoricalProfile, current: CategoricalProfile, new: Sequence[tuple[Level, float]]
) -> list[str]:
    told = [one for one in new if len(new) <= MOST_LEVELS or one[1] >= LEAST_CHANGE][:MOST_LEVELS]
    said = [f"new level {cited(level)}, {percent(share)}" for level, share in told]
    rest = current.unknown - sum(current.new[level] for level, _ in told)
    if rest and reference.complete:
        said.append(f"{'further ' if told else ''}new levels, {percent(rest / current.count)} together")
    return said


def _moved(name: str, reference: NumericProfile, current: NumericProfile, shift: Shift) -> str:
    # the mean of many quantiles' shifts: one alone can lie in a gap and jump, the mean can follow an outlier
    with np.errstate(over="ignore", invalid="ignore"):
        by = float(np.mean(quantiles(current, TWENTIETHS) - quantiles(reference, TWENTIETHS)))
    if not MOVED * robust_deviation(reference) <= abs(by) < np.inf:
        return ""
    before, now = next((before, now) for at, before, now in shift if at == 0.5)
    median = f" (median {apart(before, now, reference.kind)})" if before != now else ""
    return f"{cited(name)} moved {_direction(name, by, reference.kind)}{median}"


def _direction(name: str, by: float, kind: str) -> str:
    unit = unit_of(name)
    if kind == "datetime":
        return f"{'later' if by > 0 else 'earlier'} by {span(abs(by))}"
    if unit == "h":
        return f"{'later' if by > 0 else 'earlier'} by {number(abs(by), 2)} h"
    way = "up" if by > 0 else "down"
    return f"{way} by {number(abs(by), 2)}" + (
        f" {unit}" if unit else " characters" if kind == "text" else ""
    )


def _spread(name: str, shift: Shift) -> str:
    before, now = _widths(shift, 0.25, 0.75)
    ratio = now / before if before > 0 else 0.0
    if not 1 / TOLD < ratio < TOLD or 1 / WIDER < ratio < WIDER:
        return ""
    return f"{cited(name)} is spread {number(ratio)} times as {'wide' if ratio > 1 else 'widely'}"


def _tails(name: str, shift: Shift) -> str:
    inner, outer = _widths(shift, 0.25, 0.75), _widths(shift, 0.05, 0.95)
    if min(*inner, *outer) <= 0:
        return ""
    ratio = (outer[1] / inner[1]) / (outer[0] / inner[0])
    if not 1 / TOLD < ratio < TOLD or 1 / WIDER < ratio < WIDER:
        return ""
    return f"the tails of {cited(name)} are {'heavier' if ratio > 1 else 'lighter'}"


def _widths(shift: Shift, low: float, high: float) -> tuple[float, float]:
    at = {quantile: (before, now) for quantile, before, now in shift}
    return at[high][0] - at[low][0], at[high][1] - at[low][1]


def _constant(name: str, reference: NumericProfile, current: NumericProfile) -> str:
    if current.constant and not reference.constant:
        return f"{cited(name)} is constant now: {quantity(current.minimum, current.kind)}"
    if reference.constant and current.finite and not current.constant:
        return f"{cited(name)} was constant, {quantity(reference.minimum, reference.kind)}, and varies now"
    return ""


def _outside(reference: NumericProfile, current: NumericProfile) -> list[str]:
    hits, infinite, said = out_of_range(reference, current), sum(current.infinite), []
    if reference.constant:
        hits = 0  # said already
    if (
        hits
        and rate_difference((0, max(reference.count, 1)), (hits, max(current.count, 1))).low > LEAST_CHANGE
    ):
        ends = apart(reference.minimum, reference.maximum, reference.kind)
        said.append(f"{percent(hits / current.count)} out of the reference's range, {ends}")
    if infinite and not sum(reference.infinite):
        said.append(f"{number(infinite)} infinite value{'s' if infinite > 1 else ''}")
    return said


def _known(reference: NumericProfile, current: NumericProfile) -> str:
    if (
        not (reference.words[1] and current.words[1])
        or rate_difference(reference.words, current.words).low <= 0
    ):
        return ""
    before, now = (one.words[0] / one.words[1] for one in (reference, current))
    return f"{percent(now)} of the words are known, were {percent(before)}"


def _changed_levels(
    reference: CategoricalProfile, current: CategoricalProfile, vanished: Sequence[Level]
) -> list[str]:
    changes = []
    for level, before in reference.levels.items():
        now = current.levels[level]
        shares = before / reference.count, now / current.count
        if level in vanished or abs(shares[1] - shares[0]) < LEAST_CHANGE:
            continue
        if rate_difference((before, reference.count), (now, current.count)).low > SURE_CHANGE:
            changes.append((level, *shares))
    if reference.kind == "boolean":  # the other level says the same
        changes = [change for change in changes if change[0] is True] or changes[:1]
    changes.sort(key=lambda change: -abs(change[2] - change[1]))
    return [
        f"{cited(level)} {percent(before)} to {percent(now)}" for level, before, now in changes[:MOST_LEVELS]
    ]
