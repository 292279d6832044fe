"""One column of two windows: its effects, and what else can be seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from mlops_jupyter.stats.alarms import (
    Alarm,
    categorical_alarms,
    new_levels,
    numeric_alarms,
    out_of_range,
    vanished_levels,
)
from mlops_jupyter.stats.categorical_profile import CategoricalProfile
from mlops_jupyter.stats.distances import quantiles
from mlops_jupyter.stats.measures import categorical_estimates, numeric_estimates
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import ColumnProfile, Unreadable
from mlops_jupyter.stats.units import cited
from mlops_jupyter.stats.verdicts import Effect, Verdict
from mlops_jupyter.stats.words import categorical_words, missing_words, numeric_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.stats.bounds import Estimate
    from mlops_jupyter.stats.categorical_profile import Level

Role = Literal["feature", "prediction", "score"]

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class ColumnDrift:
    """What became of one column.

    Parameters
    ----------
    name, kind, role : str
    verdict : str
    reason : str
        One line where there is more to say than the effect does.
    effects : dict
        Every measure that the column has.
    selected : Effect or None
        The one that is judged.
    missing : tuple of float
        Shares of missing values in the reference and the current window.
    out_of_range : float
        Share of current values outside of the reference's.
    new_levels : list
        Levels that the reference does not have, and their share.
    vanished : list
        The reference's levels that are gone.
    share : float
        The column's part in the whole drift, from 0 to 1.
    words : list of str
        What changed, in short sentences.
    quantile_shift : list
        Quantile, its value in the reference, and now.
    reference, current : ColumnProfile or None
    rows_needed : int
        Current rows that a verdict takes.
    alarms : list of Alarm
        What raises the verdict whatever measure is selected.
    """

    name: str
    kind: str
    role: Role = "feature"
    verdict: Verdict = "OK"
    reason: str = ""
    effects: dict[str, Effect] = field(default_factory=dict)
    selected: Effect | None = None
    missing: tuple[float, float] = (0.0, 0.0)
    out_of_range: float = 0.0
    new_levels: list[tuple[Level, float]] = field(default_factory=list)
    vanished: list[Level] = field(default_factory=list)
    share: float = 0.0
    words: list[str] = field(default_factory=list)
    quantile_shift: list[tuple[float, float, float]] = field(default_factory=list)
    reference: ColumnProfile | None = None
    current: ColumnProfile | None = None
    rows_needed: int = 0
    alarms: list[Alarm] = field(default_factory=list)


def measured_column(
    name: str, reference: ColumnProfile | None, current: ColumnProfile | None, role: Role = "feature"
) -> ColumnDrift:
    """Return what can be measured of a column; one that cannot be compared is INVALID and says why."""
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        problem = _numeric_problem(reference, current)
        if not problem:
            return _numeric(name, reference, current, role)
    elif isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        problem = _categorical_problem(reference, current)
        if not problem:
            return _categorical(name, reference, current, role)
    else:
        problem = _why_not(reference, current)
    return ColumnDrift(
        name,
        _kind(reference, current),
        role,
        verdict="INVALID",
        reason=problem,
        reference=reference,
        current=current,
        words=[f"{cited(name)} {problem}"],
    )


def _numeric(name: str, reference: NumericProfile, current: NumericProfile, role: Role) -> ColumnDrift:
    effects = _effects(numeric_estimates(reference, current))
    shift = _quantile_shift(reference, current)
    return ColumnDrift(
        name,
        reference.kind,
        role,
        effects=effects,
        missing=_missing(reference, current),
        out_of_range=out_of_range(reference, current) / max(current.count, 1),
        words=numeric_words(name, reference, current, effects, shift)
        + missing_words(name, reference, current),
        quantile_shift=shift,
        reference=reference,
        current=current,
        alarms=numeric_alarms(reference, current),
    )


def _categorical(
    name: str, reference: CategoricalProfile, current: CategoricalProfile, role: Role
) -> ColumnDrift:
    new, vanished = new_levels(reference, current), vanished_levels(reference, current)
    return ColumnDrift(
        name,
        reference.kind,
        role,
        effects=_effects(categorical_estimates(reference, current)),
        missing=_missing(reference, current),
        new_levels=new,
        vanished=vanished,
        words=categorical_words(reference, current, new, vanished) + missing_words(name, reference, current),
        reference=reference,
        current=current,
        alarms=categorical_alarms(reference, current),
    )


def _effects(estimates: Mapping[str, Estimate]) -> dict[str, Effect]:
    return {
        name: Effect(
            name,
            found.value,
            found.low,
            found.high,
            found.p,
            observed=found.observed,
            cells=found.cells,
            row_variance=found.row_variance,
            error=found.error,
        )
        for name, found in estimates.items()
    }


def _missing(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> tuple[float, float]:
    return reference.missing / max(reference.rows, 1), current.missing / max(current.rows, 1)


def _quantile_shift(reference: NumericProfile, current: NumericProfile) -> list[tuple[float, float, float]]:
    if not (reference.finite and current.finite):
        return []
    at = np.array(QUANTILES)
    both = quantiles(reference, at).tolist(), quantiles(current, at).tolist()
    return list(zip(QUANTILES, *both, strict=True))


def _kind(*columns: ColumnProfile | None) -> str:
    return next((c.kind for c in columns if c and not isinstance(c, Unreadable)), "unreadable")


def _numeric_problem(reference: NumericProfile, current: NumericProfile) -> str:
    if reference.kind != current.kind:
        return f"arrives as {current.kind}, was {reference.kind}"
    if reference.edges.digest != current.edges.digest:
        return "was profiled by other edges than the reference's: profile it again with this reference"
    return _empty_problem(reference, current)


def _categorical_problem(reference: CategoricalProfile, current: CategoricalProfile) -> str:
    if reference.kind != current.kind:
        return f"arrives as {current.kind}, was {reference.kind}"
    if reference.levels.keys() != current.levels.keys():
        return "was profiled by other levels than the reference's: profile it again with this reference"
    return _empty_problem(reference, current)


def _empty_problem(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> str:
    empty = [label for label, one in (("reference", reference), ("current window", current)) if not one.rows]
    return f"has no rows in the {empty[0]}" if empty else ""


def _why_not(reference: ColumnProfile | None, current: ColumnProfile | None) -> str:
    if current is None:
        return "is missing: the reference has it"
    if reference is None:
        return "is not in the reference: there is nothing to compare it with"
    if isinstance(reference, Unreadable):
        return f"cannot be read in the reference: {reference.why}"
    if isinstance(current, Unreadable):
        return current.why
    return f"arrives as {current.kind}, was {reference.kind}"
