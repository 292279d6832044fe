"""What changed is said in short sentences with units; of what chance explains nothing is said."""

from collections import Counter

import numpy as np
import pytest

from mlops_jupyter.stats.categorical_profile import categorical_profile
from mlops_jupyter.stats.comparing import compare
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.profiles import Profile

ROWS = 20_000


@pytest.fixture
def rng():
    return np.random.default_rng(23)


def said(before, now, name="x", kind="numeric"):
    reference = reference_profile(np.asarray(before, dtype=float), kind)
    counter = NumericCounter(reference.edges, kind)
    counter.add(np.asarray(now, dtype=float))
    return compare(Profile({name: reference}, len(before)), Profile({name: counter.profile()}, len(now)))[
        name
    ].words


def said_of_levels(before, now, kind="categorical"):
    reference = categorical_profile(Counter(before), 0, kind=kind)
    current = categorical_profile(Counter(now), 0, reference)
    return compare(Profile({"x": reference}, len(before)), Profile({"x": current}, len(now)))["x"].words


def test_hours_move_later(rng):
    words = said(rng.integers(5, 20, ROWS), rng.integers(6, 22, ROWS), "dep_hour")
    assert words[0] == "`dep_hour` moved later by 1.4 h (median 12 to 13)"
    assert words[1].endswith("out of the reference's range, 5 to 19")


def test_datetimes_move_by_days(rng):
    words = said(
        1.38e9 + rng.random(ROWS) * 2.6e6, 1.38e9 + 2.6e5 + rng.random(ROWS) * 2.6e6, "when", "datetime"
    )
    assert words[0].startswith("`when` moved later by 2.9 days (median 2013-10-09 ")


def test_texts_grow_by_characters(rng):
    assert said(rng.poisson(50, ROWS), rng.poisson(60, ROWS), "note", "text")[0].startswith(
        "`note` moved up by 10 characters"
    )


def test_minutes_have_their_unit(rng):
    assert said(rng.normal(100, 20, ROWS), rng.normal(80, 20, ROWS), "air_minutes")[0].startswith(
        "`air_minutes` moved down by 20 min"
    )
    assert " min (median " in said(rng.normal(100, 20, ROWS), rng.normal(80, 20, ROWS), "air_minutes")[0]


def test_a_wider_spread_and_heavier_tails_are_told_apart(rng):
    assert said(rng.normal(size=ROWS), 1.6 * rng.normal(size=ROWS))[0].startswith(
        "`x` is spread 1.58 times as wide"
    )
    assert "the tails of `x` are heavier" in said(rng.normal(size=ROWS), rng.standard_t(2, ROWS))


def test_medians_far_from_zero_are_told_apart(rng):
    words = said(1e6 + 1e-3 * rng.normal(size=ROWS), 1e6 + 1e-3 * rng.normal(size=ROWS) + 1e-3)
    assert words[0].endswith("(median 1,000,000 to 1,000,000.001)")


def test_medians_are_as_far_apart_as_is_said(rng):
    words = said(rng.normal(1012.4, 8, ROWS), rng.normal(1015.3, 8, ROWS))
    assert words[0] == "`x` moved up by 2.9 (median 1,012 to 1,015)"


def test_a_constant_is_said_with_its_value(rng):
    assert said(rng.normal(size=ROWS), np.zeros(ROWS)) == ["`x` is constant now: 0"]
    assert said(np.full(ROWS, 7.0), rng.normal(size=ROWS)) == ["`x` was constant, 7, and varies now"]


def test_missing_and_infinite_values_are_said(rng):
    now = rng.normal(size=ROWS)
    now[:2] = np.inf
    now[2 : ROWS // 4] = np.nan
    assert said(rng.normal(size=ROWS), now)[-2:] == [
        "2 infinite values",
        "`x` is missing in 25 % of the rows, was in 0 %",
    ]


def test_levels_are_named_with_their_shares(rng):
    before = rng.choice(list("ABCDE"), ROWS).tolist()
    now = rng.choice(list("ABCDF"), ROWS, p=[0.4, 0.2, 0.2, 0.15, 0.05]).tolist()
    words = said_of_levels(before, now)
    assert words[0].startswith("new level `F`, 4.7 %")
    assert words[1].startswith("level `E` gone, 2")
    assert words[2] == "`A` 19.7 % to 40.7 %"


def test_many_new_levels_are_counted_together(rng):
    before = rng.choice(list("ABCDE"), ROWS).tolist()
    now = before[: ROWS - 100] + [f"n{n}" for n in range(100)]
    assert said_of_levels(before, now) == ["new levels, 0.5 % together"]


def test_of_a_boolean_one_level_is_enough():
    words = said_of_levels([True] * 3_000 + [False] * 7_000, [True] * 5_000 + [False] * 5_000, "boolean")
    assert words == ["`True` 30 % to 50 %"]


@pytest.mark.parametrize("seed", range(10))
def test_of_chance_nothing_is_said(seed):
    rng = np.random.default_rng(seed)
    assert said(rng.normal(size=2_000), rng.normal(size=1_000)) == []
    letters = list("ABCDE")
    assert said_of_levels(rng.choice(letters, 2_000).tolist(), rng.choice(letters, 1_000).tolist()) == []
