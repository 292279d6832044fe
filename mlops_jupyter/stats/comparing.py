"""Comparing two profiles: every column, every measure, one verdict each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_jupyter.errors import DataError, NotFoundError, did_you_mean
from mlops_jupyter.stats.column_drift import ColumnDrift, Role, measured_column
from mlops_jupyter.stats.measures import (
    INSTEAD,
    MEASURES,
    Limits,
    checked_limits,
    checked_measure,
)
from mlops_jupyter.stats.profiles import Unreadable
from mlops_jupyter.stats.significance import benjamini_hochberg
from mlops_jupyter.stats.units import percent
from mlops_jupyter.stats.verdicts import RANKS, UNREACHABLE, Effect, Verdict, judge, rows_needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.stats.profiles import ColumnProfile, Profile


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
            [_judged(column, measure, known) for column in self.columns], measure, known, self.rows
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
        measured_column(
            name, reference.columns.get(name), current.columns.get(name), (roles or {}).get(name, "feature")
        )
        for name in names
    ]
    columns = [_judged(column, measure, known) for column in _with_adjusted_p(columns)]
    return _ranked(columns, measure, known, rows)


def _with_adjusted_p(columns: list[ColumnDrift]) -> list[ColumnDrift]:
    adjusted: list[dict[str, Effect]] = [{} for _ in columns]
    for measure in MEASURES:
        having = [at for at, column in enumerate(columns) if measure in column.effects]
        values = benjamini_hochberg([columns[at].effects[measure].p for at in having])
        for at, p in zip(having, values, strict=True):
            adjusted[at][measure] = replace(columns[at].effects[measure], p_adjusted=p)
    return [replace(column, effects=effects) for column, effects in zip(columns, adjusted, strict=True)]


def _judged(column: ColumnDrift, measure: str, limits: dict[str, Limits]) -> ColumnDrift:
    if not column.effects:
        return column
    effects = {
        name: _limited(effect, limits[name], _rows(column.reference, name))
        for name, effect in column.effects.items()
    }
    selected = effects.get(measure) or effects.get(INSTEAD.get(measure, "")) or effects["missing"]
    verdict, reason = _verdict(column, effects, selected)
    return replace(
        column,
        effects=effects,
        selected=selected,
        verdict=verdict,
        reason=reason,
        rows_needed=selected.rows_needed,
    )


def _rows(profile: ColumnProfile | None, measure: str) -> int:
    """Return the rows that a measure sees: missing ones are a bin of PSI and JS, and nothing to others."""
    if profile is None or isinstance(profile, Unreadable):
        return 0
    return profile.rows if measure in ("psi", "js", "missing") else profile.count


def _limited(effect: Effect, limits: Limits, reference_rows: int) -> Effect:
    needed = rows_needed(effect.measure, limits, reference_rows, effect.cells, effect.row_variance)
    return replace(effect, limits=limits, rows_needed=needed)


def _verdict(column: ColumnDrift, effects: dict[str, Effect], selected: Effect) -> tuple[Verdict, str]:
    found = [
        _own_verdict(selected, _rows(column.current, selected.measure)),
        (judge(effects["missing"], 0, 0), _missing_reason(column)),
        *column.alarms,
        _coarse(effects, selected),
    ]
    verdict = min((one[0] for one in found), key=RANKS.__getitem__)
    reasons = [reason for one, reason in found if one == verdict and reason]
    return verdict, reasons[0] if reasons and verdict != "OK" else ""


def _own_verdict(effect: Effect, rows: int) -> tuple[Verdict, str]:
    verdict = judge(effect, rows, effect.rows_needed)
    if verdict != "INCONCLUSIVE":
        return verdict, ""
    if rows >= effect.rows_needed:
        return (
            verdict,
            f"{effect.value:.3g} ± {effect.error:.2g}: the window was counted by another reference's edges",
        )
    if effect.rows_needed >= UNREACHABLE:
        return verdict, "the reference has too few rows for a verdict, however long the window"
    return verdict, f"{rows:,} row{'s' * (rows != 1)}; a verdict takes {effect.rows_needed:,}"


def _missing_reason(column: ColumnDrift) -> str:
    before, now = column.missing
    return f"missing in {percent(now)} of the rows, was in {percent(before)}"


def _coarse(effects: dict[str, Effect], selected: Effect) -> tuple[Verdict, str]:
    """Return Kolmogorov-Smirnov's verdict where one value is so frequent that the deciles are nearly one."""
    finer = effects.get("ks")
    if not finer or selected.measure not in ("psi", "js") or selected.cells > COARSE:
        return "OK", ""
    verdict = judge(finer, 0, 0)
    if RANKS[verdict] >= RANKS[judge(selected, 0, 0)]:
        return "OK", ""
    return verdict, f"one value fills {selected.measure.upper()}'s bins, but KS is {finer.value:.3g}"


COARSE = 3
"""Bins that hold rows, up to which PSI and JS see too little."""


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
