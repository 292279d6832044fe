"""A run while it goes on: lines that are rewritten, a log's lines, one output of a notebook."""

import io

import pytest

from mlops_jupyter.verbs import pipeline_live
from mlops_jupyter.verbs.pipeline_live import LogScreen, NotebookScreen, TerminalScreen, text_lines
from mlops_jupyter.verbs.pipeline_report import RunReport
from tests.verbs.pipeline_runs import failed, many, running, succeeded


@pytest.fixture
def unhurried(monkeypatch):
    """Draw every time, however fast the run is told of."""
    monkeypatch.setattr(pipeline_live.Pace, "due", lambda self: True)


def test_a_log_has_a_line_for_each_change_and_none_twice():
    stream = io.StringIO()
    screen = LogScreen(stream)
    screen.show(running())
    screen.show(running())
    screen.end(failed())
    assert stream.getvalue().splitlines() == [
        "delays: skipped: ingest",
        "delays: check succeeded after 2.3 s",
        "delays: features succeeded after 4.2 s",
        "delays: train running: parameter month changed from 1 to 2",
        "delays: not run: evaluate",
        "delays: features stopped after 4.2 s",
        "delays: train failed in cell 4 after 12 s: ValueError: no rows in 2013-02",
    ]


def test_a_log_ends_with_the_report_when_it_will_not_be_returned():
    stream = io.StringIO()
    LogScreen(stream).end(failed(), RunReport(failed()))
    assert "✗ train: ValueError: no rows in 2013-02" in stream.getvalue()


def test_a_terminal_rewrites_its_lines_and_clears_them_at_the_end(unhurried):
    stream = io.StringIO()
    screen = TerminalScreen(stream)
    screen.show(running())
    screen.show(running())
    first, second = stream.getvalue().split("\033[6A\033[J")
    assert first.count("\n") == second.count("\n") == 6
    screen.end(succeeded())
    assert stream.getvalue().endswith("\033[6A\033[J")


def test_a_terminal_shows_the_graph_with_cells_and_seconds():
    lines = text_lines(running(), 40)
    assert lines[0].startswith("delays is running: 3 of 5 steps done")
    assert lines[4].startswith("  ● │ train     running         3/8")
    assert lines[5].startswith("  ○─╯ evaluate  waiting")


def test_a_terminal_that_is_too_low_shows_what_is_not_done():
    lines = text_lines(many(), 10)
    assert len(lines) == 2
    assert lines[1].startswith("  ✗ step_2_2")


def test_a_notebook_rewrites_one_output_and_leaves_one_line(unhurried, monkeypatch):
    shown = shown_in_a_notebook(monkeypatch)
    screen = NotebookScreen()
    screen.show(running())
    screen.show(running())
    screen.end(succeeded())
    assert [how for how, _ in shown] == ["display", "update", "update"]
    assert "<svg" in shown[0][1]["text/html"]
    assert shown[0][1]["text/plain"].startswith("delays is running")
    assert "<svg" not in shown[-1][1]["text/html"]
    assert shown[-1][1]["text/plain"] == "delays: 4 steps ran, 1 skipped in 1 min 15 s"


def test_a_notebook_is_drawn_at_most_four_times_a_second(monkeypatch):
    shown = shown_in_a_notebook(monkeypatch)
    screen = NotebookScreen()
    monkeypatch.setattr(pipeline_live.time, "monotonic", iter([i / 100 + 1 for i in range(100)]).__next__)
    for _ in range(100):
        screen.show(running())
    assert len(shown) == 4


def test_a_notebook_keeps_the_report_of_a_run_that_failed(unhurried, monkeypatch):
    shown = shown_in_a_notebook(monkeypatch)
    screen = NotebookScreen()
    screen.show(running())
    screen.end(failed(), RunReport(failed()))
    assert "Cell 4 of train" in shown[-1][1]["text/html"]
    assert "✗ train: ValueError" in shown[-1][1]["text/plain"]


def test_a_run_that_was_over_at_once_leaves_no_line_in_a_notebook(monkeypatch):
    shown = shown_in_a_notebook(monkeypatch)
    NotebookScreen().end(succeeded())
    assert shown == []


def shown_in_a_notebook(monkeypatch):
    """Return the list that will hold what is displayed."""
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(("update", bundle))

    def display(bundle, raw, display_id):
        shown.append(("display", bundle))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    return shown
