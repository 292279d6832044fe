"""Cells of equal share, atoms with cells of their own, the reference's deciles among the edges."""

import numpy as np
import pytest

from mlops_jupyter.stats.counting import NumericCounter
from mlops_jupyter.stats.distances import quantiles
from mlops_jupyter.stats.edges import CELLS, Edges, edges_at, edges_of, quantiles_of_sorted

RNG = np.random.default_rng(7)


def shares(edges: Edges, values):
    upto = np.searchsorted(np.sort(values), edges.values, "right")
    return np.diff(upto, prepend=0, append=values.size) / values.size


@pytest.mark.parametrize("rows", [1, 2, 100, 4095, 4096, 4097, 5000, 100_000])
def test_no_cell_but_an_atom_holds_more_than_a_two_thousandth(rows):
    values = RNG.standard_cauchy(rows)
    edges = edges_of(values)
    assert shares(edges, values)[~edges.atoms].max() <= 2 / CELLS


def test_an_atom_has_a_cell_of_its_own():
    values = np.where(RNG.random(50_000) < 0.9, 0.0, RNG.lognormal(size=50_000))
    edges = edges_of(values)
    cell = np.searchsorted(edges.values, 0.0)
    assert edges.values[cell] == 0.0
    assert edges.values[cell - 1] == np.nextafter(0.0, -1)
    assert edges.atoms[cell]
    assert shares(edges, values)[cell] == np.mean(values == 0)


def test_bins_are_the_deciles_as_numpy_has_them():
    values = RNG.normal(size=12_345)
    edges = edges_of(values)
    assert np.array_equal(edges.values[edges.bins], np.quantile(values, np.arange(1, 10) / 10))


def test_equal_deciles_are_merged():
    edges = edges_of(np.repeat([0.0, 1.0], [65, 35]))
    assert edges.values[edges.bins].tolist() == [0.0, 1.0]


def test_minus_zero_and_zero_are_one_edge():
    edges = edges_of(np.array([-0.0, 0.0, 1.0, -1.0]))
    assert np.count_nonzero(edges.values == 0) == 1


def test_cells_go_on_beyond_the_reference_as_far_as_it_is_wide():
    edges = edges_of(np.array([3.0, 4.0, 5.0]))
    assert (edges.values[0], edges.values[-1]) == (1.0, 7.0)
    assert np.count_nonzero(edges.values < 3.0) > 50
    assert np.count_nonzero(edges.values > 5.0) > 50


def test_what_drifts_beyond_the_reference_keeps_its_quantiles():
    winter, summer = RNG.normal(36, 8, 20_000), RNG.normal(70, 8, 20_000)
    counter = NumericCounter(edges_of(winter))
    counter.add(summer)
    at = np.array([0.25, 0.5, 0.75])
    assert quantiles(counter.profile(), at) == pytest.approx(np.quantile(summer, at), abs=0.5)


def test_one_outlier_leaves_the_other_cells_where_they_are():
    values = RNG.normal(size=20_000)
    plain, spoilt = edges_of(values), edges_of(np.append(values, 1e12))
    assert plain.values[plain.bins] == pytest.approx(spoilt.values[spoilt.bins], abs=0.001)
    assert shares(spoilt, values)[~spoilt.atoms].max() <= 2 / CELLS


def test_missing_and_infinite_values_make_no_edges():
    values = np.array([1.0, np.nan, 2.0, np.inf, -np.inf])
    assert np.array_equal(edges_of(values).values, edges_of(np.array([1.0, 2.0])).values)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, np.nan]])
def test_nothing_finite_makes_one_cell(values):
    edges = edges_of(np.array(values))
    assert edges.values.size == edges.bins.size == 0
    assert edges.atoms.tolist() == [False]


@pytest.mark.parametrize("values", [[-1.7e308, 1.7e308], [5e-324, 1e-323, 0.0], [np.finfo(float).min, 0.0]])
def test_edges_are_finite_and_rise_at_the_ends_of_the_floats(values):
    edges = edges_of(np.array(values))
    assert np.isfinite(edges.values).all()
    assert (np.diff(edges.values) > 0).all()


def test_equal_edges_have_equal_digests_and_others_do_not():
    assert edges_of(np.arange(50.0)).digest == edges_of(np.arange(50.0)[::-1]).digest
    assert edges_of(np.arange(50.0)).digest != edges_of(np.arange(51.0)).digest


def test_the_digest_tells_of_the_bins_too():
    ends = np.arange(10.0)
    assert edges_at(ends, np.array([3.0])).digest != edges_at(ends, np.array([4.0])).digest


@pytest.mark.parametrize("rows", [1, 2, 9, 10, 1000])
def test_quantiles_equal_numpys_to_the_last_bit(rows):
    values, at = np.sort(RNG.normal(size=rows)), RNG.random(50)
    assert np.array_equal(quantiles_of_sorted(values, at), np.quantile(values, at))
