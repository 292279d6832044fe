"""p-values are SciPy's, and adjusted as Benjamini and Hochberg say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlops_jupyter.stats.cells import chi_square, cramers_v
from mlops_jupyter.stats.significance import benjamini_hochberg, chi_square_p, kolmogorov_smirnov_p, normal_p

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("rows", [(50, 60), (900, 1_000), (10_000, 4_000), (200_000, 50_000)])
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1])
def test_the_p_of_kolmogorov_and_smirnov_is_scipys(rows, shift):
    one, other = RNG.normal(size=rows[0]), RNG.normal(size=rows[1]) + shift
    exact = stats.ks_2samp(one, other, method="asymp")
    assert kolmogorov_smirnov_p(exact.statistic, rows) == pytest.approx(exact.pvalue, rel=0.05, abs=1e-12)


def test_chi_square_is_scipys_with_empty_cells_left_out():
    one, other = np.array([30, 0, 20, 50]), np.array([25, 0, 40, 10])
    found = stats.chi2_contingency(np.stack([one, other])[:, [0, 2, 3]], correction=False)
    assert chi_square(one, other) == pytest.approx(found.statistic)
    assert chi_square_p(chi_square(one, other), 2) == pytest.approx(found.pvalue)


def test_cramers_v_is_scipys_before_its_bias_is_taken_off():
    one, other = np.array([300, 100, 500]), np.array([250, 200, 450])
    expected = stats.contingency.association(np.stack([one, other]), method="cramer")
    assert cramers_v(one, other).observed == pytest.approx(expected)


def test_where_nothing_can_vary_there_is_no_p():
    assert chi_square_p(0.0, 0) is None


def test_the_normal_p_has_two_sides():
    assert normal_p(-1.959963984540054) == pytest.approx(0.05)


@given(st.lists(st.none() | st.floats(0, 1), max_size=30))
def test_adjusted_p_values_are_scipys_and_none_stays_none(values):
    adjusted = benjamini_hochberg(values)
    known = [p for p in values if p is not None]
    assert [p is None for p in adjusted] == [p is None for p in values]
    if known:
        expected = stats.false_discovery_control(known)
        assert [p for p in adjusted if p is not None] == pytest.approx(expected.tolist())
