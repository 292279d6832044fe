"""The widget in a real JupyterLab with a real kernel: seen, clicked, hidden, outlived by its static twin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.notebook.lab import (
    BROWSER,
    FLAGS,
    choose_theme,
    command,
    open_notebook,
    run_all,
    running_lab,
    write_notebook,
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")

SHOWS = """
from IPython import get_ipython
from mlops_jupyter.notebook.displays import _widgets, make_bundle
from tests.notebook.stand_in_report import StandInReport
get_ipython().display_formatter.mimebundle_formatter.for_type(StandInReport, make_bundle)
def state():
    (widget,) = [w for of_cell in _widgets.values() for w in of_cell if w.comm is not None]
    print("asked", len(report.asked), "following", widget.following, widget.selection["feature"])
"""
FRAMES = """
import numpy as np, pandas as pd
rng = np.random.default_rng(7)
was = pd.DataFrame({"still": rng.normal(size=4000), "moved": rng.normal(size=4000)})
now = pd.DataFrame({"still": rng.normal(size=4000), "moved": rng.normal(1.5, size=4000)})
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, quiet_jupyter):
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def browser():
    expect.set_options(timeout=20_000)  # Lab and its kernel share the machine with other tests
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Where screenshots go: they are looked at, not compared."""
    kept = os.environ.get("MLOPS_TEST_ARTEFACTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook(lab, browser, request):
    """Open a notebook whose last cells are the test's, and run it."""
    folder, address = lab
    pages = []

    def opened(*cells, height=1500):
        name = f"{request.node.name.split('[')[0]}{len(pages)}.ipynb"
        write_notebook(folder / name, SHOWS, *cells)
        page = browser.new_page(viewport={"width": 1240, "height": height})
        pages.append(page)
        open_notebook(page, address, name)
        run_all(page)
        return page

    yield opened
    for page in pages:
        page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll()")
        page.close()


def run_last(page):
    """Run the last cell, and return what it printed."""
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 1e6")
    command(page, "notebook:run-cell")
    return page.locator(".jp-Cell:last-child .jp-OutputArea-output pre").last


def test_it_is_drawn_in_light_and_dark_wide_and_narrow(notebook, pictures):
    page = notebook("StandInReport(every=5)", height=2300)
    widget = page.locator(".mlops-drift")
    expect(widget.locator(".feature")).to_have_count(14)
    widget.locator('[data-feature="dep_hour"]').click()
    for theme in ("Light", "Dark"):
        choose_theme(page, f"JupyterLab {theme}")
        for width, wanted in ((1240, 1056), (520, 400)):
            page.set_viewport_size({"width": width, "height": 2300})
            page.wait_for_timeout(300)  # Lab lays out anew
            assert widget.bounding_box()["width"] == pytest.approx(wanted, abs=8)
            ground, ink = page.evaluate(
                """() => { const style = getComputedStyle(document.querySelector(".mlops-drift"));
                     return [style.backgroundColor, style.color].map(c => Number(c.match(/\\d+/)[0])); }"""
            )
            assert (ground > ink) == (theme == "Light")
            widget.screenshot(path=pictures / f"drift-{theme.lower()}-{wanted}.png")


def test_slider_feature_window_and_measure_do_what_they_say(notebook):
    page = notebook("report = StandInReport()\nreport", "state()")
    widget = page.locator(".mlops-drift")
    temp = widget.locator('[data-feature="temp"]')
    expect(temp.locator(".chip")).to_contain_text("critical")
    widget.locator("input[type=range]").fill("120")
    expect(temp.locator(".chip")).to_contain_text("OK")
    widget.get_by_label("Measure").select_option("ks")
    expect(widget.locator(".scale-name")).to_have_text("KS")
    expect(temp.locator(".chip")).to_contain_text("critical")
    temp.click()
    expect(widget.locator(".told")).to_contain_text("KS 0.210")
    widget.get_by_label("Window", exact=True).select_option(index=2)
    expect(widget.locator(".compared")).to_contain_text("one hour")
    expect(temp.locator(".effect")).to_have_text("0.011")
    expect(run_last(page)).to_contain_text("asked 1 following False temp")

    field = page.get_by_label("Slice")
    field.fill("origin='JFK'")
    field.press("Enter")
    expect(page.locator(".field.slice .problem")).to_contain_text("does not parse at column 8")
    field.fill("origin=='JFK'")
    field.press("Enter")
    expect(page.locator(".field.slice .problem")).to_be_empty()

    active = page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex")
    page.get_by_role("listbox", name="features").focus()
    first = page.locator(".detail h4").inner_text()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".detail h4")).not_to_have_text(first)
    assert page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex") == active


def test_live_follows_while_it_is_seen_and_the_static_twin_comes_back_without_it(notebook):
    page = notebook("report = StandInReport(every=0.2)\nreport", "state()")
    expect(page.locator(".live-place time")).to_be_visible()
    expect(run_last(page)).to_contain_text("following True")
    twin = page.locator("[data-mlops-static]")
    expect(twin).to_have_count(1)
    expect(twin).to_be_hidden()

    # out of sight: nothing follows
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    command(page, "notebook:hide-cell-outputs")
    expect(page.locator(".mlops-drift")).to_be_hidden()
    expect(run_last(page)).to_contain_text("following False")

    # run again: the widget before is closed, and the new one follows
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    command(page, "notebook:show-cell-outputs")
    command(page, "notebook:run-cell")
    expect(page.locator(".live-place time")).to_be_visible()
    expect(run_last(page)).to_contain_text("following True")

    # opened again after the kernel is gone: the static output stands alone
    command(page, "docmanager:save")
    page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll()")
    page.reload()
    expect(page.locator("[data-mlops-static]")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Error displaying widget")).to_be_hidden()
    expect(page.locator(".mlops-drift")).to_have_count(0)


def test_the_verb_shows_the_widget(notebook):
    page = notebook("%load_ext mlops_jupyter", FRAMES, "%mlops drift --reference was --current now")
    widget = page.locator(".mlops-drift")
    expect(widget.locator("h3")).to_contain_text("moved", timeout=30_000)
    assert widget.locator(".feature").first.inner_text().split()[1] == "moved"
    expect(widget.locator('[data-feature="moved"] .chip')).to_contain_text("critical")
    widget.get_by_label("Measure").select_option("ks")
    expect(widget.locator(".told")).to_contain_text("KS")
    expect(widget.get_by_label("Slice")).to_be_hidden()
    expect(page.locator("[data-mlops-static] table").first).to_be_hidden()
