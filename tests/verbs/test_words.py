"""How a line is split into words, and expressions in braces evaluated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs.words import NOTHING, read_arguments, read_line

SPACE = {"best": "1.2.0", "frame": [1, 2], "n": 3}


def evaluate(source):
    return eval(source, dict(SPACE))


def texts(line):
    return [word.text for word in read_line(line, evaluate)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deploy churn", ["deploy", "churn"]),
        ("--reason 'more rows'", ["--reason", "more rows"]),
        ('--reason "it\'s better"', ["--reason", "it's better"]),
        ('say "a \\"quoted\\" word"', ["say", 'a "quoted" word']),
        ("a'b c'd", ["ab cd"]),
        ("--empty ''", ["--empty", ""]),
        ("--version {best}", ["--version", "1.2.0"]),
        ("--version={best}", ["--version", "1.2.0"]),
        ("v{n + 1}-{best}", ["v4-1.2.0"]),
        ("{{n}}", ["{n}"]),
        ("'{n} rows'", ["3 rows"]),
        ("{ {'a': n}['a'] }", ["3"]),
        ("{'}' + 'x y'}", ["}x y"]),
        ("$HOME $n", ["$HOME", "$n"]),
        ("C:\\data\\x.csv", ["C:\\data\\x.csv"]),
    ],
)
def test_a_line_is_split_and_evaluated(line, expected):
    assert texts(line) == expected


def test_a_word_that_is_wholly_an_expression_is_the_object_itself():
    (word,) = read_line("{frame}", evaluate)
    assert word.value == [1, 2]
    assert word.source == "frame"
    (mixed,) = read_line("x{n}", evaluate)
    assert mixed.value is NOTHING


def test_a_quoted_word_is_never_an_option():
    plain, quoted, negative = read_line("--dry-run '--dry-run' -5", evaluate)
    assert (plain.option, quoted.option, negative.option) == (True, False, False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("say 'open", 'the quote that opens at "\'open" is never closed'),
        ("{open", "the { at '{open' is never closed"),
        ("open}", "a } without its {"),
        ("{nowhere}", "{nowhere} could not be evaluated: NameError"),
        ('{"a": 1}', '{"a": 1} could not be evaluated: SyntaxError'),
        ("{}", "{} could not be evaluated"),
        ("{1/0}", "{1/0} could not be evaluated: ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_read_is_named(line, message):
    with pytest.raises(UsageError) as failure:
        read_line(line, evaluate)
    assert message in str(failure.value)


def test_a_shell_has_split_already_and_braces_mean_nothing_there():
    words = read_arguments(["--reason={n} 'x'", "a b"])
    assert [word.text for word in words] == ["--reason", "{n} 'x'", "a b"]


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="'\"{}\\\n\r"), min_size=1), min_size=1))
def test_every_word_without_marks_comes_back_from_between_quotes(words):
    line = " ".join(f"'{word}'" for word in words)
    assert [word.text for word in read_line(line, evaluate)] == words


@given(st.text())
def test_any_line_is_read_or_refused_in_words(line):
    try:
        words = read_line(line, lambda source: source)
    except UsageError:
        return
    assert all(isinstance(word.text, str) for word in words)
