"""Raw values counted chunk by chunk give what one pass over all of them gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_jupyter.stats.counting import CHUNK, NumericCounter, reference_profile
from mlops_jupyter.stats.edges import edges_of
from mlops_jupyter.stats.numeric_profile import SAMPLE

RNG = np.random.default_rng(11)
ANYTHING = st.floats(allow_nan=True, allow_infinity=True, width=64)


def counted(values, edges):
    counter = NumericCounter(edges)
    counter.add(values)
    return counter.profile()


@given(arrays(np.float64, st.integers(0, 60), elements=ANYTHING), arrays(np.float64, 20, elements=ANYTHING))
def test_counts_are_those_of_a_search_for_every_value(values, reference):
    edges = edges_of(reference)
    profile = counted(values, edges)
    numbers = values[~np.isnan(values)]
    cells = np.searchsorted(edges.values, numbers, "left")
    assert profile.counts.tolist() == np.bincount(cells, minlength=edges.values.size + 1).tolist()
    assert profile.missing == np.isnan(values).sum()
    assert profile.infinite == ((numbers == -np.inf).sum(), (numbers == np.inf).sum())


def test_many_chunks_are_one_pass():
    values = RNG.normal(size=3 * CHUNK + 17)
    values[::1000] = np.nan
    reference = reference_profile(values)
    counter = NumericCounter(reference.edges)
    for part in np.array_split(values, 29):
        counter.add(part)
    profile = counter.profile()
    assert np.array_equal(profile.counts, reference.counts)
    assert (profile.count, profile.missing) == (reference.count, reference.missing)
    assert profile.mean == pytest.approx(reference.mean, abs=1e-12)
    assert profile.m2 == pytest.approx(reference.m2, rel=1e-12)


def test_what_is_added_is_left_as_it_was():
    values = RNG.normal(size=100)
    before = values.copy()
    counted(values, edges_of(values))
    assert np.array_equal(values, before)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, bool])
def test_numbers_of_any_dtype_are_counted(dtype):
    values = RNG.integers(0, 2, 500).astype(dtype)
    assert counted(values, edges_of(values.astype(float))).mean == pytest.approx(values.mean(dtype=float))


def test_a_profile_can_be_looked_at_and_added_to():
    counter = NumericCounter(edges_of(np.arange(10.0)))
    counter.add(np.array([1.0, 2.0]))
    assert counter.profile().count == 2
    counter.add(np.array([3.0]))
    assert counter.profile().count == 3


def test_raw_values_are_kept_while_they_are_few():
    edges = edges_of(np.arange(10.0))
    few, many = RNG.normal(size=SAMPLE), RNG.normal(size=SAMPLE + 1)
    assert np.array_equal(counted(few, edges).sample, np.sort(few))
    assert counted(many, edges).sample is None


def test_moments_hold_far_from_zero():
    values = 1e6 + RNG.normal(size=200_000) * 1e-3
    profile = counted(values, edges_of(values[:1000]))
    assert profile.deviation == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1e307])
def test_the_deviation_is_a_number_where_squares_are_not(scale):
    values = RNG.normal(size=1000) * scale
    deviation = reference_profile(values).deviation
    assert 0 < deviation < np.inf
    assert deviation == pytest.approx(scale, rel=5)


@pytest.mark.parametrize(("values", "whole"), [([1.0, 2.0, np.nan], True), ([1.0, 2.5], False), ([], True)])
def test_whole_numbers_are_told_from_others(values, whole):
    assert reference_profile(np.array(values)).integral is whole


def test_how_far_values_lie_beyond_the_edges_is_summed():
    edges = edges_of(np.arange(11.0))  # they go on as far as the reference is wide: from -10 to 20
    profile = counted(np.array([-12.0, 5.0, 15.0, 23.0, 24.0, np.inf]), edges)
    assert profile.excess == pytest.approx((2.0, 3.0 + 4.0))
