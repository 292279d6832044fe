"""Words become the call of a function: places, options, lists, types, live objects; a mistake is named."""

from typing import Literal

import pandas as pd
import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs import command_line
from mlops_jupyter.verbs.help import help_for, usage
from mlops_jupyter.verbs.table import read_command
from mlops_jupyter.verbs.types import Data, Live, Model, ModelName, Target
from mlops_jupyter.verbs.words import NOTHING, read_line

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
