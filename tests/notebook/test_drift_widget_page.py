"""What the widget does under a hand, a keyboard and odd data, in Chromium with no kernel behind it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.notebook.drift_page import example, open_page, show
from tests.notebook.lab import BROWSER, FLAGS

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1100, "height": 1200})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_default_timeout(60_000)
    open_page(page)
    yield page
    page.close()
    assert wrong == []


def verdict(page, name):
    return page.locator(f'[data-feature="{name}"] .chip').inner_text().split()[-1]


def order(page):
    return page.eval_on_selector_all(".feature", "rows => rows.map(row => row.dataset.feature)")


def slide(page, notch):
    page.locator("input[type=range]").fill(str(notch))


def selection(page):
    return page.evaluate("model.state.selection")


def test_features_are_ranked_with_word_mark_effect_and_trend(page):
    show(page)
    assert order(page)[:4] == ["wind_speed", "temp", "dep_hour", "visib"]
    row = page.locator('[data-feature="temp"]')
    assert row.inner_text().split() == ["2", "temp", "0.268", "✗", "critical"]
    expect(row.locator(".spark path.trend")).to_have_count(1)
    expect(row.locator(".bar .limit")).to_have_count(2)
    expect(page.locator("h3")).to_contain_text("delay drifted in 7 of 14 columns")


def test_verdicts_follow_the_slider_at_once_and_the_kernel_hears_when_it_rests(page):
    show(page)
    assert verdict(page, "temp") == "critical"
    slide(page, 60)  # 0.3
    expect(page.locator('[data-feature="temp"] .chip')).to_contain_text("warning")
    slide(page, 120)  # 0.6
    expect(page.locator('[data-feature="temp"] .chip')).to_contain_text("OK")
    assert verdict(page, "wind_speed") == "critical"  # its missing rate alarms whatever PSI's limit
    expect(page.locator(".counts")).to_contain_text("1 critical")
    expect(page.locator("h3")).to_contain_text("delay drifted in 2 of 14 columns (1 critical")
    page.wait_for_function("model.saved === 1")
    assert selection(page)["limit"] == pytest.approx(0.6)
    assert selection(page)["asked"] == 0


def test_reset_takes_the_limit_back(page):
    show(page)
    slide(page, 120)
    page.get_by_role("button", name="reset").click()
    expect(page.locator('[data-feature="temp"] .chip')).to_contain_text("critical")
    assert selection(page)["limit"] is None


def test_another_measure_ranks_anew_by_its_own_limits(page):
    show(page)
    page.get_by_label("Measure").select_option("mean")
    expect(page.locator(".scale")).to_contain_text("0.5")
    expect(page.locator('[data-feature="temp"] .effect')).to_have_text("0.560")
    assert verdict(page, "dep_hour") == "warning"


def test_a_column_without_the_measure_is_judged_by_its_stand_in(page):
    show(page)
    page.get_by_label("Measure").select_option("ks")
    page.locator('[data-feature="carrier"]').click()
    expect(page.locator(".told")).to_contain_text("TV 0.070")


def test_a_click_shows_the_feature(page):
    show(page)
    page.locator('[data-feature="carrier"]').click()
    expect(page.locator(".detail h4")).to_contain_text("carrier")
    expect(page.locator(".words")).to_contain_text("OO")
    expect(page.locator('.level:has-text("OO") .news')).to_have_text("new")
    expect(page.locator(".share")).to_contain_text("8.9 % of the whole drift")
    assert selection(page)["feature"] == "carrier"


def test_arrow_keys_walk_the_features_and_the_notebook_hears_none_of_them(page):
    show(page)
    page.evaluate("window.heard = []; document.addEventListener('keydown', e => heard.push(e.key))")
    features = page.get_by_role("listbox")
    features.focus()
    for key, name in [
        ("ArrowDown", "temp"),
        ("ArrowDown", "dep_hour"),
        ("ArrowUp", "temp"),
        ("End", "precip"),
    ]:
        features.press(key)
        expect(page.locator(".detail h4")).to_contain_text(name)
    chosen = page.locator('[role=option][aria-selected="true"]')
    expect(chosen).to_have_count(1)
    assert features.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    assert page.evaluate("heard") == []


def test_every_control_is_reached_by_tab_and_has_a_name(page):
    show(page)
    page.locator("body").focus()
    names = []
    for _ in range(7):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                """() => { const e = document.activeElement;
                   return e.getAttribute("aria-label") || e.labels?.[0]?.innerText.split("\\n")[0]; }"""
            )
        )
    assert names == [
        *("Window", "Reference", "Measure", "critical limit", "Variant", "Slice"),
        "features, most drifted first",
    ]


def test_a_window_is_asked_of_the_kernel_by_the_control_and_by_the_trend(page):
    show(page)
    window = example()["windows"][4]
    page.get_by_label("Window", exact=True).select_option(window)
    assert (selection(page)["window"], selection(page)["asked"]) == (window, 1)
    expect(page.locator(".mlops-drift")).to_have_attribute("aria-busy", "true")
    page.evaluate("model.set('answered', 1)")
    expect(page.locator(".mlops-drift")).to_have_attribute("aria-busy", "false")
    other = example()["windows"][9]
    page.locator(f'[data-window="{other}"] .hit').click()
    assert (selection(page)["window"], selection(page)["asked"]) == (other, 2)
    expect(page.locator(f'[data-window="{other}"]')).to_have_class("window chosen")
    page.locator(f'[data-window="{other}"] .hit').click()
    assert selection(page)["window"] is None


def test_a_slice_is_sent_once_by_enter_and_its_problem_is_told_below_it(page):
    show(page)
    field = page.get_by_label("Slice")
    field.fill("origin='JFK'")
    field.press("Enter")
    field.blur()
    assert (selection(page)["slice"], selection(page)["asked"]) == ("origin='JFK'", 1)
    page.evaluate("model.set('problem', {field: 'slice', text: 'does not parse at column 8'})")
    expect(page.locator(".field.slice .problem")).to_have_text("does not parse at column 8")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("origin='JFK'")
    expect(page.locator(".banner")).to_be_empty()
    page.evaluate("model.set('problem', {})")
    expect(page.locator(".field.slice .problem")).to_be_empty()


def test_a_new_payload_keeps_the_feature_that_is_chosen(page):
    show(page)
    page.locator('[data-feature="origin"]').click()
    page.evaluate("(payload) => model.set('payload', payload)", example() | {"title": "all is well"})
    expect(page.locator("h3")).to_have_text("all is well")
    expect(page.locator(".detail h4")).to_contain_text("origin")


def test_two_given_tables_offer_what_can_be_answered_alone(page):
    show(page, example() | {"windows": [], "variants": [], "references": []}, asks=False)
    shown = page.eval_on_selector_all(
        ".field", "fields => fields.filter(f => !f.hidden).map(f => f.innerText.split(/\\s/)[0])"
    )
    assert shown == ["Measure", "Limit"]


def test_names_and_levels_are_text_and_never_markup(page):
    payload = example()
    evil = "<img src=x onerror='window.owned = true'>"
    column = next(column for column in payload["columns"] if column["name"] == "carrier")
    column |= {"name": evil, "words": [f"new level `{evil}`"], "reason": evil}
    column["histogram"]["labels"][0] = evil
    payload |= {"title": evil, "notes": [evil]}
    show(page, payload)
    page.evaluate("(name) => model.set('selection', {...model.state.selection, feature: name})", evil)
    expect(page.locator(".detail h4")).to_contain_text("<img src=x")
    assert page.locator(".mlops-drift img").count() == 0
    assert page.evaluate("window.owned") is None


@pytest.mark.parametrize("width", [400, 620, 1100, 1600])
def test_nothing_is_cut_or_overflows_at_any_width(page, width):
    page.set_viewport_size({"width": width, "height": 1200})
    show(page)
    for name in ("dep_hour", "carrier", "visib"):
        page.locator(f'[data-feature="{name}"]').click()
        beyond = page.evaluate(
            """() => { const edge = document.querySelector(".mlops-drift").getBoundingClientRect().right;
               return [...document.querySelectorAll(".mlops-drift *")]
                 .filter(e => e.getBoundingClientRect().right > edge + 0.5)
                 .map(e => e.outerHTML.slice(0, 80)); }"""
        )
        assert beyond == []


def test_columns_of_odd_values_are_drawn(page):
    payload = example()
    constant, huge, empty, lone = (dict(column) for column in payload["columns"][1:5])
    constant |= {
        "name": "constant",
        "histogram": {
            "edges": [3, 3],
            "reference": [1.0],
            "current": [1.0],
            "lower": [0, 0],
            "upper": [0, 0],
        },
        "quantiles": [[0.5, 3.0, 3.0]],
    }
    huge |= {"name": "huge", "effects": {"psi": huge["effects"]["psi"] | {"value": 3016.0, "high": 4e300}}}
    empty |= {"name": "empty", "trend": {}, "histogram": None, "quantiles": [], "words": [], "share": 0.0}
    lone |= {"name": "lone", "trend": {"psi": [None] * 23 + [0.2]}, "missing": [None, 1.0]}
    show(page, payload | {"columns": [constant, huge, empty, lone]})
    for name in ("constant", "huge", "empty", "lone"):
        page.locator(f'[data-feature="{name}"]').click()
        expect(page.locator(".detail h4")).to_contain_text(name)
        assert "NaN" not in page.inner_html(".mlops-drift")
    expect(page.locator('[data-feature="huge"] .beyond')).to_have_text("»")


def test_a_report_of_no_columns_says_so(page):
    page.evaluate(
        """(payload) => { const el = document.createElement("div"); document.body.append(el);
             drift.render({ model: makeModel({ payload, selection: { measure: "psi" } }), el }); }""",
        example() | {"columns": [], "title": "no column in common"},
    )
    expect(page.locator("h3")).to_have_text("no column in common")


def test_less_motion_is_given_to_who_asks_for_it(page):
    page.emulate_media(reduced_motion="reduce")
    show(page, live={"every": 5, "lease": 30})
    assert page.eval_on_selector(".pulse", "e => getComputedStyle(e).animationName") == "none"
    slide(page, 120)
    page.wait_for_function("document.querySelector('.counts').innerText.includes('1 critical')")
    assert page.evaluate("document.getAnimations().length") == 0


def test_live_tells_when_it_is_seen_hidden_and_gone(page):
    show(page, live={"every": 5, "lease": 30})
    page.wait_for_function("model.sent.at(-1)?.seen === true")
    page.evaluate("document.body.style.paddingTop = '9000px'")
    page.wait_for_function("model.sent.at(-1).seen === false")
    page.evaluate("document.body.style.paddingTop = '0'")
    page.wait_for_function("model.sent.at(-1).seen === true")
    page.get_by_role("button", name="live").click()
    expect(page.get_by_role("button", name="paused")).to_be_visible()
    assert page.evaluate("model.sent.at(-1).seen") is False
    page.get_by_role("button", name="paused").click()
    assert page.evaluate("model.sent.at(-1).seen") is True
    page.evaluate("clean()")
    assert page.evaluate("model.sent.at(-1).seen") is False
    assert page.evaluate("model.listeners()") == 0


def test_who_is_not_live_says_nothing_to_the_kernel(page):
    show(page)
    page.wait_for_timeout(100)
    assert page.evaluate("model.sent.length") == 0
    expect(page.locator(".live-place")).to_be_empty()


def test_pointing_at_the_distribution_tells_its_shares(page):
    show(page)
    page.locator('[data-feature="dep_hour"]').click()
    page.locator(".distribution .chart > .hit").nth(10).hover()
    expect(page.locator(".readout")).to_have_text("9.5 to 10.5 reference 8 %, current 9.6 %")


def test_fifty_columns_are_redrawn_within_a_frame_or_two(page):
    payload = example()
    columns = [
        column | {"name": f"{column['name']}_{n}"}
        for n in range(4)
        for column in payload["columns"]
        if column["effects"]
    ]
    show(page, payload | {"columns": columns[:50]})
    took = page.evaluate(
        """async () => { const began = performance.now(); let frames = 0;
             for (let notch = 20; notch < 60; notch += 1) {
               const slider = document.querySelector("input[type=range]");
               slider.value = notch; slider.dispatchEvent(new Event("input"));
               await new Promise(requestAnimationFrame); frames += 1; }
             return { frames, all: document.querySelectorAll(".feature").length }; }"""
    )
    assert took == {"frames": 40, "all": 50}
