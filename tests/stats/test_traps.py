"""Every trap that other drift libraries fall into: each has the right answer here, or one clear line.

Each takes the way that users take: a pandas frame, its profile, a comparison. One bad column stands among
good ones, which must be answered for as ever.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import DataError
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.comparing import ColumnDrift, Comparison, compare
from mlops_jupyter.stats.measures import MEASURES
from mlops_jupyter.stats.profiles import Profile

ROWS = 5000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def frame(rng: np.random.Generator, rows: int = ROWS) -> pd.DataFrame:
    """Ten plain columns and the one that a test changes."""
    return pd.DataFrame(
        {
            "x": rng.normal(10, 2, rows),
            **{f"plain {i}": rng.normal(size=rows) for i in range(9)},
            "level": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
        }
    )


def drift(reference: pd.DataFrame, current: pd.DataFrame, measure: str = "psi") -> Comparison:
    known = profile_table(reference)
    return compare(known, profile_table(current, known), measure)


def told(column: ColumnDrift) -> str:
    assert "\n" not in column.reason
    assert column.reason
    return column.reason


def assert_others_ok(comparison: Comparison, *but: str) -> None:
    found = {column.name: column.verdict for column in comparison.columns if column.name not in but}
    assert len(found) >= 9
    assert set(found.values()) == {"OK"}, found


def changed(rng: np.random.Generator, **columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    return frame(rng), frame(rng).assign(**columns)


@pytest.mark.parametrize("measure", MEASURES)
def test_half_of_the_values_missing_is_critical_by_every_measure(rng, measure):
    reference, current = frame(rng), frame(rng)
    current.loc[::2, "x"] = np.nan
    result = drift(reference, current, measure)
    assert result["x"].verdict == "CRITICAL"
    assert result["x"].missing == (0.0, 0.5)
    assert any("missing" in words for words in result["x"].words)
    assert_others_ok(result, "x")


def test_ten_infinite_values_are_told_and_hide_nothing(rng):
    reference, current = frame(rng), frame(rng)
    current.loc[:9, "x"] = np.inf
    result = drift(reference, current)
    assert result["x"].verdict == "WARNING"
    assert "10 infinite values" in told(result["x"])
    assert all(np.isfinite(e.value) and np.isfinite(e.low) for e in result["x"].effects.values())
    assert_others_ok(result, "x")


@pytest.mark.parametrize("measure", MEASURES)
def test_a_constant_column_that_becomes_normal_is_critical_with_finite_numbers(rng, measure):
    reference, current = frame(rng).assign(x=7.0), frame(rng)
    column = drift(reference, current, measure)["x"]
    assert column.verdict == "CRITICAL"
    assert "which all of the reference are" in told(column)
    assert all(np.isfinite(effect.value) for effect in column.effects.values())


def test_a_column_that_becomes_constant_is_critical(rng):
    reference, current = changed(rng, x=10.0)
    result = drift(reference, current)
    assert result["x"].verdict == "CRITICAL"
    assert "is constant now: 10" in told(result["x"])
    assert_others_ok(result, "x")


def test_a_column_that_stays_constant_is_ok(rng):
    reference, current = frame(rng).assign(x=7.0), frame(rng).assign(x=7.0)
    assert drift(reference, current)["x"].verdict == "OK"


def test_an_empty_current_window_is_refused_in_one_line(rng):
    with pytest.raises(DataError, match="the current window has no rows") as refusal:
        drift(frame(rng), frame(rng, 0))
    assert "\n" not in str(refusal.value)


def test_an_empty_reference_is_refused_in_one_line(rng):
    with pytest.raises(DataError, match="the reference has no rows"):
        drift(frame(rng, 0), frame(rng))


@pytest.mark.parametrize("measure", MEASURES)
def test_five_rows_are_inconclusive_in_every_column_and_say_how_many_it_takes(rng, measure):
    result = drift(frame(rng), frame(rng, 5), measure)
    assert {column.verdict for column in result.columns} == {"INCONCLUSIVE"}
    assert all(5 < column.rows_needed < 5000 for column in result.columns)
    assert not result.ok


def test_a_reference_of_five_rows_is_inconclusive_too(rng):
    assert {column.verdict for column in drift(frame(rng, 5), frame(rng)).columns} == {"INCONCLUSIVE"}


@pytest.mark.parametrize("missing", [np.nan, None])
@pytest.mark.parametrize("name", ["x", "level"])
def test_a_column_all_missing_is_critical_and_stops_no_other(rng, name, missing):
    reference, current = frame(rng), frame(rng)
    current[name] = missing
    result = drift(reference, current)
    assert result[name].verdict == "CRITICAL"
    assert result[name].missing == (0.0, 1.0)
    assert "missing" in told(result[name]) + " ".join(result[name].words)
    assert_others_ok(result, name)


@pytest.mark.parametrize("name", ["x", "level"])
def test_a_reference_all_missing_is_told_and_stops_no_other(rng, name):
    reference, current = frame(rng), frame(rng)
    reference[name] = np.nan
    result = drift(reference, current)
    assert result[name].verdict in ("CRITICAL", "INVALID")
    assert result[name].reason
    assert_others_ok(result, name)


def test_a_column_missing_in_both_windows_is_ok(rng):
    reference, current = frame(rng).assign(x=np.nan), frame(rng).assign(x=np.nan)
    result = drift(reference, current)
    assert result["x"].verdict == "OK"
    assert_others_ok(result, "x")


def test_floats_that_arrive_as_strings_are_told_with_one(rng):
    reference, current = frame(rng), frame(rng)
    current["x"] = current["x"].round(2).astype(str)
    result = drift(reference, current)
    assert result["x"].verdict == "INVALID"
    assert "text" in told(result["x"])
    assert re.search(r"'\d+\.\d+'", told(result["x"]))
    assert not result.ok
    assert_others_ok(result, "x")


def test_strings_that_arrive_as_floats_are_told(rng):
    reference, current = frame(rng), frame(rng).assign(level=1.5)
    result = drift(reference, current)
    assert result["level"].verdict != "OK"
    assert told(result["level"])
    assert_others_ok(result, "level")


def test_a_column_that_is_gone_is_invalid_and_not_left_out(rng):
    reference, current = frame(rng), frame(rng).drop(columns="x")
    result = drift(reference, current)
    assert result["x"].verdict == "INVALID"
    assert "is missing: the reference has it" in told(result["x"])
    assert not result.ok
    assert_others_ok(result, "x")


def test_a_column_too_many_is_told(rng):
    reference, current = frame(rng), frame(rng).assign(extra=1.0)
    result = drift(reference, current)
    assert result["extra"].verdict == "INVALID"
    assert "is not in the reference" in told(result["extra"])
    assert_others_ok(result, "extra")


def zoned(rng: np.random.Generator, start: str, zone: str | None, rows: int = ROWS) -> pd.Series:
    moments = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(rng.integers(0, 86_400, rows), unit="s")
    return pd.Series(moments.tz_convert(zone))


def test_datetimes_with_a_time_zone_are_compared(rng):
    reference = frame(rng).assign(x=zoned(rng, "2026-01-05", "America/New_York"))
    same = frame(rng).assign(x=zoned(rng, "2026-01-05", "Asia/Tokyo"))
    later = frame(rng).assign(x=zoned(rng, "2026-01-06", "America/New_York"))
    assert drift(reference, same)["x"].kind == "datetime"
    assert drift(reference, same)["x"].verdict == "OK"
    assert drift(reference, later)["x"].verdict == "CRITICAL"


def test_duplicate_column_names_are_told_and_stop_no_other(rng):
    reference, current = frame(rng), frame(rng)
    twice = pd.concat([current, current[["x"]]], axis=1)
    result = drift(reference, twice)
    assert result["x"].verdict == "INVALID"
    assert "2 columns have this name" in told(result["x"])
    assert_others_ok(result, "x")


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean", "string", "category"])
def test_nullable_columns_are_read_with_what_they_miss(rng, dtype):
    def nullable(shares: list[float], missing: float) -> pd.Series:
        values = pd.Series(rng.choice([0, 1], ROWS, p=shares))
        values = values.astype("string" if dtype in ("string", "category") else dtype).astype(dtype)
        return values.mask(rng.random(ROWS) < missing)

    reference = frame(rng).assign(x=nullable([0.5, 0.5], 0.1))
    same, other = (frame(rng).assign(x=nullable(*how)) for how in (([0.5, 0.5], 0.1), ([0.9, 0.1], 0.1)))
    result = drift(reference, same)
    assert result["x"].verdict == "OK"
    assert result["x"].missing == (pytest.approx(0.1, abs=0.02), pytest.approx(0.1, abs=0.02))
    assert drift(reference, other)["x"].verdict == "CRITICAL"


@pytest.mark.parametrize("measure", ["psi", "ks", "js", "wasserstein", "mean"])
@pytest.mark.parametrize("where", ["current", "reference", "both"])
def test_one_outlier_of_a_million_hides_no_drift(rng, measure, where):
    reference, current = frame(rng), frame(rng)
    current["x"] += 0.7 * 2
    clean = drift(reference, current, measure)["x"]
    if where != "reference":
        current.loc[0, "x"] = 1e6
    if where != "current":
        reference.loc[0, "x"] = 1e6
    column = drift(reference, current, measure)["x"]
    assert clean.verdict in ("WARNING", "CRITICAL")
    if measure != "mean":  # a mean is what it is, and one value moves it
        assert column.verdict == clean.verdict
        assert column.selected.value == pytest.approx(clean.selected.value, rel=0.02)


@pytest.mark.parametrize("where", ["current", "reference"])
def test_one_outlier_of_a_million_makes_no_drift(rng, where):
    reference, current = frame(rng), frame(rng)
    (current if where == "current" else reference).loc[0, "x"] = 1e6
    for measure in MEASURES:
        verdict = drift(reference, current, measure)["x"].verdict
        # a mean that one value moves by half a deviation is known too badly to be called unchanged
        assert verdict == "OK" or (measure == "mean" and verdict == "INCONCLUSIVE"), measure


def test_psi_of_half_a_deviation_with_an_outlier_is_not_that_of_equal_bins(rng):
    """Equal-width bins over both samples give 0.00007 where deciles give about 0.25."""
    reference, current = frame(rng), frame(rng)
    current["x"] += 0.5 * 2
    current.loc[0, "x"] = 1e6
    psi = drift(reference, current)["x"].effects["psi"]
    assert psi.observed == pytest.approx(0.246, abs=0.04)
    assert psi.low > 0.1


@pytest.mark.parametrize("where", ["reference", "current", "both"])
def test_one_missing_value_keeps_kolmogorov_smirnov_as_it_is(rng, where):
    reference, current = frame(rng), frame(rng)
    current["x"] += 2
    if where != "current":
        reference.loc[0, "x"] = np.nan
    if where != "reference":
        current.loc[0, "x"] = np.nan
    effect = drift(reference, current, "ks")["x"].selected
    assert effect.value == pytest.approx(0.38, abs=0.03)
    assert effect.p < 1e-6


@pytest.mark.parametrize("measure", MEASURES)
def test_no_drift_at_all_is_ok_in_every_chunk(rng, measure):
    known = profile_table(frame(rng))
    for _ in range(4):
        comparison = compare(known, profile_table(frame(rng, 2500), known), measure)
        assert {column.verdict for column in comparison.columns} == {"OK"}


def test_p_of_kolmogorov_smirnov_is_the_same_however_often_it_is_asked(rng):
    """Sketches that flip coins say 0.016 of a column once, and 0.22 the next time."""
    reference, current = frame(rng, 20_000), frame(rng, 20_000)
    current["x"] += 0.05
    asked = {drift(reference.sample(frac=1, random_state=i), current)["x"].effects["ks"].p for i in range(3)}
    assert len(asked) == 1


def test_a_new_level_is_named(rng):
    reference, current = frame(rng), frame(rng)
    current.loc[:299, "level"] = "d"
    column = drift(reference, current)["level"]
    assert column.verdict in ("WARNING", "CRITICAL")
    assert column.new_levels == [("d", pytest.approx(0.06))]
    assert "`d`" in told(column)


def test_a_level_that_is_gone_is_named(rng):
    reference, current = frame(rng), frame(rng)
    current.loc[current["level"] == "c", "level"] = "a"
    column = drift(reference, current)["level"]
    assert column.verdict in ("WARNING", "CRITICAL")
    assert column.vanished == ["c"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([[1, 2]] * ROWS, id="lists"),
        pytest.param([{"a": 1}] * ROWS, id="dicts"),
        pytest.param([1, "a"] * (ROWS // 2), id="mixed"),
        pytest.param([b"\x00\xff"] * ROWS, id="bytes"),
        pytest.param([1 + 2j] * ROWS, id="complex"),
        pytest.param([object()] * ROWS, id="objects"),
        pytest.param([10**400] * ROWS, id="integers without end"),
    ],
)
def test_a_column_of_what_nobody_can_compare_stops_no_other(rng, values):
    reference, current = changed(rng, x=pd.Series(values))
    for pair in ((reference, current), (current, reference), (current, current)):
        result = drift(*pair)
        assert result["x"].verdict != "OK"
        assert told(result["x"])
        assert_others_ok(result, "x")


def test_columns_in_another_order_are_the_same_columns(rng):
    reference, current = frame(rng), frame(rng)
    one, other = drift(reference, current), drift(reference, current[current.columns[::-1]])
    assert [c.name for c in one.columns] == [c.name for c in other.columns]
    assert [c.selected.value for c in one.columns] == [c.selected.value for c in other.columns]


def test_two_hundred_columns_that_are_all_bad_are_all_answered_for(rng):
    reference = pd.DataFrame({f"c{i}": rng.normal(size=50) for i in range(200)})
    result = drift(reference, reference.astype(str))
    assert len(result.columns) == 200
    assert {column.verdict for column in result.columns} == {"INVALID"}


VALUE = st.one_of(
    st.none(), st.text(max_size=4), st.booleans(), st.integers(-3, 3), st.floats(width=16), st.dates()
)
LEVELS = st.one_of(
    st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=30),
    st.lists(st.none() | st.booleans(), min_size=1, max_size=30),
    st.lists(st.sampled_from(["a", "b", pd.NA, pd.NaT]), min_size=1, max_size=10),
    st.lists(VALUE, min_size=1, max_size=10),
)


@settings(max_examples=150, deadline=None)
@example(["a"], ["\n"], 20)
@given(LEVELS, LEVELS, st.integers(1, 20))
def test_any_objects_at_all_have_a_verdict_that_survives_being_written(reference, current, times):
    known = profile_table({"x": np.array([*reference, None] * times, dtype=object)})
    seen = profile_table({"x": np.array([*current, None] * times, dtype=object)}, known)
    column = compare(known, seen)["x"]
    assert all(0 <= effect.low <= effect.high for effect in column.effects.values())
    assert "\n" not in column.reason
    again = Profile.from_bytes(known.to_bytes())
    read = compare(again, Profile.from_bytes(seen.to_bytes(), again))["x"]
    assert (read.verdict, read.reason) == (column.verdict, column.reason)
