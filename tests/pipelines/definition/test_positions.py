from __future__ import annotations

import string
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.pipelines.definition.positions import PipelineError, Place, parsed

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLAIN = st.none() | st.booleans() | st.integers() | st.text(string.ascii_letters + " :-#é", max_size=9)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=5)
DATA = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def places(value: Any, place: Place = ()) -> list[tuple[Place, Any]]:
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [(place, value), *(found for key, item in items for found in places(item, (*place, key)))]


@patient
@given(data=DATA, flow=st.booleans())
def test_values_come_back_as_they_were_written(data, flow):
    assert parsed(yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True), "p.yaml").data == data


@patient
@given(data=st.dictionaries(NAMES, DATA, min_size=1, max_size=3), flow=st.booleans())
def test_every_value_stands_where_it_is_said_to(data, flow):
    text = yaml.safe_dump(data, default_flow_style=flow)
    document = parsed(text, "p.yaml")
    lines = text.splitlines()
    for place, value in places(data):
        line, column = document.values[place]
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        if isinstance(value, int | bool) and not isinstance(value, str):
            assert rest.lower().startswith(str(value).lower())
    for place, (line, column) in document.keys.items():
        assert lines[line - 1][column - 1 :].lstrip("'\"? ").startswith(str(place[-1]))


@patient
@given(st.text(max_size=40))
def test_any_text_is_values_or_one_clear_error(text):
    assert told_or_read(text)


def told_or_read(text: str) -> str:
    try:
        return repr(parsed(text, "p.yaml").data)
    except PipelineError as error:
        return str(error)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2013-01-01", "2013-01-01"),
        ("01:30", "01:30"),
        ("1e-3", 0.001),
        ("010", 10),
        ("0x1f", 31),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("-.inf", float("-inf")),
        ("1_000", "1_000"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(written, value):
    assert parsed(f"a: {written}", "p.yaml").data == {"a": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\tb: 1", "p.yaml:2:1: lines are indented with spaces"),
        ("a: |\n\tx", "p.yaml:2:1: lines are indented with spaces"),
        ('a: 1\nb: "x\nc: 3\n', "p.yaml:2:4: this quote is never closed"),
        ("a: @date(%Y)", "p.yaml:1:4: a text that begins with @"),
        ("a: {b: [1, 2}", "p.yaml:1:13: a list is not closed"),
        ("a: b: c", "p.yaml:1:5: a colon too many"),
        ("a: 1\n b: 2", "p.yaml:2:3: "),
        ("a: *x", "p.yaml:1:4: there is no anchor"),
        ("a: \x01", "p.yaml:1:4: a character that YAML has no place for"),
        ("a: &x [*x]", "p.yaml:1:1: it is nested too deep, or holds itself"),
    ],
)
def test_what_is_no_yaml_is_told_with_line_and_column_in_plain_words(text, said):
    with pytest.raises(PipelineError) as caught:
        parsed(text, "p.yaml")
    assert str(caught.value).startswith(said)


def test_aliases_that_stand_for_billions_of_values_are_refused():
    rows = "\n".join(f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12))
    with pytest.raises(PipelineError, match="more than 100,000 values"):
        parsed(f"a0: &a0 1\n{rows}", "p.yaml")


def test_merged_keys_stand_under_those_given_anew():
    text = "base: &base {retries: 1, timeout: 5m}\na: {<<: *base, retries: 2}"
    assert parsed(text, "p.yaml").data["a"] == {"retries": 2, "timeout": "5m"}


def test_the_sign_of_a_merge_in_quotes_is_a_key_like_others():
    assert parsed('a: {"<<": x, <<: {b: 1}}', "p.yaml").data == {"a": {"<<": "x", "b": 1}}


@pytest.mark.parametrize("key", ["[1, 2]", "{b: 1}"])
def test_a_key_that_is_no_word_is_noted(key):
    document = parsed(f"b: 1\n? {key}\n: 2", "p.yaml")
    assert document.data == {"b": 1}
    assert [(problem.position, problem.text) for problem in document.problems] == [
        ((2, 3), "a key is one word, no list and no mapping")
    ]


def test_a_key_that_stands_twice_is_noted_with_both_lines():
    document = parsed("a: 1\nb: 2\na: 3", "p.yaml")
    assert [(problem.position, problem.text) for problem in document.problems] == [
        ((3, 1), "a: stands here twice, first in line 1")
    ]
