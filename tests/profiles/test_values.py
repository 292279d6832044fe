"""What a column holds is read for what it means, and what cannot be profiled says why."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_jupyter.profiles.profiling import profile_table

NAN = float("nan")
DAY = 86400.0
BERLIN = pd.Series(pd.to_datetime(["2024-07-01 02:00", None])).dt.tz_localize("Europe/Berlin")
UTC_SECONDS = dt.datetime(2024, 7, 1, tzinfo=dt.UTC).timestamp()


def profiled(values, **options):
    data = pd.DataFrame({"x": values}) if not isinstance(values, pa.Array) else pa.table({"x": values})
    return profile_table(data, **options).columns["x"]


@pytest.mark.parametrize(
    ("values", "mean", "missing"),
    [
        (pd.Series([1, 2, None], dtype="Int64"), 1.5, 1),
        (pd.Series([1, 2, None], dtype="UInt8"), 1.5, 1),
        (pd.Series([0.5, None, NAN], dtype="Float64"), 0.5, 2),
        (pd.Series([0.5, None], dtype="Float32"), 0.5, 1),
        (pd.Series([1, 2, None], dtype="int64[pyarrow]"), 1.5, 1),
        (pd.Series([1.0, None], dtype="double[pyarrow]"), 1.0, 1),
        (pd.Series([1, 2.5, None], dtype=object), 1.75, 1),
        (pd.Series([Decimal("1.5"), Decimal(2), None], dtype=object), 1.75, 1),
        (pd.Series([1.0, 0.0, 0.0], dtype=pd.SparseDtype(float, 0.0)), 1 / 3, 0),
        (pd.Series([1.5, 2.5, None]).astype("category"), 2.0, 1),
        (pd.Series(pd.to_timedelta(["1min", None])), 60.0, 1),
        (np.array([1, 2], dtype=np.float16), 1.5, 0),
        (np.array([2**40, 2**40], dtype=np.uint64), 2.0**40, 0),
        (pa.array([Decimal("1.5"), None]), 1.5, 1),
        (pa.array([1.5, None], pa.float16()), 1.5, 1),
        (pa.array([3, None], pa.int8()), 3.0, 1),
        (pa.array([dt.time(0, 1), None]), 60.0, 1),
        (pa.array([90, None], pa.duration("s")), 90.0, 1),
        (pa.array([1.5, 1.5, None]).dictionary_encode(), 1.5, 1),
    ],
)
def test_numbers_of_any_type_are_numbers(values, mean, missing):
    column = profiled(values)
    assert column.kind == "numeric"
    assert (column.mean, column.missing) == (pytest.approx(mean), missing)


@pytest.mark.parametrize(
    "values",
    [
        BERLIN,
        BERLIN.dt.tz_convert("UTC").dt.tz_localize(None),
        BERLIN.astype("datetime64[s, America/New_York]"),
        BERLIN.astype("timestamp[us, tz=Asia/Tokyo][pyarrow]"),
        BERLIN.astype(object),
        pd.Series([dt.date(2024, 7, 1), None], dtype=object),
        pd.Series(pd.PeriodIndex(["2024-07-01", None], freq="D")),
        BERLIN.astype("category"),
        pa.array([dt.date(2024, 7, 1), None]),
        pa.array([dt.date(2024, 7, 1), None], pa.date64()),
        pa.array([dt.datetime(2024, 7, 1, tzinfo=dt.UTC), None], pa.timestamp("ns")),
        np.array(["2024-07-01", "NaT"], dtype="M8[D]"),
        np.array(["2024-07", "NaT"], dtype="M8[M]"),
    ],
)
def test_moments_are_seconds_in_utc_whatever_their_unit_and_zone(values):
    column = profiled(values)
    assert column.kind == "datetime"
    assert (column.minimum, column.missing) == (UTC_SECONDS, 1)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, False, None], dtype=object),
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype="bool[pyarrow]"),
        pd.Series([True, False, None]).astype("category"),
        pa.array([True, False, None]),
        pa.array([True, False, None]).dictionary_encode(),
    ],
)
def test_booleans_are_counted_as_such(values):
    column = profiled(values)
    assert (column.kind, column.levels, column.missing) == ("boolean", {True: 1, False: 1}, 1)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["a", "b", "a", None], dtype=object),
        pd.Series(["a", "b", "a", NAN], dtype=object),
        pd.Series(["a", "b", "a", pd.NA], dtype="string"),
        pd.Series(["a", "b", "a", None], dtype="string[pyarrow]"),
        pd.Series(["a", "b", "a", None], dtype="str"),
        pd.Series(["a", "b", "a", None], dtype="category"),
        pa.array(["a", "b", "a", None]),
        pa.array(["a", "b", "a", None], pa.string_view()),
        pa.array(["a", "b", "a", None], pa.large_string()).dictionary_encode(),
        pa.DictionaryArray.from_arrays([0, 1, 2, 3], ["a", "b", "a", None]),
    ],
)
def test_texts_of_any_type_are_levels(values):
    column = profiled(values)
    assert (column.kind, column.levels, column.missing) == ("categorical", {"a": 2, "b": 1}, 1)


def test_categories_of_whole_numbers_stay_numbers_by_name():
    assert profiled(pd.Series([3, 7, 3]).astype("category")).levels == {3: 2, 7: 1}
    assert profiled(pa.array([3, 7, 3]).dictionary_encode()).levels == {3: 2, 7: 1}


def test_intervals_of_a_cut_are_levels():
    column = profiled(pd.Series(pd.cut([1.0, 2.0, 9.0], [0, 5, 10])))
    assert column.levels == {"(0, 5]": 2, "(5, 10]": 1}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (pd.Series([[1], [2]]), "holds lists (list<item: int64>)"),
        (pd.Series([{"a": 1}, {"a": 2}]), "holds structures (struct<a: int64>)"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "holds maps (map<string, int64>)"),
        (pa.array([b"a"]), "holds bytes"),
        (pd.Series([b"a", b"b"]), "holds bytes"),
        (pd.Series([1j, 2j]), "holds complex numbers"),
        (pd.Series([1, "a"], dtype=object), "holds int and str: 1, 'a'"),
        (pd.Series(["a", 1.5, None], dtype=object), "holds float and str: 1.5, 'a'"),
        (pd.Series([dt.UTC, dt.UTC], dtype=object), "holds timezone: datetime.timezone.utc"),
        (pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2])), "holds structures (struct<left: int64"),
    ],
)
def test_what_cannot_be_profiled_says_why_and_the_rest_is_profiled(values, why):
    frame = {"bad": values, "good": np.arange(float(len(values)))}
    profile = profile_table(frame)
    assert profile.columns["bad"].why.startswith(why)
    assert profile.columns["bad"].rows == len(values)
    assert profile.columns["good"].count == len(values)


def test_a_column_of_nothing_is_missing_everywhere():
    for values in (pd.Series([None, None], dtype=object), pa.nulls(2), pd.Series([NAN, NAN])):
        column = profiled(values)
        assert (column.rows, column.missing, column.count) == (2, 2, 0)


def test_infinite_values_are_counted_apart():
    column = profiled([1.0, np.inf, -np.inf, np.inf])
    assert (column.infinite, column.mean, column.count) == ((1, 2), 1.0, 4)


def test_text_is_told_from_levels_by_how_often_each_is_met():
    random = np.random.default_rng(0)
    names = pd.Series([f"N{number}" for number in range(2000)])
    sentences = pd.Series([f"the {number}. of many words" for number in range(3000)])
    assert profiled(sentences).kind == "text"
    assert profiled(names.sample(100_000, replace=True, random_state=1)).kind == "categorical"
    assert profiled(names.head(60).sample(80, replace=True, random_state=1)).kind == "categorical"
    assert profiled(sentences.astype("category")).kind == "categorical"
    assert profiled(pd.Series(random.permutation(40)).astype(str)).kind == "categorical"


def test_a_schema_says_what_is_categorical():
    sentences = [f"the {number}. of many words" for number in range(300)]
    schema = {"columns": [{"name": "x", "categories": sentences}]}
    assert profiled(sentences).kind == "text"
    assert profiled(sentences, schema=schema).kind == "categorical"


def test_text_has_lengths_and_the_words_that_are_met_most():
    column = profiled([f"Late again {number}" for number in range(1000)])
    assert (column.minimum, column.maximum) == (12.0, 14.0)
    assert column.vocabulary[:2] == ("again", "late")
    assert column.known == 1.0
