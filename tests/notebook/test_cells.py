"""A cell under a magic runs as IPython would run it: values shown, variables kept, its own traceback."""

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.notebook.cells import tracked_cell


def test_variables_stay_in_the_notebook_and_the_last_expression_is_shown(shell, capsys):
    tracked_cell(shell, "rows = 3\nrows * 2\n").run()
    assert shell.user_ns["rows"] == 3
    assert "6" in capsys.readouterr().out


def test_a_semicolon_mutes_the_last_expression(shell, capsys):
    tracked_cell(shell, "21 * 2;\n").run()
    assert "42" not in capsys.readouterr().out


def test_magics_work_inside(shell):
    tracked_cell(shell, "log = %mlops audit\n").run()
    assert shell.user_ns["log"].records == 0


def test_an_exception_goes_through_and_shows_the_cell_alone(shell):
    with pytest.raises(ZeroDivisionError) as failure:
        tracked_cell(shell, "def inner():\n    return 1 / 0\n\ninner()\n").run()
    shown = "\n".join(failure.value._render_traceback_())
    assert "inner" in shown
    assert "cells.py" not in shown


@pytest.mark.parametrize("body", ["rows = = 3", "rows = (3", "  rows = 'open"])
def test_a_cell_that_is_not_python_fails_before_any_run(shell, workspace, body):
    outcome = shell.run_cell(f"%%mlops track\n{body}\n")
    assert isinstance(outcome.error_in_exec, SyntaxError)
    assert body.strip() in "\n".join(outcome.error_in_exec._render_traceback_())
    assert not (workspace / ".mlops").exists()


def test_a_cell_that_awaits_is_refused(shell):
    with pytest.raises(UsageError, match="cannot await"):
        tracked_cell(shell, "await something()\n")
