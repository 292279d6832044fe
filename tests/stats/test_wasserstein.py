"""The Wasserstein distance from cells is near SciPy's on raw values, and clipped before it is judged."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.distances import mean_difference, quantiles, robust_deviation
from mlops_jupyter.stats.wasserstein import wasserstein

RNG = np.random.default_rng(31)
ROWS = 50_000

PAIRS = {
    "a shift": (RNG.normal(size=ROWS), RNG.normal(0.3, 1, ROWS)),
    "a wider spread": (RNG.normal(size=ROWS), RNG.normal(0, 1.6, ROWS)),
    "two modes": (RNG.normal(size=ROWS), RNG.choice([-1, 1], ROWS) * 0.9 + RNG.normal(0, 0.3, ROWS)),
    "far beyond the reference": (RNG.normal(size=ROWS), RNG.normal(30, 2, ROWS)),
    "in the reference's gap": (RNG.choice([-1e9, 1e9], ROWS) + RNG.normal(size=ROWS), RNG.normal(size=ROWS)),
    "whole numbers": (RNG.poisson(5, ROWS), RNG.poisson(6.5, ROWS)),
    "whole numbers, then others": (RNG.poisson(5, ROWS), RNG.gamma(5, 1, ROWS)),
    "a spike at zero": (
        np.where(RNG.random(ROWS) < 0.4, 0, RNG.gamma(2, 1, ROWS)),
        np.where(RNG.random(ROWS) < 0.6, 0, RNG.gamma(2, 1, ROWS)),
    ),
    "skewed": (RNG.lognormal(size=ROWS), RNG.lognormal(0.2, 1, ROWS)),
    "small windows": (RNG.normal(size=400), RNG.normal(0.5, 1, 300)),
}


def profiles(before, now):
    reference = reference_profile(np.asarray(before, dtype=float))
    counter = NumericCounter(reference.edges)
    counter.add(np.asarray(now, dtype=float))
    return reference, counter.profile()


def exact(before, now):
    low, high = np.quantile(before, [0.25, 0.75])
    return wasserstein_distance(before, now) / ((high - low) / 1.3489795003921634)


@pytest.mark.parametrize("name", PAIRS)
def test_the_distance_from_cells_is_near_that_of_the_raw_values(name):
    before, now = PAIRS[name]
    assert wasserstein(*profiles(before, now)).observed == pytest.approx(
        exact(before, now), rel=0.03, abs=0.003
    )


def test_small_windows_are_exact():
    before, now = PAIRS["small windows"]
    assert wasserstein(*profiles(before, now)).observed == pytest.approx(exact(before, now), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-310, 1e-150, 1.0, 1e150, 1e300])
def test_the_unit_of_a_column_does_not_matter(scale):
    before, now = PAIRS["a shift"]
    plain, scaled = wasserstein(*profiles(before, now)), wasserstein(*profiles(before * scale, now * scale))
    assert (scaled.value, scaled.low) == pytest.approx((plain.value, plain.low), rel=1e-3)


def test_an_outlier_is_in_what_is_observed_but_not_in_what_is_judged():
    before, now = PAIRS["a shift"][0], np.append(PAIRS["a shift"][0], 1e12)
    effect = wasserstein(*profiles(before, now))
    assert effect.observed > 1e6
    assert effect.low == 0
    assert effect.value < 0.01


def test_infinite_values_take_no_part():
    before, now = PAIRS["a shift"]
    spoilt = np.append(now, [np.inf] * 500 + [-np.inf] * 500)
    assert wasserstein(*profiles(before, spoilt)).observed == pytest.approx(exact(before, now), rel=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5.0] * 10, 5.0), ([0.0] * 10, 1.0), ([0.0] * 96 + [1, 2, 3, 4], None), ([1e-320, 0.0] * 9, None)],
)
def test_the_robust_deviation_is_never_zero(values, expected):
    found = robust_deviation(reference_profile(np.array(values)))
    assert 0 < found < np.inf
    assert expected is None or found == expected


def test_quantiles_from_cells_are_near_the_exact_ones():
    values = RNG.lognormal(size=ROWS)
    at = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    assert quantiles(reference_profile(values), at) == pytest.approx(np.quantile(values, at), rel=0.01)


def test_quantiles_of_whole_numbers_from_cells_are_whole():
    values = RNG.integers(0, 7, ROWS)
    found = quantiles(reference_profile(values.astype(float)), np.array([0.1, 0.5, 0.9]))
    assert found.tolist() == np.quantile(values, [0.1, 0.5, 0.9]).tolist()


def test_means_that_no_float_can_tell_apart_claim_nothing():
    before, now = RNG.normal(size=ROWS) * 1e-310, RNG.normal(size=ROWS)
    assert mean_difference(*profiles(before, now)).low == 0
