"""Whether all columns together tell two windows apart: power, false alarms, and which columns are named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.auc import area_between
from mlops_jupyter.stats.multivariate import pca_error, two_sample_test
from mlops_jupyter.stats.pooling import MOST_LEVELS, MOST_ROWS, pooled


@pytest.fixture(autouse=True)
def one_thread():
    """Small fits: threads cost more than they save, and tests share the processors."""
    with threadpool_limits(1):
        yield


def normal(rng: np.random.Generator, rows: int, columns: int = 4) -> dict[str, np.ndarray]:
    return {f"x{i}": rng.normal(size=rows) for i in range(columns)}


def lists() -> np.ndarray:
    values = np.empty(60, object)
    values[:] = [[1]] * 60
    return values


def correlated(rng: np.random.Generator, rows: int, by: float) -> dict[str, np.ndarray]:
    """Four normal columns of one common part."""
    common = rng.normal(size=rows)
    return {f"x{i}": by**0.5 * common + (1 - by) ** 0.5 * rng.normal(size=rows) for i in range(4)}


class TestArea:
    @given(
        st.lists(st.integers(0, 12), min_size=2, max_size=40),
        st.lists(st.integers(0, 12), min_size=2, max_size=40),
    )
    def test_is_the_share_of_ordered_pairs_with_ties_as_half(self, first, second):
        area = area_between(np.array(first, float), np.array(second, float)).value
        labels = [0] * len(first) + [1] * len(second)
        assert area == pytest.approx(roc_auc_score(labels, first + second), abs=1e-12)
        assert area == pytest.approx(
            mannwhitneyu(second, first).statistic / len(first) / len(second), abs=1e-12
        )

    def test_has_delongs_variance_as_its_definition_gives_it(self):
        rng = np.random.default_rng(0)
        first, second = rng.integers(0, 9, 31).astype(float), rng.integers(2, 11, 22).astype(float)
        above = (second[:, None] > first) + 0.5 * (second[:, None] == first)
        expected = above.mean(axis=1).var(ddof=1) / 22 + above.mean(axis=0).var(ddof=1) / 31
        assert area_between(first, second).variance == pytest.approx(expected, rel=1e-12)

    def test_varies_by_chance_as_mann_and_whitney_say(self):
        rng = np.random.default_rng(1)
        areas = [
            area_between(rng.integers(0, 4, 40) * 1.0, rng.integers(0, 4, 60) * 1.0) for _ in range(2000)
        ]
        expected = np.mean([area.chance_variance for area in areas])
        assert np.var([area.value for area in areas]) == pytest.approx(expected, rel=0.1)

    def test_of_equal_scores_is_a_coins_and_varies_by_nothing(self):
        area = area_between(np.ones(5), np.ones(7))
        assert (area.value, area.variance, area.chance_variance) == (0.5, 0, 0)


class TestTwoSampleTest:
    def test_raises_a_false_alarm_no_more_often_than_its_p_says(self):
        """60 pairs of windows without a difference: more than 8 with p < 0.05 have a probability of 0.001."""
        rng = np.random.default_rng(7)
        results = [two_sample_test(normal(rng, 150), normal(rng, 150), seed) for seed in range(60)]
        assert sum(r.p < 0.05 for r in results) <= 8
        assert sum(r.low > 0.5 for r in results) <= 6
        assert np.mean([r.auc for r in results]) == pytest.approx(0.5, abs=0.02)

    def test_sees_a_column_that_moved_and_names_it_first(self):
        rng = np.random.default_rng(2)
        now = normal(rng, 2000)
        now["x2"] += 0.5
        result = two_sample_test(normal(rng, 2000), now)
        assert result.features[0].name == "x2"
        assert result.low > 0.55
        assert result.p < 1e-6

    def test_knows_the_auc_of_a_normal_column_that_moved(self):
        """By 1 sd: Phi(1 / sqrt(2)) = 0.760, the best that any classifier does."""
        rng = np.random.default_rng(3)
        result = two_sample_test({"x": rng.normal(0, 1, 8000)}, {"x": rng.normal(1, 1, 8000)})
        assert result.low < 0.760 < result.high + 0.01
        assert result.auc == pytest.approx(0.760, abs=0.015)

    def test_sees_columns_that_look_as_before_one_by_one(self):
        rng = np.random.default_rng(4)
        was, now = normal(rng, 3000), normal(rng, 3000)
        now["x1"] = np.abs(now["x1"]) * np.sign(now["x0"])
        result = two_sample_test(was, now)
        assert result.low > 0.6
        assert {one.name for one in result.features} == {"x0", "x1"}

    def test_names_columns_that_say_the_same_together(self):
        rng = np.random.default_rng(5)
        was, now = normal(rng, 1500, 2), normal(rng, 1500, 2)
        now["x0"] += 1
        was["miles"], now["miles"] = np.exp(was["x0"]), np.exp(now["x0"])
        assert [one.name for one in two_sample_test(was, now).features] == ["x0 + miles"]

    def test_names_nothing_where_nothing_tells_the_windows_apart(self):
        rng = np.random.default_rng(6)
        result = two_sample_test(normal(rng, 400), normal(rng, 400))
        assert result.features == ()
        assert result.low < 0.5 < result.high

    def test_sees_levels_and_missing_values(self):
        rng = np.random.default_rng(8)
        was, now = normal(rng, 1000), normal(rng, 1000)
        was["origin"] = rng.choice(np.array(["JFK", "EWR", None], object), 1000, p=[0.6, 0.3, 0.1])
        now["origin"] = rng.choice(np.array(["JFK", "EWR", None], object), 1000, p=[0.3, 0.6, 0.1])
        now["x3"][rng.random(1000) < 0.4] = np.nan
        assert {one.name for one in two_sample_test(was, now).features} == {"origin", "x3"}

    def test_is_the_same_for_the_same_seed(self):
        rng = np.random.default_rng(9)
        was, now = normal(rng, 300), normal(rng, 300)
        assert two_sample_test(was, now, seed=3) == two_sample_test(was, now, seed=3)

    def test_bounds_windows_that_are_wholly_apart(self):
        result = two_sample_test({"x": np.zeros(200)}, {"x": np.ones(200)})
        assert result.auc == result.high == 1
        assert 0.99 < result.low < 1
        assert result.p < 1e-6

    def test_reads_no_more_rows_than_it_says(self):
        rng = np.random.default_rng(10)
        both = pooled(normal(rng, MOST_ROWS + 5), normal(rng, 100), rng, 50)
        assert both.sizes == (MOST_ROWS, 100)
        wide = {f"x{i}": np.arange(9_000.0) for i in range(1000)}
        assert pooled(wide, wide, rng, 50).sizes == (2000, 2000)


class TestColumnsThatAreHardToCompare:
    """One bad column never stops the others, and never goes in silence."""

    def with_column(self, was, now) -> dict[str, str]:
        rng = np.random.default_rng(0)
        return two_sample_test({**normal(rng, 60, 2), "c": was}, {**normal(rng, 60, 2), "c": now}).left_out

    @pytest.mark.parametrize(
        ("was", "now", "why"),
        [
            (
                np.arange(60.0),
                np.array(["3.1"] * 60, object),
                "is text in the current window and numbers in the",
            ),
            (np.full(60, np.nan), np.full(60, None), "is missing in every row"),
            (np.ones(60), np.ones(60), "has the same value in every row"),
            (np.array(["a"] * 60, object), np.array(["a"] * 60, object), "has the same value in every row"),
            (lists(), lists(), "holds values of type list"),
            (np.arange("2026-01-01", "2026-03-02", dtype="M8[D]"),) * 2 + ("holds times",),
            (np.array([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * 60, object),) * 2 + ("holds times",),
        ],
    )
    def test_are_left_out_with_the_reason(self, was, now, why):
        assert why in self.with_column(was, now)["c"]

    def test_of_one_window_alone_are_told(self):
        rng = np.random.default_rng(0)
        was, now = normal(rng, 60, 3), normal(rng, 60, 2)
        now["new"] = now["x0"]
        told = two_sample_test(was, now).left_out
        assert told == {"x2": "is not in the current window", "new": "is not in the reference"}

    @pytest.mark.parametrize(
        "values",
        [
            np.array([np.inf, -np.inf, np.nan, 1e308, 5e-324, 3.0] * 10),
            np.array([Decimal("1.5"), None, 2, True, 3.5, float("nan")] * 10, object),
            np.array([pd.NA, "a", "b", None, float("nan"), "c"] * 10, object),
            np.array([True, False] * 30),
            np.array([f"order {i}" for i in range(60)], object),
            pd.array([1.5, None, 2.5] * 20, dtype="Float64").astype(object),
            np.full(60, np.nan),
        ],
    )
    def test_take_part_whatever_their_values(self, values):
        varied = np.array([1.0, 2.0] * 30)
        was = {"x": varied, "c": varied if values.dtype == float and np.isnan(values).all() else values}
        result = two_sample_test(was, {"x": varied, "c": values})
        assert result.left_out == {}
        assert 0 <= result.low <= result.auc <= result.high <= 1
        assert np.isfinite(pca_error(was, {"x": varied, "c": values}).value)

    def test_of_many_levels_keep_the_frequent_ones_and_text_its_length(self):
        rng = np.random.default_rng(0)
        zipf = np.minimum(rng.zipf(1.3, 4000), 900).astype(str).astype(object)
        text = np.array([f"{i}" * (1 + i % 7) for i in range(4000)], object)
        both = pooled({"city": zipf, "note": text}, {"city": zipf, "note": text}, rng, 50)
        assert both.categorical.tolist() == [True, False]
        assert both.columns["city"].values.max() == MOST_LEVELS


class TestWindowsThatCannotBeCompared:
    @pytest.mark.parametrize("measure", [two_sample_test, pca_error])
    @pytest.mark.parametrize(
        ("was", "now", "line"),
        [
            (
                {"x": np.arange(100.0)},
                {"x": np.arange(5.0)},
                "the current window has 5 rows: too few .* 50 or more",
            ),
            ({"x": np.arange(100.0)}, {"x": np.arange(0.0)}, "the current window has 0 rows"),
            ({}, {"x": np.arange(100.0)}, "the reference has 0 rows"),
            (
                {"x": np.arange(99.0)},
                {"y": np.arange(99.0)},
                "no column to compare: 'x' is not in the current",
            ),
            ({"x": np.arange(99.0), "y": np.arange(98.0)}, {"x": np.arange(99.0)}, "'y' has 98 rows, 'x' 99"),
        ],
    )
    def test_are_refused_in_one_line(self, measure, was, now, line):
        with pytest.raises(DataError, match=line) as refusal:
            measure(was, now)
        assert "\n" not in str(refusal.value)


class TestPcaError:
    def test_raises_a_false_alarm_rarely(self):
        """Three standard errors: in 100 pairs of windows more than 3 have a probability of 0.0002."""
        rng = np.random.default_rng(11)
        pairs = [(correlated(rng, 300, 0.8), correlated(rng, 200, 0.8)) for _ in range(100)]
        assert sum(pca_error(was, now).changed for was, now in pairs) <= 3

    def test_covers_the_references_own_error(self):
        """By its 95 % bounds, in 100 windows: fewer than 88 have a probability of 0.002."""
        rng = np.random.default_rng(12)
        was = correlated(rng, 5_000, 0.8)
        truth = pca_error(was, correlated(rng, 5_000, 0.8)).value
        results = [pca_error(was, correlated(rng, 400, 0.8)) for _ in range(100)]
        assert sum(r.low <= truth <= r.high for r in results) >= 88

    def test_sees_columns_that_no_longer_hang_together(self):
        rng = np.random.default_rng(13)
        result = pca_error(correlated(rng, 2000, 0.8), normal(rng, 500))
        assert result.changed
        assert result.low > result.reference[1]

    def test_sees_columns_that_hang_together_more_than_before(self):
        rng = np.random.default_rng(14)
        result = pca_error(correlated(rng, 2000, 0.6), correlated(rng, 500, 0.95))
        assert result.changed
        assert result.high < result.reference[0]

    def test_is_moved_by_no_outlier(self):
        rng = np.random.default_rng(15)
        was, now = correlated(rng, 2000, 0.8), correlated(rng, 500, 0.8)
        without = pca_error(was, now)
        now["x0"][0], was["x1"][0] = 1e12, np.inf
        result = pca_error(was, now)
        assert result.value == pytest.approx(without.value, abs=0.02)
        assert result.changed == without.changed is False

    def test_knows_what_the_reference_varies_by_in_time(self):
        rng = np.random.default_rng(16)
        seasons = [correlated(rng, 500, by) for by in (0.5, 0.9, 0.5, 0.9, 0.5, 0.9)]
        yearly = {name: np.concatenate([season[name] for season in seasons]) for name in seasons[0]}
        mixed = rng.permutation(3000)
        now = correlated(rng, 500, 0.5)
        wide, narrow = pca_error(yearly, now), pca_error({k: v[mixed] for k, v in yearly.items()}, now)
        assert not wide.changed
        assert narrow.changed

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(50, 120))
    def test_depends_on_no_column_order_and_no_monotone_scale(self, seed, columns, rows):
        rng = np.random.default_rng(seed)
        was, now = normal(rng, rows, columns), normal(rng, rows, columns)
        result = pca_error(was, now)
        turned = pca_error({k: np.exp(was[k]) for k in reversed(was)}, {k: np.exp(now[k]) for k in now})
        assert turned.value == pytest.approx(result.value, rel=1e-6)
