"""The picture of a run in Chromium: as wide as there is room, in the page's colours, words over no others."""

import pytest
from playwright.sync_api import sync_playwright

from mlops_jupyter.verbs.pipeline_picture import picture
from tests.notebook.lab import BROWSER, FLAGS
from tests.verbs.pipeline_runs import NOW, failed, matrix, running

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")
PAGE = "<body style='margin:8px;background:{ground};--jp-content-font-color1:{ink}'>{picture}</body>"
OVERLAPS = """() => {
  const shown = [...document.querySelectorAll("svg text")].filter(t => t.getClientRects().length);
  const boxes = shown.map(t => [t.textContent, t.getBoundingClientRect()]);
  const beside = (a, b) => a.left > b.right - 1 || b.left > a.right - 1;
  const below = (a, b) => a.top > b.bottom - 3 || b.top > a.bottom - 3;
  const over = (a, b) => !beside(a, b) && !below(a, b);
  return boxes.flatMap(([name, a], i) =>
    boxes.slice(i + 1).filter(([, b]) => over(a, b)).map(([other]) => [name, other]));
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


def show(page, record, width=1100, ground="#fff", ink="#111"):
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(PAGE.format(ground=ground, ink=ink, picture=picture(record, NOW)))


def visible(page, which):
    return page.locator(f".{which} svg").is_visible()


def test_a_wide_page_shows_cards_and_a_narrow_one_lines(page):
    show(page, failed())
    assert (visible(page, "wide"), visible(page, "narrow")) == (True, False)
    page.set_viewport_size({"width": 480, "height": 900})
    page.locator(".narrow svg").wait_for(state="visible")
    assert not visible(page, "wide")


@pytest.mark.parametrize("width", [1100, 480])
@pytest.mark.parametrize("record", [running(), failed(), matrix(4), matrix(14)], ids=range(4))
def test_no_words_lie_over_others_and_none_leave_the_page(page, record, width):
    show(page, record, width)
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_letters_follow_the_page(page):
    colour = "getComputedStyle(document.querySelector('.wide text')).fill"
    show(page, running(), ink="rgb(250, 250, 250)", ground="#111")
    assert page.evaluate(colour) == "rgb(250, 250, 250)"
    show(page, running(), ink="rgb(10, 10, 10)")
    assert page.evaluate(colour) == "rgb(10, 10, 10)"
