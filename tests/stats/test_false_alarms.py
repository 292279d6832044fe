"""What verdicts and bounds are worth: false alarms where nothing drifts, and how often bounds hold."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.cells import cramers_v, jensen_shannon, psi, total_variation
from mlops_jupyter.stats.comparing import compare
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.measures import LIMITS, numeric_estimates
from tests.stats.shapes import SHAPES

DECILES = np.full(10, 0.1)
ZIPF = np.arange(1, 61) ** -1.2 / np.sum(np.arange(1, 61) ** -1.2)
SHARES = {"deciles": DECILES, "sixty levels": ZIPF, "a rare level": np.array([0.97, 0.03])}
MEASURES = {"psi": psi, "js": jensen_shannon, "cramers_v": cramers_v, "tv": total_variation}
SIZES = [(100_000, 30), (40, 40), (100, 100), (1000, 100), (100_000, 300), (3000, 3000)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("measure", MEASURES)
def test_cells_of_one_distribution_rarely_have_a_lower_bound_over_the_warning(measure, shares, sizes):
    """At 2.5 %, more than 9 of 100 have a probability of 0.0002."""
    rng = np.random.default_rng(0)
    windows = zip(*(rng.multinomial(rows, SHARES[shares], 100) for rows in sizes), strict=True)
    alarms = sum(MEASURES[measure](*pair).low > LIMITS[measure][0] for pair in windows)
    assert alarms <= 9


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("sizes", [(100_000, 1000), (3000, 3000), (100_000, 100_000)], ids=str)
def test_bounds_of_cells_hold_the_true_effect(measure, sizes):
    """Under drift, at 95 %: fewer than 175 of 200 have a probability of 0.00001."""
    rng = np.random.default_rng(1)
    now = 0.5 * DECILES + 0.5 * rng.dirichlet(DECILES * 30)
    endless = [np.round(shares * 1e12).astype(np.int64) for shares in (DECILES, now)]
    truth = MEASURES[measure](*endless).value
    draws = zip(rng.multinomial(sizes[0], DECILES, 200), rng.multinomial(sizes[1], now, 200), strict=True)
    bounds = [MEASURES[measure](*pair) for pair in draws]
    assert sum(bound.low <= truth <= bound.high for bound in bounds) >= 175
    assert np.mean([bound.value for bound in bounds]) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("sizes", [(5, 5), (100_000, 30), (40, 40), (300, 100), (3000, 3000)], ids=str)
def test_numbers_of_one_distribution_rarely_have_a_lower_bound_over_the_warning(sizes):
    """All shapes, five times: of 75 columns a measure, at 2.5 %, more than 8 have a probability of 0.0002."""
    rng = np.random.default_rng(2)
    alarms = dict.fromkeys(LIMITS, 0)
    for shape in SHAPES.values():
        known = reference_profile(shape(rng, sizes[0]))
        for _ in range(5):
            counter = NumericCounter(known.edges)
            counter.add(shape(rng, sizes[1]))
            for measure, effect in numeric_estimates(known, counter.profile()).items():
                alarms[measure] += effect.low > LIMITS[measure][0]
                assert 0 <= effect.low <= effect.high
    assert max(alarms.values()) <= 8, alarms
    assert sizes != (5, 5) or not any(alarms.values())


def fifty(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """Fifty columns as tables have them: numbers of all shapes, levels, flags."""
    numbers = {f"{name} {i}": shape(rng, rows) for name, shape in SHAPES.items() for i in range(2)}
    levels = {
        f"levels {i}": rng.choice([f"l{k}" for k in range(60)], rows, p=ZIPF).astype(object)
        for i in range(10)
    }
    flags = {f"flag {i}": rng.random(rows) < (i + 1) / 100 for i in range(10)}
    return numbers | levels | flags


@pytest.mark.parametrize("known_rows", [100, 20_000])
@pytest.mark.parametrize("rows", [5, 60, 500, 5000])
def test_fifty_columns_without_drift_raise_no_alarm(rows, known_rows):
    """Not one verdict may call for action but for chance: two of fifty, as limits lie well over chance."""
    rng = np.random.default_rng(rows)
    known = profile_table(fifty(rng, known_rows))
    comparison = compare(known, profile_table(fifty(rng, rows), known))
    alarms = [
        (c.name, c.verdict, c.reason)
        for c in comparison.columns
        if c.verdict in ("WARNING", "CRITICAL", "INVALID")
    ]
    assert len(alarms) <= (0 if rows == 5 else 2), alarms


@pytest.mark.parametrize("rows", [1000, 20_000])
def test_material_drift_is_found_in_as_many_rows(rows):
    rng = np.random.default_rng(rows)
    known = profile_table(
        {
            "moved": rng.normal(size=20_000),
            "wider": rng.normal(size=20_000),
            "level": flights(rng, 0.1, 20_000),
        }
    )
    now = {
        "moved": rng.normal(0.6, 1, rows),
        "wider": 2 * rng.normal(size=rows),
        "level": flights(rng, 0.35, rows),
    }
    comparison = compare(known, profile_table(now, known))
    assert {c.name: c.verdict for c in comparison.columns if c.verdict not in ("WARNING", "CRITICAL")} == {}


def flights(rng: np.random.Generator, share: float, rows: int) -> np.ndarray:
    return np.where(rng.random(rows) < share, "EWR", "JFK").astype(object)
