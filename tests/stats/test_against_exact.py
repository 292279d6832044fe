"""Measures from profiles against the definitions on raw values, on every shape a column can have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.comparing import ColumnDrift, compare
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.measures import numeric_estimates
from mlops_jupyter.stats.profiles import Profile, merged
from tests.stats import exact
from tests.stats.shapes import SHAPES

EDITS = {
    "as before": lambda values, rng: values,
    "a fifth moved to one value": lambda values, rng: np.where(
        rng.random(len(values)) < 0.2, np.nanquantile(values[np.isfinite(values)], 0.9), values
    ),
    "scaled": lambda values, rng: values * 1.3,
    "all one value": lambda values, rng: np.full(len(values), values[np.isfinite(values)][0]),
    "a third missing": lambda values, rng: np.where(rng.random(len(values)) < 0.33, np.nan, values),
}
ROWS = st.sampled_from([5, 31, 400, 12_000])


def compared(reference: np.ndarray, current: np.ndarray) -> ColumnDrift:
    known = profile_table({"x": reference})
    return compare(known, profile_table({"x": current}, known))["x"]


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(EDITS)), ROWS, ROWS, st.integers(0, 2**32 - 1))
def test_psi_js_and_ks_are_those_of_the_raw_values(shape, edit, known, seen, seed):
    rng = np.random.default_rng(seed)
    reference, current = SHAPES[shape](rng, known), EDITS[edit](SHAPES[shape](rng, seen), rng)
    effects = numeric_effects(reference, current)
    assert effects["psi"].observed == pytest.approx(exact.psi(reference, current), abs=1e-6)
    assert effects["js"].observed == pytest.approx(exact.jensen_shannon(reference, current), abs=1e-6)
    assert effects["ks"].observed == pytest.approx(exact.kolmogorov_smirnov(reference, current), abs=5e-4)


def numeric_effects(reference: np.ndarray, current: np.ndarray):
    known = reference_profile(reference)
    counter = NumericCounter(known.edges)
    counter.add(current)
    return numeric_estimates(known, counter.profile())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("edit", ["as before", "a fifth moved to one value", "scaled"])
def test_of_long_windows_too(shape, edit):
    """Where no raw values are kept: the cells alone tell."""
    rng = np.random.default_rng(len(shape))
    reference, current = SHAPES[shape](rng, 60_000), EDITS[edit](SHAPES[shape](rng, 30_000), rng)
    effects = compared(reference, current).effects
    assert effects["psi"].observed == pytest.approx(exact.psi(reference, current), abs=1e-6)
    assert effects["ks"].observed == pytest.approx(exact.kolmogorov_smirnov(reference, current), abs=5e-4)


@pytest.mark.parametrize(
    "shape", ["normal", "spike at zero", "integers", "narrow and far from zero", "missing"]
)
@pytest.mark.parametrize("rows", [400, 60_000])
def test_wasserstein_is_that_of_the_raw_values_where_tails_are_light(shape, rows):
    rng = np.random.default_rng(rows)
    reference = SHAPES[shape](rng, rows)
    current = np.where(rng.random(rows) < 0.3, np.nanquantile(reference, 0.9), SHAPES[shape](rng, rows))
    observed = compared(reference, current).effects["wasserstein"].observed
    low, high = np.nanquantile(reference, [0.25, 0.75])
    if low < high:
        assert observed == pytest.approx(exact.wasserstein(reference, current), rel=0.005, abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_order_of_rows_columns_or_parts_changes_a_verdict(shape):
    rng = np.random.default_rng(5)
    reference = {"a": SHAPES[shape](rng, 3000), "b": rng.normal(size=3000)}
    current = {"a": SHAPES[shape](rng, 2000) * 1.2, "b": rng.normal(size=2000)}
    known = profile_table(reference)
    mixed = rng.permutation(2000)
    parts = [profile_table({k: current[k][at] for k in ("b", "a")}, known) for at in np.array_split(mixed, 7)]
    whole = compare(known, profile_table(current, known))
    for order in (parts, parts[::-1]):
        summed = compare(known, merged(order))
        assert [c.name for c in summed.columns] == [c.name for c in whole.columns]
        assert_same(summed["a"], whole["a"])
        assert_same(summed["b"], whole["b"])


def assert_same(one: ColumnDrift, other: ColumnDrift) -> None:
    assert (one.verdict, one.reason, one.words) == (other.verdict, other.reason, other.words)
    for measure, effect in one.effects.items():
        assert effect.value == pytest.approx(other.effects[measure].value, rel=1e-6, abs=1e-9)
        assert effect.low == pytest.approx(other.effects[measure].low, rel=1e-6, abs=1e-9)


def test_a_profile_read_back_compares_as_the_one_written():
    rng = np.random.default_rng(6)
    columns = {name: shape(rng, 3000) for name, shape in SHAPES.items()}
    known = profile_table(columns)
    seen = profile_table({name: values[:1500] for name, values in columns.items()}, known)
    again = compare(Profile.from_bytes(known.to_bytes()), Profile.from_bytes(seen.to_bytes(), known))
    for column in compare(known, seen).columns:
        assert again[column.name].effects["psi"].value == pytest.approx(column.effects["psi"].value, abs=1e-9)
        assert again[column.name].effects["ks"].value == pytest.approx(column.effects["ks"].value, abs=5e-4)


ANY = st.lists(st.floats(width=64), min_size=1, max_size=60).map(np.array)


@settings(max_examples=200, deadline=None)
@given(ANY, ANY, st.integers(1, 40))
def test_any_numbers_at_all_are_measured_as_by_definition(reference, current, times):
    """NaN, infinities, subnormal numbers, the ends of float64, few values or many: no error, no warning."""
    reference, current = np.tile(reference, times), np.tile(current, times)
    column = compared(reference, current)
    for effect in column.effects.values():
        assert not np.isnan([effect.value, effect.low, effect.high]).any()
        assert 0 <= effect.low <= effect.high
    if np.isfinite(reference).any() and "psi" in column.effects:
        assert column.effects["psi"].observed == pytest.approx(exact.psi(reference, current), abs=1e-6)
        assert column.effects["js"].observed == pytest.approx(
            exact.jensen_shannon(reference, current), abs=1e-6
        )
    if "ks" in column.effects:
        assert column.effects["ks"].observed == pytest.approx(
            exact.kolmogorov_smirnov(reference, current), abs=5e-4
        )
