"""Counted against a reference: what changed its type is told, and everything else is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_jupyter.profiles import tallies
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.comparing import compare

NUMBERS = np.arange(100.0)
DAYS = pd.date_range("2024-01-01", periods=100, freq="D")
SENTENCES = [f"sentence of number {number}" for number in range(100)]


def counted(reference, current):
    expected = profile_table({"x": reference, "y": np.arange(len(reference))})
    found = profile_table({"x": current, "y": np.arange(len(current))}, expected)
    assert found.columns["y"].count == len(current)
    return found.columns["x"]


@pytest.mark.parametrize(
    ("reference", "current", "why"),
    [
        (NUMBERS, ["1.5", "abc"], "arrives as text, was numeric: "),
        (NUMBERS, DAYS[:2], "arrives as a date, was numeric: 2024-01-01T00:00:00"),
        (DAYS, [1.5, 2.5], "arrives as numeric, was a date: 1.5"),
        (DAYS, ["2024-01-01"], "arrives as text, was a date: '2024-01-01'"),
        (DAYS, [True, False], "arrives as true or false, was a date: "),
        (["a", "b"] * 50, [1.5, 2.5], "arrives as numeric, was text: 1.5"),
        (["a", "b"] * 50, [True], "arrives as true or false, was text: True"),
        ([True, False] * 50, ["yes"], "arrives as text, was true or false: 'yes'"),
        ([True, False] * 50, [2, 1], "arrives as numeric, was true or false: 2"),
        (SENTENCES, [1.5], "arrives as numeric, was text: 1.5"),
        (NUMBERS, pa.array([[1]]), "holds lists (list<item: int64>)"),
    ],
)
def test_a_column_that_changed_its_type_says_so_with_a_value(reference, current, why):
    assert counted(reference, current).why.startswith(why)


@pytest.mark.parametrize("form", [list, np.array, lambda values: pd.Series(values, dtype="Int64")])
def test_whole_numbers_pass_for_numbers_and_one_and_zero_for_booleans(form):
    assert counted(NUMBERS, form([1, 2])).count == 2
    assert counted([True, False] * 50, form([1, 0, 1])).levels == {True: 2, False: 1}
    assert counted(NUMBERS, [True, False]).mean == 0.5


def test_whole_numbers_are_levels_where_the_reference_has_whole_numbers_as_levels():
    reference = pd.Series([3, 7] * 50).astype("category")
    assert counted(reference, [3, 3, 9]).levels == {3: 2, 7: 0}
    assert counted(reference, [3.0, np.nan]).missing == 1
    assert counted(reference, [3.5]).why == "arrives as numeric, was text: 3.5"


def test_a_category_of_numbers_is_numbers_where_the_reference_has_numbers():
    assert counted(NUMBERS, pd.Series([3, 7, None]).astype("Int64").astype("category")).mean == 5.0


@pytest.mark.parametrize("reference", [NUMBERS, DAYS, ["a", "b"] * 50, [True, False] * 50, SENTENCES])
def test_nothing_but_missing_values_is_counted_as_missing_whatever_the_type_was(reference):
    for current in (pd.Series([None, None], dtype=object), pa.nulls(2), [np.nan, np.nan]):
        column = counted(reference, current)
        assert getattr(column, "why", "") == ""
        assert (column.rows, column.missing) == (2, 2)


def test_levels_that_are_new_are_named_and_old_ones_stay():
    column = counted(["a", "b"] * 50, ["a", "c", "c"])
    assert (column.levels, column.new) == ({"a": 1, "b": 0}, {"c": 2})


def test_very_many_new_levels_take_no_more_room(monkeypatch):
    monkeypatch.setattr(tallies, "REMEMBERED", 50)
    column = counted(["a", "b"] * 50, ["a"] * 500 + [f"new {number}" for number in range(1000)] + ["b"])
    assert column.levels["a"] == 500
    assert column.count == 1501
    assert column.unknown + sum(column.levels.values()) == 1501


def test_levels_of_the_reference_are_not_forgotten_among_many_new_ones(monkeypatch):
    monkeypatch.setattr(tallies, "REMEMBERED", 50)
    batches = pa.table({"x": ["b"] + [f"new {number}" for number in range(5000)]}).to_reader(500)
    found = profile_table(batches, profile_table({"x": ["a", "b"] * 50}))
    assert found.columns["x"].levels == {"a": 0, "b": 1}


def test_text_counts_the_words_that_the_reference_knows():
    column = counted(SENTENCES, ["sentence of number 7", "wholly unheard things"])
    assert column.words == (4, 7)
    assert column.known == pytest.approx(4 / 7)


def test_columns_that_the_data_lacks_or_has_beside_are_told_by_comparing():
    many = np.arange(20_000.0)
    expected = profile_table({"a": many, "b": many})
    found = profile_table({"b": many, "c": many}, expected)
    assert list(found.columns) == ["b", "c"]
    compared = compare(expected, found)
    assert {column.name: column.verdict for column in compared.columns} == {
        "a": "INVALID",
        "b": "OK",
        "c": "INVALID",
    }
    assert compared["a"].reason == "is missing: the reference has it"
    assert compared["c"].reason == "is not in the reference: there is nothing to compare it with"


def test_a_reference_without_any_of_the_columns_still_counts_the_rows():
    assert profile_table({"b": NUMBERS}, profile_table({"a": NUMBERS})).rows == 100


def test_a_column_that_the_reference_could_not_read_stays_unread():
    expected = profile_table({"x": pa.array([[1]] * 3), "y": [1, 2, 3]})
    found = profile_table({"x": [1, 2, 3], "y": [1, 2, 3]}, expected)
    assert found.columns["x"].why.endswith("holds lists (list<item: int64>)")


def test_parts_of_a_window_merge_to_the_whole():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": random.normal(size=500),
            "s": random.choice(list("abc"), 500),
            "t": [f"sentence of number {number}" for number in range(500)],
        }
    )
    reference = profile_table(frame.head(300))
    whole = profile_table(frame, reference)
    parts = [profile_table(frame.iloc[at : at + 100], reference) for at in range(0, 500, 100)]
    merged = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3]).merge(parts[4])
    assert np.array_equal(merged.columns["x"].counts, whole.columns["x"].counts)
    assert merged.columns["s"].levels == whole.columns["s"].levels
    assert merged.columns["t"].words == whole.columns["t"].words
