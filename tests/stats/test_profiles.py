"""Profiles merge as one pass would have counted, and are small when written down."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import NEW, CategoricalProfile, categorical_profile
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.edges import edges_of
from mlops_jupyter.stats.encoding import MAGIC
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import Profile, Unreadable, merged

RNG = np.random.default_rng(3)
EDGES = edges_of(RNG.normal(size=500))
VALUES = arrays(
    np.float64, st.integers(0, 40), elements=st.floats(-1e6, 1e6) | st.just(np.nan) | st.just(np.inf)
)
LEVELS = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "new", "newer"]), st.integers(0, 50))
REFERENCE = categorical_profile({"a": 50, "b": 30, "c": 20, "d": 1})


def counted(values):
    counter = NumericCounter(EDGES)
    counter.add(values)
    return counter.profile()


def told(profile: NumericProfile):
    exact = profile.counts.tolist(), profile.missing, profile.count, profile.infinite, profile.integral
    return exact, [profile.minimum, profile.maximum, profile.mean, profile.m2, *profile.excess]


def alike(one: NumericProfile, other: NumericProfile) -> bool:
    (exact, rounded), (others_exact, others_rounded) = told(one), told(other)
    return exact == others_exact and np.allclose(
        rounded, others_rounded, rtol=1e-9, atol=1e-6, equal_nan=True
    )


def levels_told(profile: CategoricalProfile):
    return profile.levels, profile.missing, profile.count, profile.new, profile.other


@given(VALUES, VALUES, VALUES)
def test_merging_numbers_is_associative_and_commutative_and_equals_one_pass(a, b, c):
    one, two, three = counted(a), counted(b), counted(c)
    left, right = one.merge(two).merge(three), one.merge(two.merge(three))
    whole = counted(np.concatenate([a, b, c]))
    assert all(alike(whole, other) for other in (left, right, three.merge(two).merge(one)))
    assert np.array_equal(left.sample, whole.sample)


@given(LEVELS, LEVELS, LEVELS)
def test_merging_levels_is_associative_and_commutative_and_equals_one_pass(a, b, c):
    one, two, three = (categorical_profile(counts, 1, REFERENCE) for counts in (a, b, c))
    together = {level: sum(part.get(level, 0) for part in (a, b, c)) for level in {**a, **b, **c}}
    whole = categorical_profile(together, 3, REFERENCE)
    assert levels_told(one.merge(two).merge(three)) == levels_told(whole)
    assert levels_told(three.merge(one.merge(two))) == levels_told(whole)


def test_profiles_of_other_edges_are_not_added():
    with pytest.raises(DataError, match="different edges cannot be merged; profile both with one reference"):
        counted(np.ones(3)).merge(reference_profile(np.arange(9.0)))


def test_profiles_of_other_levels_are_not_added():
    with pytest.raises(DataError, match="different levels"):
        REFERENCE.merge(categorical_profile({"x": 1}))


def test_edges_that_are_equal_need_not_be_one_object():
    values = RNG.normal(size=100)
    assert reference_profile(values).merge(reference_profile(values)).count == 200


def test_a_column_that_does_not_fit_together_does_not_stop_the_others():
    one = Profile({"x": counted(np.ones(2)), "y": counted(np.ones(2))}, 2)
    two = Profile(
        {"x": counted(np.ones(3)), "y": Unreadable("y", "arrives as text, was float64: 'abc'", 3)}, 3
    )
    both = one.merge(two)
    assert both.columns["x"].count == 5
    assert both.columns["y"] == Unreadable("y", "arrives as text, was float64: 'abc'", 5)


def test_a_column_that_a_part_lacks_says_so():
    both = Profile({"x": counted(np.ones(2)), "y": counted(np.ones(2))}, 2).merge(
        Profile({"x": counted(np.ones(1))}, 1)
    )
    assert both.columns["y"] == Unreadable("y", "is missing from a part of the window", 2)


def test_numbers_and_levels_of_one_name_do_not_merge():
    both = Profile({"x": counted(np.ones(2))}, 2).merge(Profile({"x": REFERENCE}, 101))
    assert "numeric in one part" in both.columns["x"].why


def test_an_empty_window_changes_nothing():
    both = Profile({"x": counted(np.ones(2))}, 2).merge(Profile())
    assert both.columns["x"].count == both.rows == 2


def test_a_window_of_windows_begins_with_the_first_and_ends_with_the_last():
    start, hour = datetime(2026, 11, 20, 10, tzinfo=UTC), timedelta(hours=1)
    parts = [Profile({}, 1, start + n * hour, start + (n + 1) * hour) for n in (2, 0, 1)]
    whole = merged(parts)
    assert (whole.begun, whole.ended, whole.rows) == (start, start + 3 * hour, 3)


def test_a_profile_alone_is_what_it_was():
    alone = everything()
    assert merged([alone]) is alone


def test_nothing_cannot_be_merged():
    with pytest.raises(DataError, match="no profile to merge"):
        merged([])


def everything():
    text = reference_profile(RNG.poisson(40, 300).astype(float), "text")
    return Profile(
        {
            "numbers": counted(RNG.normal(size=900)),
            "hard": counted(np.array([np.nan, np.inf, -np.inf, 5e-324, -1.7e308])),
            "empty": reference_profile(np.empty(0)),
            "times": reference_profile(1.38e9 + RNG.random(2000) * 1e6, "datetime"),
            "text": NumericProfile(**{**vars_of(text), "words": (7, 9), "vocabulary": ("gate", "late")}),
            "levels": categorical_profile({"a": 3, "ä": 2, "ß" * 200: 1}, 4),
            "current": categorical_profile({"a": 3, "z": 1}, 0, REFERENCE),
            "flag": categorical_profile({True: 3, False: 5}, kind="boolean"),
            "codes": categorical_profile({1: 3, 2: 5}),
            "bad": Unreadable("bad", "arrives as text, was float64: 'abc'", 900),
        },
        900,
        datetime(2026, 11, 20, 10, tzinfo=UTC),
        datetime(2026, 11, 20, 11, tzinfo=UTC),
    )


def vars_of(profile: NumericProfile):
    return {name: getattr(profile, name) for name in profile.__dataclass_fields__}


def same(one, other) -> bool:
    if isinstance(one, NumericProfile):
        mine, others = vars_of(one), vars_of(other)
        edges = mine.pop("edges").digest == others.pop("edges").digest
        sample = others.pop("sample")
        kept = mine.pop("sample")
        raw = sample is None or np.array_equal(sample, kept)
        return (
            edges
            and raw
            and all(
                np.array_equal(mine[name], others[name], equal_nan=name in ("minimum", "maximum", "mean"))
                for name in mine
            )
        )
    return one == other if isinstance(one, Unreadable) else vars(one) == vars(other)


def test_everything_a_profile_has_survives_being_written():
    profile = everything()
    read = Profile.from_bytes(profile.to_bytes())
    assert (read.rows, read.begun, read.ended) == (profile.rows, profile.begun, profile.ended)
    assert list(read.columns) == list(profile.columns)
    assert [name for name in profile.columns if not same(profile.columns[name], read.columns[name])] == []


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(allow_nan=True, allow_infinity=True)))
@settings(max_examples=60)
def test_any_numbers_survive_being_written(values):
    profile = Profile({"x": reference_profile(values)}, len(values))
    assert same(profile.columns["x"], Profile.from_bytes(profile.to_bytes()).columns["x"])


def test_edges_are_left_out_where_the_reference_has_them():
    reference = Profile({"x": reference_profile(RNG.normal(size=50_000))}, 50_000)
    counter = NumericCounter(reference.columns["x"].edges)
    counter.add(RNG.normal(size=20_000))
    hour = Profile({"x": counter.profile()}, 20_000)
    short = hour.to_bytes(with_edges=False)
    assert len(short) < len(hour.to_bytes()) / 3
    read = Profile.from_bytes(short, reference)
    assert read.columns["x"].edges is reference.columns["x"].edges
    assert np.array_equal(read.columns["x"].counts, hour.columns["x"].counts)


def test_edges_that_nobody_has_are_asked_for_by_column():
    short = Profile({"x": counted(np.ones(2))}, 2).to_bytes(with_edges=False)
    with pytest.raises(DataError, match="column 'x' has other edges than the reference"):
        Profile.from_bytes(short, Profile({"x": reference_profile(np.arange(9.0))}, 9))


@pytest.mark.parametrize(
    "data", [b"", b"PAR1 not ours", MAGIC, MAGIC + b"rubbish", everything().to_bytes()[:-9]]
)
def test_what_is_no_profile_says_so_in_one_line(data):
    with pytest.raises(DataError, match=r"no profile|damaged") as told_error:
        Profile.from_bytes(data)
    assert "\n" not in str(told_error.value)


SHAPES = {
    "normal": RNG.normal(size=100_000),
    "cauchy": RNG.standard_cauchy(100_000),
    "few": RNG.normal(size=4_000) * np.exp(RNG.normal(size=4_000) * 50),
    "full sample": RNG.normal(size=10_000),
    "atoms": RNG.integers(0, 4000, 100_000) * np.pi,
    "time stamps": 1.38e9 + RNG.random(100_000) * 3e7,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_column_of_numbers_takes_less_than_40_kb(shape):
    assert len(Profile({"x": reference_profile(SHAPES[shape])}, 1).to_bytes()) < 40_000


def test_a_column_of_many_long_levels_takes_less_than_40_kb():
    names = {"".join(map(chr, RNG.integers(97, 123, 300))): int(n) for n in RNG.integers(10, 1000, 20_000)}
    reference = categorical_profile(names)
    others = categorical_profile({f"{name[:200]}x": n for name, n in names.items()}, 0, reference)
    assert len(Profile({"x": reference}, 1).to_bytes()) < 40_000
    assert len(Profile({"x": others}, 1).to_bytes()) < 40_000


def test_levels_beyond_the_most_frequent_are_counted_together():
    reference = categorical_profile({f"l{n:04}": 5_000 - n for n in range(3_000)})
    assert (len(reference.levels), reference.complete) == (1_000, False)
    assert sum(reference.levels.values()) + reference.other == reference.count


def test_chance_does_not_make_levels_of_a_column_of_names():
    reference = categorical_profile({f"id{n}": 1 for n in range(5_000)})
    assert (reference.levels, reference.other, reference.complete) == ({}, 5_000, False)


def test_new_levels_beyond_the_most_frequent_are_counted_together():
    current = categorical_profile({f"n{n}": n + 1 for n in range(NEW + 50)}, 0, REFERENCE)
    assert len(current.new) == NEW
    assert current.unknown == sum(range(1, NEW + 51))


def test_long_levels_are_kept_by_their_beginning_and_a_digest():
    long = "x" * 500
    reference = categorical_profile({long: 3, long + "y": 4})
    assert len(reference.levels) == 2
    assert max(map(len, reference.levels)) <= 80
    assert categorical_profile({long: 7}, 0, reference).unknown == 0
