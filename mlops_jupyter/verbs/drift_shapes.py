"""How the two distributions of a column are drawn: in the same cells, which both can be read in.

A profile has thousands of cells at the reference's quantiles; a drawing has some thirty of equal width over
the range where nearly all values are. What lies beyond is told as two shares and never squeezes the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mlops_jupyter.stats.categorical_profile import CategoricalProfile
from mlops_jupyter.stats.numeric_profile import NumericProfile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_jupyter.stats.categorical_profile import Level
    from mlops_jupyter.stats.profiles import ColumnProfile
    from mlops_jupyter.verbs.drift_payload import Histogram

    Floats = NDArray[np.float64]

_CELLS: Final = 30
_WHOLE: Final = 40  # whole numbers that get a cell each
_LABELS: Final = 12
_BEYOND: Final = 0.005  # share of values that may lie beyond the drawing, on each side
_OTHER: Final = "other"


def histogram_of(reference: ColumnProfile | None, current: ColumnProfile | None) -> Histogram | None:
    """Return both distributions in the same cells, or None where they cannot be compared."""
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return _of_numbers(reference, current) if reference.finite or current.finite else None
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return _of_levels(reference, current)
    return None


def shares_upto(profile: NumericProfile, points: Floats) -> Floats:
    """Return the share of values up to and with each point; between the ends of a cell by a straight line."""
    import numpy as np

    if not profile.count:
        return np.zeros(len(points))
    if profile.sample is not None:
        return np.searchsorted(profile.sample, points, "right") / profile.count
    # a cell ends where its edge is; the first begins and the last ends at the least and greatest value
    upto = np.cumsum(profile.counts)
    low, high = profile.infinite
    inside = (profile.edges.values > profile.minimum) & (profile.edges.values < profile.maximum)
    at = np.concatenate([[_below(profile.minimum)], profile.edges.values[inside], [profile.maximum]])
    counted = np.concatenate([[low], upto[:-1][inside], [profile.count - high]])
    found: Floats = np.interp(points, at, counted, left=low, right=profile.count - high) / profile.count
    return found


def _below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def _of_numbers(reference: NumericProfile, current: NumericProfile) -> Histogram:
    edges = _edges(reference, current)
    before, now = (shares_upto(profile, edges) for profile in (reference, current))
    return {
        "edges": [float(edge) for edge in edges],
        "reference": _between(before),
        "current": _between(now),
        "lower": [_rounded(before[0]), _rounded(now[0])],
        "upper": [
            _rounded(1 - before[-1]) if reference.count else 0.0,
            _rounded(1 - now[-1]) if current.count else 0.0,
        ],
    }


def _above(profile: NumericProfile, upto: Floats) -> float:
    return _rounded(max(0.0, 1 - float(upto[-1]))) if profile.count else 0.0


def _edges(reference: NumericProfile, current: NumericProfile) -> Floats:
    """Return the ends of the cells: a cell for each of few whole numbers, else cells of equal width."""
    import numpy as np

    both = [profile for profile in (reference, current) if profile.finite]
    low, high = min(map(_low, both)), max(map(_high, both))
    if all(profile.integral for profile in both) and reference.kind == "numeric":
        low, high = math.floor(low), math.ceil(high)
        wide = max(1, math.ceil((high - low + 1) / (_WHOLE if high - low < _WHOLE else _CELLS)))
        return np.arange(low, high + wide + 1, wide, dtype=np.float64) - 0.5
    if not high > low:
        room = abs(low) * 1e-3 or 0.5
        low, high = low - room, high + room
    return np.linspace(_below(low), high, _CELLS + 1)


def _low(profile: NumericProfile) -> float:
    import numpy as np

    from mlops_jupyter.stats.distances import quantiles

    low, middle, high = quantiles(profile, np.array([_BEYOND, 0.5, 1 - _BEYOND]))
    return max(profile.minimum, float(low - 0.1 * (high - low))) if high > low else float(middle)


def _high(profile: NumericProfile) -> float:
    import numpy as np

    from mlops_jupyter.stats.distances import quantiles

    low, middle, high = quantiles(profile, np.array([_BEYOND, 0.5, 1 - _BEYOND]))
    return min(profile.maximum, float(high + 0.1 * (high - low))) if high > low else float(middle)


def _of_levels(reference: CategoricalProfile, current: CategoricalProfile) -> Histogram:
    before, now = _shares(reference), _shares(current)
    ranked = _ranked(before, now, boolean=reference.kind == "boolean")
    shown = ranked[:_LABELS]
    left = len(ranked) > _LABELS or bool(reference.unknown or current.other)
    return {
        "labels": [*map(label_of, shown), *([_OTHER] if left else [])],
        "reference": _of_each(before, shown, left=left),
        "current": _of_each(now, shown, left=left),
        "lower": [0.0, 0.0],
        "upper": [0.0, 0.0],
    }


def _ranked(before: dict[Level, float], now: dict[Level, float], *, boolean: bool) -> list[Level]:
    """Return all levels, those with the greatest shares first; of booleans false before true."""
    if boolean:
        return sorted({**before, **now}, key=str)
    most = {level: max(before.get(level, 0.0), now.get(level, 0.0)) for level in {**before, **now}}
    return sorted(most, key=lambda level: (-most[level], str(level)))


def _of_each(shares: dict[Level, float], shown: list[Level], *, left: bool) -> list[float]:
    each = [shares.get(level, 0.0) for level in shown]
    return [
        _rounded(share)
        for share in (*each, *([max(0.0, 1 - sum(each))] if left and shares else [0.0] * left))
    ]


def label_of(level: Level) -> str:
    """Return a level as text: of booleans as JSON writes them."""
    return str(level).lower() if isinstance(level, bool) else str(level)


def _shares(profile: CategoricalProfile) -> dict[Level, float]:
    counts = {**profile.levels, **profile.new}
    return {level: rows / profile.count for level, rows in counts.items() if rows} if profile.count else {}


def _between(upto: Floats) -> list[float]:
    return [_rounded(share) for share in (upto[1:] - upto[:-1])]


def _rounded(share: float) -> float:
    return float(f"{share:.5g}")
