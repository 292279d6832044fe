"""95 % bounds hold what they promise, in simulation, and little is claimed of little."""

import numpy as np
import pytest
from scipy.stats import norm

from mlops_jupyter.stats import cells
from mlops_jupyter.stats.bounds import LEAST_ROWS
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.distances import kolmogorov_smirnov, mean_difference
from mlops_jupyter.stats.rates import rate_difference, wilson
from mlops_jupyter.stats.wasserstein import wasserstein

TIMES = 300


def shares(bins: int, slope: float):
    tilted = np.exp(slope * np.linspace(-1, 1, bins))
    return np.full(bins, 1 / bins), tilted / tilted.sum()


def true_psi(p, q):
    return np.sum((q - p) * np.log(q / p))


def true_js(p, q):
    both = (p + q) / 2
    return np.sqrt(0.5 * np.sum(p * np.log2(p / both) + q * np.log2(q / both)))


def true_v(p, q):
    return np.sqrt(0.5 * np.sum((p - q) ** 2 / (p + q)))


def true_tv(p, q):
    return 0.5 * np.sum(np.abs(p - q))


CELL_MEASURES = {
    "psi": (cells.psi, true_psi),
    "js": (cells.jensen_shannon, true_js),
    "cramers_v": (cells.cramers_v, true_v),
    "tv": (cells.total_variation, true_tv),
}


def simulated(measure, p, q, rows, seed=5):
    rng = np.random.default_rng(seed)
    return [measure(rng.multinomial(rows[0], p), rng.multinomial(rows[1], q)) for _ in range(TIMES)]


@pytest.mark.parametrize("rows", [(3_000, 300), (3_000, 3_000), (1_000_000, 1_000)])
@pytest.mark.parametrize("slope", [0.55, 0.9])
@pytest.mark.parametrize("name", CELL_MEASURES)
def test_the_true_divergence_is_seldom_outside_its_bounds(name, slope, rows):
    measure, truth = CELL_MEASURES[name]
    p, q = shares(10, slope)
    effects, true = simulated(measure, p, q, rows), truth(p, q)
    assert np.mean([effect.low > true for effect in effects]) <= 0.06
    assert np.mean([effect.high < true for effect in effects]) <= 0.10
    assert np.mean([effect.value for effect in effects]) == pytest.approx(true, rel=0.08)


@pytest.mark.parametrize("bins", [2, 10, 50, 400])
@pytest.mark.parametrize("rows", [(1_000_000, 30), (3_000, 100), (3_000, 1_000), (20_000, 20_000)])
@pytest.mark.parametrize("name", CELL_MEASURES)
def test_chance_alone_hardly_ever_reaches_a_limit(name, rows, bins):
    p, _ = shares(bins, 0)
    effects = simulated(CELL_MEASURES[name][0], p, p, rows)[:100]
    assert np.mean([effect.low > 0.1 for effect in effects]) <= 0.025


@pytest.mark.parametrize("bins", [10, 50])
def test_the_bias_of_psi_is_taken_off(bins):
    p, _ = shares(bins, 0)
    effects = simulated(cells.psi, p, p, (5_000, 5_000))
    bias = (bins - 1) * 2 / 5_000
    assert np.mean([effect.observed for effect in effects]) == pytest.approx(bias, rel=0.1)
    assert np.mean([effect.value for effect in effects]) < bias / 2


def test_the_longer_reference_does_not_shrink_cramers_v():
    p, q = shares(10, 0.9)
    short, long = (
        np.mean([effect.value for effect in simulated(cells.cramers_v, p, q, (rows, 2_000))])
        for rows in (2_000, 2_000_000)
    )
    assert long == pytest.approx(short, rel=0.05)


NUMERIC_MEASURES = {
    "ks": (kolmogorov_smirnov, lambda shift: 2 * norm.cdf(shift / 2) - 1),
    "wasserstein": (wasserstein, lambda shift: shift),
    "mean": (mean_difference, lambda shift: shift),
}


def shifted(measure, shift, rows, times, seed=9):
    rng = np.random.default_rng(seed)
    for _ in range(times):
        reference = reference_profile(rng.normal(size=rows[0]))
        counter = NumericCounter(reference.edges)
        counter.add(rng.normal(size=rows[1]) + shift)
        yield measure(reference, counter.profile())


@pytest.mark.parametrize("rows", [(3_000, 300), (12_000, 12_000)])
@pytest.mark.parametrize("shift", [0.2, 0.5])
@pytest.mark.parametrize("name", NUMERIC_MEASURES)
def test_the_true_distance_is_seldom_outside_its_bounds(name, shift, rows):
    measure, truth = NUMERIC_MEASURES[name]
    effects = list(shifted(measure, shift, rows, 100))
    assert np.mean([effect.low > truth(shift) for effect in effects]) <= 0.07
    assert np.mean([effect.high < truth(shift) for effect in effects]) <= 0.10


@pytest.mark.parametrize("rows", [(3_000, 40), (12_000, 12_000)])
@pytest.mark.parametrize("name", NUMERIC_MEASURES)
def test_chance_alone_hardly_ever_moves_numbers(name, rows):
    effects = list(shifted(NUMERIC_MEASURES[name][0], 0.0, rows, 60))
    assert np.mean([effect.low > 0.2 for effect in effects]) <= 0.04


@pytest.mark.parametrize("rows", [1, 5, LEAST_ROWS - 1])
def test_of_a_handful_of_rows_nothing_is_claimed(rows):
    counts = np.array([1000] * 10), np.array([0] * 9 + [rows])
    assert cells.psi(*counts).low == cells.total_variation(*counts).low == 0
    assert rate_difference((0, 1000), (rows, rows)).low == 0


def test_an_empty_bin_is_no_infinite_psi():
    effect = cells.psi(np.array([500, 500, 0]), np.array([0, 500, 500]))
    p, q = np.array([0.5, 0.5, 1e-4]), np.array([1e-4, 0.5, 0.5])
    assert effect.observed == pytest.approx(true_psi(p, q), rel=1e-12)


def test_equal_counts_have_no_distance():
    counts = np.array([10, 20, 0, 30])
    for measure, _ in CELL_MEASURES.values():
        effect = measure(counts, counts)
        assert (effect.value, effect.low) == (0, 0)


def test_the_interval_of_a_share_is_wilsons():
    from scipy.stats import binomtest

    found = binomtest(7, 50).proportion_ci(method="wilson")
    assert wilson(7, 50) == pytest.approx((found.low, found.high))


def test_the_interval_of_a_difference_is_newcombes():
    # his table II, example (a): 56/70 and 48/80
    effect = rate_difference((48, 80), (56, 70))
    assert (effect.value, effect.low, effect.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
