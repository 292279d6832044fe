"""Slices: what is let through means what it means in pandas; all else is refused with its place."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capture.slices import parse_slice
from mlops_jupyter.errors import UsageError

TYPES = {
    "origin": pa.string(), "distance": pa.float64(), "hour": pa.int16(), "count": pa.uint64(),
    "night": pa.bool_(), "score.late": pa.float32(), "dep time": pa.int64(),
    "asked": pa.timestamp("us", "UTC"), "planned": pa.timestamp("us"),
    "carrier": pa.dictionary(pa.int8(), pa.string()), "price": pa.decimal128(9, 2),
    "stops": pa.list_(pa.string()), "day": pa.date32(), "nothing": pa.null(),
}  # fmt: skip
JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
VALUES = [
    ("JFK", 700.0, 6, 2**63, True, 0.1, 5, JANUARY, JANUARY.replace(tzinfo=None), "AA", Decimal("9.99"),
     ["ORD"], JANUARY.date(), None),
    ("LGA", 300.0, 23, 1, False, 0.2, 6, FEBRUARY, FEBRUARY.replace(tzinfo=None), "B6", Decimal("20"), [],
     FEBRUARY.date(), None),
    (None,) * len(TYPES),
]  # fmt: skip
ROWS = [dict(zip(TYPES, values, strict=True)) for values in VALUES]
BATCH = pa.RecordBatch.from_pylist(ROWS, pa.schema(TYPES))


def found(text: str) -> str:
    """Return which of the three rows are in a slice: 1 for those that are."""
    slice_ = parse_slice(text)
    slice_.check(BATCH.schema)
    return "".join(str(int(each)) for each in slice_.mask(BATCH).to_pylist())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("origin == 'JFK'", "100"),
        ('"JFK" == origin', "100"),
        ("origin != 'JFK'", "011"),
        ("not origin == 'JFK'", "011"),
        ("origin < 'K'", "100"),
        ("500 < distance", "100"),
        ("500 > distance >= 300", "010"),
        ("distance between 300 and 700", "110"),
        ("distance between 300 and 500 and hour > 1 or night", "110"),
        ("distance not between 300 and 500", "101"),
        ("not distance between 300 and 500 and hour == 6", "100"),
        ("hour in (6, 7)", "100"),
        ("hour not in [6, 7]", "011"),
        ("origin in {'JFK'}", "100"),
        ("hour == 6.0 and hour != 6.5", "100"),
        ("hour < 100000 and hour > -1e300", "110"),
        ("hour < 1000000000000000000000000", "110"),
        ("distance > -1" + "0" * 400, "110"),
        ("count > 9223372036854775807", "100"),
        ("count > -1", "110"),
        ("count == 1", "010"),
        ("count > hour", "100"),
        ("night", "100"),
        ("not night", "011"),
        ("night == False", "010"),
        ("night != 1", "011"),
        ("~(night) & (hour > 1)", "010"),
        ("(hour == 6) | (hour == 23)", "110"),
        ("score.late == 0.1", "100"),
        ("`score.late` > 0.15", "010"),
        ("`dep time` >= 5 and `dep time` <= 5", "100"),
        ("asked >= '2026-01-15T00:00Z'", "010"),
        ("asked == '2026-01-01T01:00+01:00'", "100"),
        ("planned < '2026-01-15'", "100"),
        ("day == '2026-02-01'", "010"),
        ("carrier == 'AA'", "100"),
        ("carrier in ('B6', 'UA')", "010"),
        ("price > 9.98 and price <= 20", "110"),
        ("nothing > 3 or night", "100"),
        ("nothing != 'x'", "111"),
        ("nothing or hour == 6", "100"),
        ("nothing == hour", "000"),
        ("origin is missing", "001"),
        ("distance is not missing", "110"),
        ("distance is None or nothing is nan", "111"),
        ("stops is not missing", "110"),
        ("distance > `dep time`", "110"),
        ("  hour\n == \t6 ", "100"),
        ("+6 == hour", "100"),
    ],
)
def test_it_takes_the_rows_that_it_says(text, rows):
    assert found(text) == rows


def test_times_without_a_zone_are_local(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert found("asked > '2025-12-31T18:59'") == "110"
        assert found("asked > '2025-12-31T19:00'") == "010"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("origin='JFK'", 7, "write == for equal"),
        ("origin === 'JFK'", 10, "write =="),
        ("hour <> 3", 6, "write !="),
        ("hour > 1 && night", 11, "write and"),
        ("hour > 1 AND night", 10, "write and"),
        ("hour > 1 || night", 11, "write or"),
        ("!night", 1, "write not"),
        ("night and", 9, "invalid syntax"),
        ("(hour > 1", 1, "'(' was never closed"),
        ("origin == 'JFK", 11, "unterminated string literal"),
        ("hour", 1, "`hour` holds numbers; compare it with something"),
        ("'JFK'", 1, "a value alone is no condition"),
        ("1 < 2", 1, "1 < 2 looks at no column"),
        ("hour + 1 > 3", 1, "nothing is calculated here"),
        ("hour > 1 & night", 8, "nothing is calculated here"),
        ("origin.startswith('J')", 1, "nothing is called here"),
        ("__import__('os').system('true')", 1, "nothing is called here"),
        ("stops[0] == 'ORD'", 1, "nothing is looked up here"),
        ("f'{origin}' == 'JFK'", 1, "Python is not evaluated here"),
        ("[each for each in origin]", 1, "Python is not evaluated here"),
        ("(lambda: night)", 2, "Python is not evaluated here"),
        ("night if night else hour == 1", 1, "Python is not evaluated here"),
        ("hour == (night and night)", 10, "a condition stands where a value is wanted"),
        ("hour == 1, hour == 2", 1, "several values stand only behind in"),
        ("origin == b'JFK'", 11, "a value alone is no condition"),
        ("hour > 1j", 8, "a value alone is no condition"),
        ("hour == None", 9, "nothing is equal to None; write is missing"),
        ("hour in (1, None)", 13, "nothing is equal to None; write is missing"),
        ("hour in 6", 9, "in needs several values in parentheses"),
        ("hour in ()", 9, "there is nothing in the parentheses"),
        ("hour is 6", 9, "is asks whether a value is missing"),
        ("distance between 3", 1, "between needs two values; write between 100 and 500"),
        ("distance between 3 or 5", 1, "between needs two values"),
        ("-hour == 6", 1, "it makes no condition"),
        ("hour > 1\x00", 9, "it has a null character"),
        ("grüße == 'ä' or orign == 'JFK'", 1, "there is no column 'grüße'"),
        ("origin == 'ä' or orign == 'JFK'", 18, "there is no column 'orign'; did you mean origin"),
        ("origin == 5", 1, "`origin` holds text, and 5 is none; write '5'"),
        ("hour > 'six'", 1, "`hour` holds numbers, and 'six' is none"),
        ("hour == True", 1, "`hour` holds numbers, and True is none"),
        ("night > False", 1, "which have no order"),
        ("night == 2", 1, "`night` holds True and False, and 2 is none"),
        ("asked > 'soon'", 1, "`asked` holds times, and 'soon' is none; write '2026-11-20'"),
        ("asked > 5", 1, "`asked` holds times, and 5 is none"),
        ("planned > '2026-01-01T00:00Z'", 1, "holds times without a zone, and '2026-01-01T00:00Z' has one"),
        ("night and stops == 'ORD'", 11, "`stops` holds what cannot be compared"),
        ("hour > origin", 1, "`hour` numbers and `origin` text cannot be compared"),
        ("asked > planned", 1, "cannot be compared"),
        ("night and origin", 11, "`origin` holds text; compare it with something"),
    ],
)
def test_what_is_none_is_refused_in_one_line_with_its_place(text, at, told):
    with pytest.raises(UsageError) as raised:
        found(text)
    said = str(raised.value)
    assert said.startswith(f"--slice cannot be {text!r}: at column {at}, ")
    assert told in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_at_all_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="--where is empty; write it as origin == 'JFK'"):
        parse_slice(text, "where")


@pytest.mark.parametrize(
    "text", ["hour == 1 or " * 2000 + "night", "(" * 4000 + "night" + ")" * 4000, "not " * 2400 + "night"]
)
def test_what_is_too_long_or_too_deep_is_refused(text):
    with pytest.raises(UsageError) as raised:
        found(text)
    assert len(str(raised.value)) < 300


@given(st.text(string.printable + "äǁ`'", max_size=40))
def test_whatever_is_written_is_a_slice_or_refused(text):
    try:
        rows = found(text)
    except UsageError as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - both ends are right ones
    else:
        assert set(rows) <= {"0", "1"}


# as in pandas

NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([-2.5, 0.0, 0.5, 1e9]))
TEXTS = st.sampled_from(["a", "b", "Ä", ""])
SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
Pair = tuple[str, str]


def alike(*parts: object) -> Pair:
    text = " ".join(map(str, parts))
    return text, text


@st.composite
def comparisons(draw) -> Pair:
    """A condition as we write it and as pandas does."""
    column = draw(st.sampled_from(["x", "n"]))
    low, high = draw(NUMBERS), draw(NUMBERS)
    values = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    word, texts = draw(st.sampled_from(["in", "not in"])), draw(st.lists(TEXTS, min_size=1, max_size=3))
    within = f"({low} <= {column} and {column} <= {high})"
    return draw(
        st.sampled_from([
            alike(column, draw(SIGNS), low), alike(low, draw(SIGNS), column), alike("x", draw(SIGNS), "n"),
            alike(low, "<", column, "<=", high), alike("s", draw(SIGNS), repr(draw(TEXTS))), alike("b"),
            alike("b ==", draw(st.booleans())), alike(column, word, values), alike("s", word, texts),
            (f"{column} between {low} and {high}", within),
            (f"{column} not between {low} and {high}", f"(not {within})"),
            ("x is missing", "x.isna()"), ("s is not missing", "s.notna()"),
        ])
    )  # fmt: skip


def joined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def both(word: str, left: Pair, right: Pair) -> Pair:
        return f"({left[0]} {word} {right[0]})", f"({left[1]} {word} {right[1]})"

    return st.one_of(
        st.builds(both, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(lambda part: (f"not ({part[0]})", f"(not ({part[1]}))"), inner),
    )


FLOATS = st.one_of(st.none(), st.sampled_from([-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, float("inf")]))
CELLS = st.tuples(FLOATS, st.integers(-3, 3), st.one_of(st.none(), TEXTS), st.booleans())


def framed(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["x", "n", "s", "b"]).astype({"x": "float64", "s": "str"})


FRAMES = st.lists(CELLS, min_size=1, max_size=12).map(framed)


@given(FRAMES, st.recursive(comparisons(), joined, max_leaves=5))
def test_it_takes_what_pandas_takes(frame, condition):
    ours, theirs = condition
    expected = frame.query(theirs, engine="python").index
    slice_ = parse_slice(ours)
    slice_.check(pa.Schema.from_pandas(frame))
    assert list(frame.index[slice_.mask(pa.Table.from_pandas(frame)).to_pylist()]) == list(expected)
