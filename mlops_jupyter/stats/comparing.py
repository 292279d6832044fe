"""Comparing two profiles: every column, every measure, one verdict each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from mlops_jupyter.errors import DataError, NotFoundError, did_you_mean
from mlops_jupyter.stats.categorical_profile import CategoricalProfile
from mlops_jupyter.stats.measures import (
    INSTEAD,
    MEASURES,
    Limits,
    categorical_estimates,
    checked_limits,
    checked_measure,
    numeric_estimates,
)
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import ColumnProfile, Profile, Unreadable
from mlops_jupyter.stats.significance import benjamini_hochberg
from mlops_jupyter.stats.verdicts import RANKS, Effect, Verdict, judge, rows_needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.stats.bounds import Estimate
    from mlops_jupyter.stats.categorical_profile import Level

Role = Literal["feature", "prediction", "score"]


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


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two windows compared: columns ranked by verdict, then by effect.

    Parameters
    ----------
    columns : list of ColumnDrift
    measure : str
        The measure that is judged.
    limits : dict
        Of every measure.
    rows : tuple of int
        Of the reference and the current window.
    """

    columns: list[ColumnDrift]
    measure: str
    limits: dict[str, Limits]
    rows: tuple[int, int]

    @property
    def ok(self) -> bool:
        """Whether every column is OK."""
        return all(column.verdict == "OK" for column in self.columns)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many columns have each verdict."""
        found = Counter(column.verdict for column in self.columns)
        return {verdict: found.get(verdict, 0) for verdict in RANKS}

    @cached_property
    def _by_name(self) -> dict[str, ColumnDrift]:
        return {column.name: column for column in self.columns}

    def __getitem__(self, name: str) -> ColumnDrift:
        if name not in self._by_name:
            raise NotFoundError(f"no column named {name!r}", hint=did_you_mean(name, self._by_name))
        return self._by_name[name]

    def judged(self, measure: str | None = None, limits: Mapping[str, Limits] | None = None) -> Comparison:
        """Return the same comparison judged by another measure or other limits; nothing is measured again."""
        measure = checked_measure(measure or self.measure)
        known = checked_limits(self.limits | dict(limits or {}))
        return _ranked(
            [_judged(column, measure, known, self.rows) for column in self.columns], measure, known, self.rows
        )


def compare(
    reference: Profile,
    current: Profile,
    measure: str = "psi",
    limits: Mapping[str, Limits] | None = None,
    roles: Mapping[str, Role] | None = None,
) -> Comparison:
    """Return what changed from the reference to the current window, for every column of either.

    Parameters
    ----------
    reference, current : Profile
        Of one set of edges.
    measure : str
        What is judged: a key of `MEASURES`.
    limits : mapping, optional
        Of measures: for WARNING and CRITICAL.
    roles : mapping, optional
        Which columns are predictions or scores; all others are features.

    Raises
    ------
    DataError
        When a window has no rows.
    UsageError
        When the measure is unknown or a limit is no number.
    """
    measure, known = checked_measure(measure), checked_limits(limits)
    for label, profile in (("reference", reference), ("current window", current)):
        if not profile.rows:
            raise DataError(f"the {label} has no rows", hint="give a longer window, or other data")
    rows = (reference.rows, current.rows)
    names = dict.fromkeys([*reference.columns, *current.columns])
    columns = [
        replace(
            _measured(name, reference.columns.get(name), current.columns.get(name)),
            role=(roles or {}).get(name, "feature"),
        )
        for name in names
    ]
    columns = [_judged(column, measure, known, rows) for column in _with_adjusted_p(columns)]
    return _ranked(columns, measure, known, rows)


def _measured(name: str, reference: ColumnProfile | None, current: ColumnProfile | None) -> ColumnDrift:
    kind = next((c.kind for c in (reference, current) if c and not isinstance(c, Unreadable)), "unreadable")
    both = ColumnDrift(name, kind, reference=reference, current=current)
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return replace(both, effects=_effects(numeric_estimates(reference, current)))
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return replace(both, effects=_effects(categorical_estimates(reference, current)))
    return replace(both, verdict="INVALID", reason="cannot be compared")


def _effects(estimates: Mapping[str, Estimate]) -> dict[str, Effect]:
    return {
        name: Effect(name, found.value, found.low, found.high, found.p, observed=found.observed)
        for name, found in estimates.items()
    }


def _with_adjusted_p(columns: list[ColumnDrift]) -> list[ColumnDrift]:
    adjusted: list[dict[str, Effect]] = [{} for _ in columns]
    for measure in MEASURES:
        having = [at for at, column in enumerate(columns) if measure in column.effects]
        values = benjamini_hochberg([columns[at].effects[measure].p for at in having])
        for at, p in zip(having, values, strict=True):
            adjusted[at][measure] = replace(columns[at].effects[measure], p_adjusted=p)
    return [replace(column, effects=effects) for column, effects in zip(columns, adjusted, strict=True)]


def _judged(
    column: ColumnDrift, measure: str, limits: dict[str, Limits], rows: tuple[int, int]
) -> ColumnDrift:
    if not column.effects:
        return column
    effects = {
        name: replace(effect, limits=limits[name], rows_needed=rows_needed(name, limits[name], rows[0]))
        for name, effect in column.effects.items()
    }
    selected = effects.get(measure) or effects.get(INSTEAD.get(measure, ""))
    verdict: Verdict = judge(selected, rows[1], selected.rows_needed) if selected else "OK"
    return replace(
        column,
        effects=effects,
        selected=selected,
        verdict=verdict,
        rows_needed=selected.rows_needed if selected else 0,
    )


def _ranked(
    columns: list[ColumnDrift], measure: str, limits: dict[str, Limits], rows: tuple[int, int]
) -> Comparison:
    sizes = {column.name: _size(column) for column in columns}
    total = sum(sizes.values())
    shared = [replace(column, share=sizes[column.name] / total if total else 0.0) for column in columns]
    shared.sort(key=lambda column: (RANKS[column.verdict], -sizes[column.name]))
    return Comparison(shared, measure, limits, rows)


def _size(column: ColumnDrift) -> float:
    return column.selected.value / max(column.selected.limits[1], 1e-12) if column.selected else 0.0
