"""`%%mlops step` in a notebook: it declares, and the rest of its cell runs as any cell does."""

import io
import traceback
from contextlib import redirect_stdout

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.definition.declared import OPTIONS, parsed_words
from mlops_jupyter.verbs import table
from mlops_jupyter.verbs.steps import StepDeclared


def run(shell, code):
    """Run a cell; return its value, or raise what it raised."""
    with redirect_stdout(io.StringIO()) as shown:
        outcome = shell.run_cell(code)
    outcome.raise_error()
    shell.shown = shown.getvalue()
    return outcome.result


def test_the_rest_of_the_cell_runs_as_usual(shell):
    result = run(shell, "%%mlops step --inputs a.parquet --outputs b.parquet\nrows = 3\n%who_ls\nrows + 1")
    assert result == 4
    assert shell.user_ns["rows"] == 3


def test_what_the_line_says_is_not_shown_above_what_the_cell_shows(shell):
    run(shell, "%%mlops step --after load\nprint('mine')")
    assert shell.shown == "mine\n"


def test_a_cell_that_only_declares_says_what_it_is(shell, workspace):
    (workspace / "there.csv").touch()
    line = f"%%mlops step --inputs there.csv gone.csv {workspace}/*.csv --outputs b.csv --retries 2"
    result = run(shell, line)
    assert isinstance(result, StepDeclared)
    reads = f"there.csv, gone.csv, {workspace}/*.csv"
    assert result.headline == f"this notebook is a step: it reads {reads} and writes b.csv"
    assert result.declared["retries"] == 2
    assert result.absent == ("gone.csv",)


def test_the_rest_may_await(shell):
    assert run(shell, "%%mlops step\nimport asyncio\nawait asyncio.sleep(0)\n'awaited'") == "awaited"


def test_an_error_in_the_rest_has_the_line_where_it_is(shell):
    outcome = shell.run_cell("%%mlops step --after load\nrows = 1\nrows / 0")
    assert isinstance(outcome.error_in_exec, ZeroDivisionError)
    *_, (_, line) = traceback.walk_tb(outcome.error_in_exec.__traceback__)
    assert line == 3


def test_where_magics_are_called_as_functions_it_is_the_same(shell):
    # what a notebook saved as a script does
    with redirect_stdout(io.StringIO()) as shown:
        shell.run_cell_magic("mlops", "step --after load", "rows = 3\nprint(rows)")
    assert shown.getvalue() == "3\n"
    assert shell.user_ns["rows"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--inputs a.csv --ouputs b.csv", "did you mean --outputs"),
        ("a.csv", "step does not know what to do with 'a.csv'"),
        ("--secret token", "wants name=value"),
    ],
)
def test_a_mistake_in_the_line_fails_before_the_rest_runs(shell, words, message):
    with pytest.raises(UsageError, match=message):
        run(shell, f"%%mlops step {words}\nran = True")
    assert "ran" not in shell.user_ns


def test_the_magic_takes_every_option_that_a_pipeline_reads_in_the_line():
    assert {parameter.word for parameter in table.command("step").parameters} == set(OPTIONS)


@pytest.mark.parametrize(
    "words",
    [
        "--inputs a.csv b.csv --outputs c.csv",
        "--inputs a.csv,b.csv --after load,check",
        "--retries 2 --timeout 10m --memory 2GB --cpus 2",
        "--secret token=env:TOKEN --secret key=file:k --variables A B",
        "--kernel python3 --warm pandas",
    ],
)
def test_by_hand_it_means_what_a_pipeline_reads(shell, words):
    assert run(shell, f"%%mlops step {words}").declared == parsed_words(words)


def test_help_is_asked_for_as_of_any_verb(shell):
    assert "Declare a notebook as a step" in str(run(shell, "%mlops step?"))
