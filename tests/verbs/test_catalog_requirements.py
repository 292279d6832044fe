from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlops_jupyter.errors import RefusedError, UsageError
from mlops_jupyter.verbs.requirements import COMPARISONS, Requirement, demand, miss, read_requirement

NAMES = st.from_regex(r"[A-Za-z_@.][\w @./-]{0,20}[\w@]", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(NAMES, st.sampled_from(sorted(COMPARISONS)), NUMBERS, st.sampled_from(["", " ", "  "]))
def test_what_is_written_is_read(metric: str, comparison: str, bar: float, space: str):
    read = read_requirement(f"{space}{metric}{space}{comparison}{space}{bar!r}{space}")
    assert read == Requirement(metric, comparison, bar)


@given(st.text(max_size=20))
def test_any_text_is_a_requirement_or_refused(text: str):
    try:
        read = read_requirement(text)
    except UsageError:
        return
    assert math.isfinite(read.bar)
    assert read.metric.strip() == read.metric != ""


@pytest.mark.parametrize(
    "text", ["", "accuracy", ">=0.8", "accuracy>=", "accuracy>=x", "a>=nan", "a>=inf", "a=>1"]
)
def test_what_is_none_is_refused_with_an_example(text: str):
    with pytest.raises(UsageError, match=r'write --require "accuracy>=0\.85"'):
        read_requirement(text)


@given(NUMBERS, NUMBERS, st.sampled_from(sorted(COMPARISONS)))
def test_a_bar_is_cleared_or_missed_in_words(value: float, bar: float, comparison: str):
    requirement = Requirement("accuracy", comparison, bar)
    words = miss(requirement, value)
    assert bool(words) != COMPARISONS[comparison](value, bar)
    assert not words or words.startswith("accuracy is ")


@given(NUMBERS)
def test_no_bar_is_cleared_by_what_is_not_a_number(bar: float):
    assume(bar != 0)
    for comparison in COMPARISONS:
        assert miss(Requirement("accuracy", comparison, bar), math.nan)


def test_every_missed_bar_is_named():
    bars = [read_requirement(text) for text in ("accuracy>=0.9", "loss<0.1", "auc>0.5")]
    metrics = {"on": "test data", "values": {"accuracy": 0.8, "loss": 0.3, "auc": 0.7}}
    with pytest.raises(RefusedError) as refusal:
        demand("churn 1.0.0", bars, metrics)
    assert str(refusal.value) == (
        "churn 1.0.0 is below the bar: accuracy is 0.8, required >= 0.9, 0.1 off; "
        "loss is 0.3, required < 0.1, 0.2 off"
    )
    demand("churn 1.0.0", [], {})
