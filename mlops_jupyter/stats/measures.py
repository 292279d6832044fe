"""The measures by name, their limits, and which of them a column has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.stats.cells import cramers_v, jensen_shannon, psi, total_variation
from mlops_jupyter.stats.distances import kolmogorov_smirnov, mean_difference
from mlops_jupyter.stats.rates import missing_difference
from mlops_jupyter.stats.wasserstein import wasserstein

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_jupyter.stats.bounds import Estimate
    from mlops_jupyter.stats.categorical_profile import CategoricalProfile
    from mlops_jupyter.stats.numeric_profile import NumericProfile

    Counts = NDArray[np.int64]

Limits = tuple[float, float]

MEASURES: dict[str, str] = {
    "psi": "population stability index",
    "ks": "Kolmogorov-Smirnov distance",
    "js": "Jensen-Shannon distance",
    "wasserstein": "Wasserstein distance, in robust standard deviations of the reference",
    "mean": "difference of the means, in standard deviations of the reference",
    "cramers_v": "Cramer's V",
    "tv": "total variation distance",
    "missing": "difference of the missing rates",
}

LIMITS: dict[str, Limits] = {
    "psi": (0.1, 0.2),
    "ks": (0.1, 0.2),
    "js": (0.1, 0.2),
    "wasserstein": (0.1, 0.2),
    "mean": (0.2, 0.5),
    "cramers_v": (0.1, 0.2),
    "tv": (0.1, 0.2),
    "missing": (0.05, 0.1),
}
"""Of each measure: over which lower bound a column is WARNING, and over which CRITICAL."""

INSTEAD = {"ks": "tv", "wasserstein": "tv", "mean": "tv", "cramers_v": "js", "tv": "js"}
"""What is judged where a column does not have the measure that is selected."""


def checked_measure(measure: str) -> str:
    """Return the measure's name.

    Raises
    ------
    UsageError
        When there is no such measure; all are listed.
    """
    if measure not in MEASURES:
        near = did_you_mean(measure, MEASURES)
        listed = "" if near.startswith("known") else f"; known: {', '.join(sorted(MEASURES))}"
        raise UsageError(f"no measure named {measure!r}", hint=near + listed)
    return measure


def checked_limits(limits: Mapping[str, Limits] | None) -> dict[str, Limits]:
    """Return the limits of all measures: the given ones over the usual.

    Raises
    ------
    UsageError
        When a measure is unknown, or its two limits are not two rising numbers from 0.
    """
    return LIMITS | {checked_measure(name): _pair(name, pair) for name, pair in (limits or {}).items()}


def _pair(name: str, pair: Limits) -> Limits:
    try:
        warning, critical = (float(limit) for limit in pair)
    except (TypeError, ValueError):
        raise UsageError(
            f"the limits of {name} are {pair!r}",
            hint="give two numbers, of WARNING and of CRITICAL: (0.1, 0.2)",
        ) from None
    if not 0 <= warning <= critical < np.inf:
        raise UsageError(
            f"the limits of {name} are {warning:g} and {critical:g}",
            hint="they begin at 0, and CRITICAL is not below WARNING",
        )
    return warning, critical


def numeric_estimates(reference: NumericProfile, current: NumericProfile) -> dict[str, Estimate]:
    """Return every measure that two numeric columns have."""
    bins = _bins(reference), _bins(current)
    found = {
        "psi": psi(*bins),
        "js": jensen_shannon(*bins),
        "missing": missing_difference(reference, current),
    }
    if reference.count and current.count:
        found["ks"] = kolmogorov_smirnov(reference, current)
    if reference.finite and current.finite:
        found |= {"wasserstein": wasserstein(reference, current), "mean": mean_difference(reference, current)}
    return found


def categorical_estimates(reference: CategoricalProfile, current: CategoricalProfile) -> dict[str, Estimate]:
    """Return every measure that two columns of levels have: by the reference's levels and "other"."""
    levels = _levels(reference), _levels(current)
    bins = np.append(levels[0], reference.missing), np.append(levels[1], current.missing)
    found = {
        "psi": psi(*bins),
        "js": jensen_shannon(*bins),
        "missing": missing_difference(reference, current),
    }
    if reference.count and current.count:
        found |= {"cramers_v": cramers_v(*levels), "tv": total_variation(*levels)}
    return found


def _bins(profile: NumericProfile) -> Counts:
    starts = np.concatenate([[0], profile.edges.bins + 1])
    return np.append(np.add.reduceat(profile.counts, starts), profile.missing)


def _levels(profile: CategoricalProfile) -> Counts:
    return np.array([*profile.levels.values(), profile.unknown], dtype=np.int64)
