"""The widget's kernel side: what it asks, what it says when that fails, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.notebook import displays
from mlops_jupyter.notebook.assets import drift_module, drift_style
from mlops_jupyter.notebook.drift_widget import DriftWidget
from mlops_jupyter.notebook.following import Follower
from tests.notebook.stand_in_report import StandInReport

LOADS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext mlops_jupyter").raise_error()
assert not {"anywidget", "ipywidgets"} & set(sys.modules)
shell.run_cell("%unload_ext mlops_jupyter").raise_error()
shell.run_cell("%load_ext mlops_jupyter").raise_error()
"""


@pytest.fixture
def report():
    return StandInReport()


@pytest.fixture
def widget(report):
    widget = DriftWidget(report.payload(), report.ask)
    yield widget
    widget.close()


def choose(widget, **part):
    """Do what the browser does: another selection, with the number of the question."""
    asked = widget.selection["asked"] + bool(part.keys() & {"window", "reference", "variant", "slice"})
    widget.set_state({"selection": widget.selection | part | {"asked": asked}})


def test_loading_the_extension_imports_no_widgets(workspace):
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_window_is_asked_and_answered(widget, report):
    window = report.payload()["windows"][3]
    choose(widget, window=window)
    assert report.asked == [{"window": window, "reference": None, "variant": None, "slice": None}]
    assert widget.payload["current"]["since"] == window
    assert widget.answered == 1


def test_another_measure_limit_or_feature_asks_nothing(widget, report):
    choose(widget, measure="ks", limit=0.3, feature="carrier")
    assert report.asked == []
    assert widget.selection["feature"] == "carrier"
    assert widget.answered == 0


def test_a_slice_that_does_not_parse_is_told_at_its_field(widget):
    choose(widget, slice="origin='JFK'")
    assert widget.problem["field"] == "slice"
    assert "column 8" in widget.problem["text"]
    assert widget.answered == 1
    choose(widget, slice="origin=='JFK'")
    assert widget.problem == {}


def test_what_else_goes_wrong_is_told_and_the_payload_stays(report):
    def fails(_):
        raise NotFoundError("nothing was captured in that hour")

    widget = DriftWidget(report.payload(), fails)
    choose(widget, window=report.payload()["windows"][0])
    assert widget.problem == {"field": "", "text": "nothing was captured in that hour"}
    assert widget.payload == report.payload()
    widget.close()


def test_an_error_of_ours_does_not_end_the_widget(report):
    widget = DriftWidget(report.payload(), lambda _: {}["missing"])
    choose(widget, variant="candidate")
    assert widget.problem["text"] == "KeyError: 'missing'"
    assert widget.answered == 1
    widget.close()


def test_two_given_tables_ask_nothing_of_the_kernel(report):
    report.again = None
    widget = displays.widget_in(displays.RunningCell("a cell", "run"), report)
    assert widget.asks is False
    assert widget.live == {}
    choose(widget, slice="a == 1")
    assert "compare others" in widget.problem["text"]
    widget.close()


def test_running_a_cell_again_closes_its_widgets_and_no_others(report):
    names = [("a cell", "1"), ("a cell", "1"), ("another cell", "2"), ("a cell", "3")]
    widgets = [displays.widget_in(displays.RunningCell(*name), report) for name in names]
    assert [widget.comm is None for widget in widgets] == [True, True, False, False]
    for widget in widgets:
        widget.close()


def test_without_a_front_end_that_draws_widgets_there_is_the_static_output_alone(shell, report, capsys):
    bundle = displays.make_bundle(report)
    assert bundle == report._repr_mimebundle_()
    assert capsys.readouterr().out == ""


def test_over_the_widget_stands_the_static_output_that_hides(shell, report, monkeypatch):
    published = []
    monkeypatch.setattr(displays, "cell_with_widgets", lambda: displays.RunningCell("a cell", "1"))
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: published.append(data))
    bundle = displays.make_bundle(report)
    (view,) = published
    assert list(view) == ["application/vnd.jupyter.widget-view+json"]
    assert report._repr_mimebundle_()["text/html"] in bundle["text/html"]
    assert "display:none" in bundle["text/html"]
    assert bundle["text/plain"] == report._repr_mimebundle_()["text/plain"]


def test_a_drift_report_is_recognised_by_its_name_alone(shell):
    formatter = shell.display_formatter.mimebundle_formatter
    assert formatter.lookup_by_type("mlops_jupyter.verbs.drift_report.DriftReport") is displays.make_bundle


def test_the_module_needs_nothing_from_a_network():
    module = drift_module()
    assert "\nimport " not in module
    assert "://" not in module.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in drift_style()
    assert module.count("export ") == 1


# --- live


async def rested(condition, seconds=5.0):
    """Wait until something is so."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come to be"
        await asyncio.sleep(0.005)


def live_tasks():
    return [task for task in asyncio.all_tasks() if "_follow" in repr(task.get_coro())]


def test_a_view_that_is_seen_is_refreshed_and_one_that_is_hidden_has_no_task():
    looks = []

    async def scene():
        follower = Follower(lambda: looks.append(threading.current_thread()), every=0.01)
        assert not follower.running
        follower.saw("a", seen=True)
        await rested(lambda: len(looks) > 2)
        follower.saw("a", seen=False)
        await rested(lambda: not follower.running)
        assert live_tasks() == []

    asyncio.run(scene())
    assert threading.main_thread() not in looks


def test_the_last_of_two_views_decides():
    async def scene():
        follower = Follower(lambda: None, every=0.01)
        follower.saw("a", seen=True)
        follower.saw("b", seen=True)
        follower.saw("a", seen=False)
        await asyncio.sleep(0.05)
        assert follower.running
        assert len(live_tasks()) == 1
        follower.saw("b", seen=False)
        await rested(lambda: not follower.running)

    asyncio.run(scene())


def test_a_page_that_was_closed_without_a_word_is_forgotten():
    async def scene():
        follower = Follower(lambda: None, every=0.01, lease=0.05)
        follower.saw("a", seen=True)
        await rested(lambda: follower.running)
        await rested(lambda: not follower.running)
        assert live_tasks() == []

    asyncio.run(scene())


def test_what_is_closed_never_begins_again():
    async def scene():
        follower = Follower(lambda: None, every=0.01)
        follower.saw("a", seen=True)
        await rested(lambda: follower.running)
        follower.close()
        follower.saw("a", seen=True)
        await asyncio.sleep(0.03)
        assert live_tasks() == []

    asyncio.run(scene())


def test_a_closed_widget_leaves_no_task():
    async def scene():
        report = StandInReport(every=0.01)
        widget = DriftWidget(report.payload(), report.ask, every=report.every)
        widget._handle_custom_msg({"kind": "seen", "view": "a", "seen": True}, [])
        await rested(lambda: len(report.asked) > 1)
        assert widget.following
        assert widget.updated.startswith("20")
        widget.close()
        await rested(lambda: not live_tasks())
        many = len(report.asked)
        await asyncio.sleep(0.05)
        assert len(report.asked) <= many + 1

    asyncio.run(scene())


def test_views_speak_from_any_thread():
    async def scene():
        follower = Follower(lambda: None, every=0.01)
        speaks = threading.Thread(target=follower.saw, args=("a",), kwargs={"seen": True})
        speaks.start()
        speaks.join()
        await rested(lambda: follower.running)
        follower.close()
        await rested(lambda: not live_tasks())

    asyncio.run(scene())
