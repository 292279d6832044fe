"""Words become the call of a function: places, options, lists, types, live objects; a mistake is named."""

from typing import Annotated, Literal

import pandas as pd
import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs import command_line, table
from mlops_jupyter.verbs.help import help_for, usage
from mlops_jupyter.verbs.table import read_command
from mlops_jupyter.verbs.types import Assignments, Data, Live, Model, ModelName, Spelled, Target
from mlops_jupyter.verbs.words import NOTHING, read_arguments, read_line

FRAME = pd.DataFrame({"distance": [1], "late": [0]})
SPACE = {"pipe": object(), "train": FRAME, "y": [0], "distance": [1], "names": ["a", "b"]}


def fit(
    model: Live[Model],
    name: ModelName = "churn",
    *,
    data: Live[Data] | None = None,
    target: Live[Target] | None = None,
    limit: int = 3,
    ratio: float = 0.5,
    tags: list[str] | None = None,
    dry_run: bool = False,
    check: bool = True,
    cached: bool | None = None,
    mode: Literal["fast", "slow"] = "fast",
    as_: str | None = None,
):
    """Fit it.

    Parameters
    ----------
    model, name
        What is fitted, and its name.
    limit : int
        The most, over
        two lines.
    """
    return dict(locals())


COMMAND = read_command("fit", "track", fit)


class Notebook:
    def resolve(self, kind, word):
        return SPACE[word.text]

    def variable(self, word):
        return SPACE.get(word.text, NOTHING)

    def run_behind(self, word):
        return None


def call(line):
    words = read_line(line, lambda source: eval(source, dict(SPACE)))
    return command_line.call(command_line.parse(COMMAND, words), Notebook())


def test_the_table_is_made_of_signature_and_docstring():
    by_name = {p.name: p for p in COMMAND.parameters}
    assert by_name["as_"].word == "as"
    assert by_name["tags"].many
    assert by_name["model"].live
    assert by_name["model"].required
    assert by_name["mode"].choices == ("fast", "slow")
    assert by_name["limit"].text == "The most, over two lines."
    assert by_name["name"].text == by_name["model"].text == "What is fitted, and its name."
    assert [p.name for p in COMMAND.positional] == ["model", "name"]


def test_words_without_names_fill_the_places_in_order():
    assert call("pipe delay")["model"] is SPACE["pipe"]
    assert call("pipe delay")["name"] == "delay"
    assert call("--name=delay pipe")["name"] == "delay"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--limit 5", "limit", 5),
        ("--limit -5", "limit", -5),
        ("--ratio=1e-3", "ratio", 0.001),
        ("--ratio -0.5", "ratio", -0.5),
        ("--limit {2 + 3}", "limit", 5),
        ("--tags a,b --tags c", "tags", ["a", "b", "c"]),
        ("--tags {names}", "tags", ["a", "b"]),
        ("--dry-run", "dry_run", True),
        ("--no-check", "check", False),
        ("--dry-run", "cached", None),
        ("--cached", "cached", True),
        ("--no-cached", "cached", False),
        ("--mode slow", "mode", "slow"),
        ("--as '--odd'", "as_", "--odd"),
        ("--as=--odd", "as_", "--odd"),
        ("--as {None}", "as_", None),
        ("--data train --target late", "target", "late"),
        ("--target late --data train", "target", "late"),
        ("--data train --target y", "target", [0]),
        ("--data train --target {distance}", "target", [1]),
    ],
)
def test_an_option_takes_its_value(line, name, value):
    assert call(f"pipe {line}")[name] == value


def test_help_shows_a_switch_that_can_be_refused():
    assert "[--dry-run] [--[no-]check] [--[no-]cached]" in usage(COMMAND)
    assert {"--dry-run", "--[no-]cached"} <= {spelling for spelling, _ in help_for(COMMAND).options}


