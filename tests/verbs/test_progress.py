"""Progress: a terminal's one line, a log's lines, a notebook's one output."""

import io

import pytest

from mlops_jupyter.verbs import progress as module
from mlops_jupyter.verbs.progress import progress


def test_a_log_gets_a_line_a_stage_and_one_with_the_seconds(capsys):
    with progress("package churn") as report:
        report("schema")
        report("model")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["package churn: schema …", "package churn: model …"]
    assert lines[2].startswith("package churn: ")
    assert "(schema " in lines[2]


def test_work_that_fails_says_where_it_stopped(capsys):
    def work():
        with progress("package churn") as report:
            report("schema")
            raise ValueError("too late")

    with pytest.raises(ValueError, match="too late"):
        work()
    assert capsys.readouterr().err.splitlines()[-1].startswith("package churn: stopped in schema after ")


def test_work_within_work_tells_its_stages_to_the_outer(capsys):
    with progress("outer") as report:
        report("first")
        with progress("inner") as inner:
            inner("second")
    assert "inner" not in capsys.readouterr().err


def test_work_without_stages_says_nothing(capsys):
    with progress("quick"):
        pass
    assert capsys.readouterr().err == ""


def test_a_terminal_rewrites_one_line(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with progress("deploy churn") as report:
        report("load")
        report("warm")
    shown = stream.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert shown.count("\r\033[K") == 3


def test_a_notebook_gets_one_output_that_is_not_rewritten_too_often(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle)

    def display(bundle, raw, display_id):
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    with progress("<package>") as report:
        for i in range(50):
            report(f"stage {i}")
    assert len(shown) == 2, "the first and the last"
    assert "&lt;package&gt;" in shown[-1]["text/html"]
    assert shown[-1]["text/plain"].startswith("<package>: ")


def test_how_far_a_stage_is_shows_while_it_lasts_and_in_no_log(capsys):
    with progress("load churn") as report:
        for second in range(3):
            report("500 requests/s", f"{second} of 3 s")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "load churn: 500 requests/s, 0 of 3 s …"
    assert len(lines) == 2
    assert " of 3 s" not in lines[1]
