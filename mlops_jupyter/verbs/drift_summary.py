"""From what was found to plain values: the first of the three stages of a drift report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mlops_jupyter.stats.measures import INSTEAD, MEASURES
from mlops_jupyter.verbs.drift_shapes import histogram_of, label_of
from mlops_jupyter.verbs.drift_words import headline_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mlops_jupyter.monitoring.drift import Found
    from mlops_jupyter.monitoring.multivariate import Together
    from mlops_jupyter.stats.column_drift import ColumnDrift
    from mlops_jupyter.stats.comparing import Comparison
    from mlops_jupyter.stats.verdicts import Effect
    from mlops_jupyter.verbs.drift_payload import (
        ColumnValues,
        EffectValues,
        MultivariateValues,
        Payload,
        ReferenceChoice,
        SelectionValues,
        Verdict,
    )

_OUT_OF_REACH: Final = (1e9, 1e12)  # limits that no measure gets to: what then alarms is no measure
_ALARMS: Final = ("INVALID", "CRITICAL", "WARNING")


def payload_of(
    found: Found, selection: SelectionValues, references: list[ReferenceChoice] | None = None
) -> Payload:
    """Return everything that a report shows, ready for JSON.

    Parameters
    ----------
    found : Found
        The answer.
    selection : dict
        What was asked for, as it was written.
    references : list, optional
        What else could be compared with.
    """
    comparison, question = found.comparison, found.question
    alarms = _alarms(comparison)
    payload: Payload = {
        "title": "",
        "deployment": question.endpoint.name if question.endpoint else "",
        "ok": comparison.ok,
        "counts": {str(verdict): count for verdict, count in comparison.counts.items()},
        "reference": {"label": found.reference.label, "rows": found.reference.profile.rows},
        "current": {
            "label": found.current.label,
            "rows": found.current.profile.rows,
            "since": _moment(found.current.window.since) if found.current.window else None,
            "until": _moment(found.current.window.until) if found.current.window else None,
        },
        "measure": comparison.measure,
        "measures": list(MEASURES),
        "limits": {name: list(pair) for name, pair in comparison.limits.items()},
        "windows": [_moment(window.since) for window, _ in found.trend],
        "every": length_of(question.length),
        "variants": list(question.endpoint.roles) if question.endpoint else [],
        "references": references or [],
        "selection": selection,
        "notes": list(found.notes),
        "multivariate": _together(found.together) if found.together else None,
        "columns": [_column(column, alarms[column.name], found) for column in comparison.columns],
    }
    payload["title"] = headline_of(payload)
    return payload


def length_of(length: timedelta) -> str:
    """Return how long windows are, as it is written.

    Examples
    --------
    >>> from datetime import timedelta
    >>> length_of(timedelta(hours=1)), length_of(timedelta(days=7)), length_of(timedelta(minutes=90))
    ('1h', '7d', '90m')
    """
    seconds = length.total_seconds()
    unit, size = next(
        (pair for pair in (("d", 86400), ("h", 3600), ("m", 60)) if not seconds % pair[1]), ("s", 1)
    )
    return f"{seconds / size:g}{unit}"


def _alarms(comparison: Comparison) -> dict[str, Verdict]:
    """Return the verdict on each column that stands whatever the limit of the measure."""
    beyond = comparison.judged("psi", {"psi": _OUT_OF_REACH})
    return {column.name: column.verdict if column.verdict in _ALARMS else "OK" for column in beyond.columns}


def _column(column: ColumnDrift, alarm: Verdict, found: Found) -> ColumnValues:
    trend = [comparison for _, comparison in found.trend]
    return {
        "name": column.name,
        "role": column.role,
        "kind": column.kind,
        "verdict": column.verdict,
        "reason": "" if column.verdict == "OK" else column.reason,
        "alarm": alarm,
        "share": _number(column.share) or 0.0,
        "words": list(column.words),
        "missing": [_number(share) for share in column.missing],
        "out_of_range": _number(column.out_of_range),
        "new_levels": [(label_of(level), _number(share) or 0.0) for level, share in column.new_levels],
        "vanished": [label_of(level) for level in column.vanished],
        "rows": column.current.rows if column.current else 0,
        "rows_needed": column.rows_needed if column.effects else None,
        "effects": {name: _effect(effect) for name in MEASURES if (effect := effect_of(column, name))},
        "trend": _trend(column, trend) if trend and column.effects else {},
        "histogram": histogram_of(column.reference, column.current) if column.effects else None,
        "quantiles": [(q, *_pair(before, now)) for q, before, now in column.quantile_shift],
    }


def effect_of(column: ColumnDrift, measure: str) -> Effect | None:
    """Return the effect by which a column is judged under a measure; None where it has none."""
    return column.effects.get(measure) or column.effects.get(INSTEAD.get(measure, ""))


def _effect(effect: Effect) -> EffectValues:
    return {
        "measure": effect.measure,
        "value": _number(effect.value) or 0.0,
        "low": _number(effect.low) or 0.0,
        "high": _number(effect.high) or 0.0,
        "error": _number(effect.error) or 0.0,
        "p": _number(effect.p),
        "p_adjusted": _number(effect.p_adjusted),
        "rows_needed": effect.rows_needed,
        "cells": effect.cells,
        "row_variance": _number(effect.row_variance) or 0.0,
    }


def _trend(column: ColumnDrift, trend: list[Comparison | None]) -> dict[str, list[float | None]]:
    then = [comparison[column.name] if comparison else None for comparison in trend]
    return {
        measure: [_number(one.value) if each and (one := effect_of(each, measure)) else None for each in then]
        for measure in MEASURES
        if effect_of(column, measure)
    }


def _together(together: Together) -> MultivariateValues:
    test, pca = together.two_sample, together.pca
    return {
        "verdict": _verdict(test.low),
        "auc": test.auc,
        "low": test.low,
        "high": test.high,
        "p": test.p,
        "features": [(name, _number(lost) or 0.0) for name, lost in test.features],
        "reconstruction": _number(pca.value),
        "usual": [_number(bound) or 0.0 for bound in pca.reference],
    }


def _verdict(low: float) -> Verdict:
    from mlops_jupyter.stats.multivariate import AUC_LIMITS

    warning, critical = AUC_LIMITS
    return "CRITICAL" if low > critical else "WARNING" if low > warning else "OK"


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _pair(before: float, now: float) -> tuple[float, float]:
    return _number(before, 10) or 0.0, _number(now, 10) or 0.0


def _number(value: float | None, digits: int = 5) -> float | None:
    """Return a number that JSON can hold, as precise as it is shown."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