def test_after_two_dashes_nothing_is_an_option():
    assert call("pipe -- --limit")["name"] == "--limit"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "fit needs MODEL; see: fit --help"),
        ("pipe delay more", "fit does not know what to do with 'more'"),
        ("pipe --limti 3", "fit has no option --limti; did you mean --limit?"),
        ("pipe -x", "fit has no option -x"),
        ("pipe --limit", "--limit needs a value"),
        ("pipe --limit --dry-run", "--limit needs a value"),
        ("pipe --limit many", "--limit wants a whole number, not 'many'"),
        ("pipe --ratio many", "--ratio wants a number, not 'many'"),
        ("pipe --limit 1 --limit 2", "--limit is given 2 times"),
        ("pipe --mode fats", "--mode cannot be 'fats'; did you mean fast?"),
        ("pipe --dry-run=maybe", "--dry-run is a switch"),
        (
            "pipe --data train --target distance",
            "--target distance is both a column of --data and a variable",
        ),
        ("pipe --data train --target lat", "neither a column of the data nor a variable; did you mean late?"),
    ],
)
def test_a_mistake_is_named_before_anything_is_tried(line, message):
    with pytest.raises(UsageError) as failure:
        call(line)
    assert message in str(failure.value)


def arrange(
    *,
    parameters: Annotated[Assignments | None, Spelled("parameter", "p")] = None,
    inputs: list[str] | None = None,
    limit: int = 3,
):
    """Arrange it."""
    return dict(locals())


ARRANGE = read_command("arrange", "track", arrange)


def arranged(line):
    words = read_line(line, lambda source: eval(source, {"month": 2, "given": {"depth": [3, 5]}}))
    return command_line.call(command_line.parse(ARRANGE, words), Notebook())


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("-p month=2", {"month": "2"}),
        ("-p month=2 --parameter depth=5 -p=name=a=b", {"month": "2", "depth": "5", "name": "a=b"}),
        ("-p 'title=a, b' -p empty=", {"title": "a, b", "empty": ""}),
        ("-p month={month}", {"month": "2"}),
        ("-p {given} -p month=2", {"depth": [3, 5], "month": "2"}),
    ],
)
def test_values_by_name_are_gathered(line, values):
    assert arranged(line)["parameters"] == values


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-p month", "--parameter wants name=value, not 'month'"),
        ("-p =2", "--parameter wants name=value, not '=2'"),
        ("-p a=1 -p a=2", "--parameter a is given twice"),
        ("-p", "-p needs a value"),
        ("-q a=1", "arrange has no option -q"),
    ],
)
def test_a_mistake_in_values_by_name_is_named(line, message):
    with pytest.raises(UsageError) as failure:
        arranged(line)
    assert message in str(failure.value)


def test_a_list_takes_the_words_behind_it_where_no_word_stands_alone():
    assert arranged("--inputs a.csv b.csv --limit 4 --inputs c.csv")["inputs"] == ["a.csv", "b.csv", "c.csv"]
    with pytest.raises(UsageError, match="does not know what to do with '5'"):
        arranged("--inputs a.csv --limit 4 5")


def test_help_shows_how_values_by_name_are_written():
    assert usage(ARRANGE).startswith("arrange [-p/--parameter NAME=VALUE]")


def test_a_verb_of_two_words_is_called_by_both():
    name, rest = command_line.verb_of(read_arguments(["pipeline", "runs", "delays"]))
    assert (name, rest[0].text) == ("pipeline runs", "delays")
    assert command_line.verb_of(read_arguments(["audit", "--limit"]))[0] == "audit"


@pytest.mark.parametrize("words", [["pipeline"], ["pipeline", "--help"], ["pipeline", "-h"]])
def test_the_first_word_alone_lists_the_verbs_behind_it(words):
    answer = command_line.run(read_arguments(words), Notebook())
    assert answer.headline == f"pipeline: {table.GROUPS['pipeline']}"
    assert [name for name, _ in answer.verbs] == [n for n in table.MODULES if n.startswith("pipeline ")]
    assert "pipeline run" in str(answer)


def test_a_verb_of_two_words_has_help():
    answer = command_line.run(read_arguments(["pipeline", "run", "--help"]), Notebook())
    assert answer.usage.startswith("pipeline run [FILE] [-p/--parameter NAME=VALUE] [--until STEP]")


def test_an_unknown_second_word_names_the_nearest():
    with pytest.raises(UsageError, match="there is no verb 'pipeline rnu'; did you mean run"):
        command_line.run(read_arguments(["pipeline", "rnu"]), Notebook())
