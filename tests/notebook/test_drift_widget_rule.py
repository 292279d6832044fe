"""Verdicts in the browser follow the same rule as those in Python, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

from mlops_jupyter.stats.verdicts import Effect, judge, rows_needed
from tests.notebook.drift_page import example, open_page
from tests.notebook.lab import BROWSER, FLAGS

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")

CASES = json.loads((Path(__file__).parents[1] / "stats" / "judge_cases.json").read_text(encoding="utf-8"))
SHARES = st.floats(0, 1, width=32)
LIMITS = st.tuples(SHARES, SHARES).map(sorted)


@pytest.fixture(scope="module")
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page()
        open_page(page)
        yield page
        browser.close()


def verdicts_of(page, cases):
    return page.evaluate(
        "(cases) => cases.map((c) => drift.judge(c.effect, c.limits, c.rows, c.rows_needed))", cases
    )


def test_the_shared_cases_of_judge_hold(page):
    expected = {case["name"]: case["verdict"] for case in CASES["judge"]}
    assert dict(zip(expected, verdicts_of(page, CASES["judge"]), strict=True)) == expected


def test_the_shared_cases_of_rows_needed_hold(page):
    found = page.evaluate(
        """(cases) => cases.map((c) =>
             drift.rowsNeeded(c.measure, c.limits, c.reference_rows, c.cells, c.row_variance))""",
        CASES["rows_needed"],
    )
    assert found == [case["rows_needed"] for case in CASES["rows_needed"]]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(SHARES, SHARES, SHARES, LIMITS, st.integers(0, 500)), min_size=1, max_size=50))
def test_any_effect_is_judged_as_in_python(page, drawn):
    cases = [
        {
            "effect": {"value": value, "low": low, "high": 1.0, "error": error / 10},
            "limits": limits,
            "rows": rows,
            "rows_needed": 250,
        }
        for value, low, error, limits, rows in drawn
    ]
    in_python = [
        judge(Effect("psi", **case["effect"], limits=tuple(case["limits"])), case["rows"], 250)
        for case in cases
    ]
    assert verdicts_of(page, cases) == in_python


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["psi", "ks", "js", "wasserstein", "mean", "cramers_v", "tv", "missing"]),
            st.tuples(st.integers(0, 100), st.integers(1, 100)).map(
                lambda pair: [n / 100 for n in sorted(pair)]
            ),
            st.integers(1, 10**7),
            st.integers(1, 2000),
            st.floats(0.01, 10),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_rows_needed_under_any_limits_are_those_of_python(page, drawn):
    found = page.evaluate(
        "(drawn) => drawn.map((d) => drift.rowsNeeded(...d))", [list(each) for each in drawn]
    )
    expected = [rows_needed(name, tuple(limits), *rest) for name, limits, *rest in drawn]
    assert found == pytest.approx(expected, rel=1e-9, abs=1)


def test_the_example_is_ranked_as_the_report_ranked_it(page):
    payload = example()
    ranked = page.evaluate(
        """(payload) => drift.ranked(payload, payload.measure, null)
             .map(({ column, verdict }) => [column.name, verdict])""",
        payload,
    )
    assert dict(map(tuple, ranked)) == {column["name"]: column["verdict"] for column in payload["columns"]}
    assert [name for name, _ in ranked] == [column["name"] for column in payload["columns"]]


def test_an_alarm_stands_however_high_the_limit(page):
    ranked = page.evaluate(
        "(payload) => drift.ranked(payload, 'psi', 100).map(({ column, verdict }) => [column.name, verdict])",
        example(),
    )
    alarms = {column["name"]: column["alarm"] for column in example()["columns"] if column["alarm"] != "OK"}
    assert alarms
    assert {name: verdict for name, verdict in ranked if name in alarms} == alarms
    assert all(verdict in ("OK", "INCONCLUSIVE") for name, verdict in ranked if name not in alarms)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("short(0.12345)", "0.123"),
        ("short(1234567)", "1,234,567"),
        ("short(-2.5)", "\u22122.5"),
        ("short(0)", "0"),
        ("short(1e-12)", "1.0e\u221212"),
        ("short(null)", "\u2013"),
        ("percent(0.1274)", "13 %"),
        ("percent(0.00001)", "< 0.01 %"),
        ("percent(1)", "100 %"),
        ("percent(0)", "0 %"),
        ("effectText(0.45091)", "0.451"),
        ("effectText(3016.2)", "3016"),
        ("probability(0)", "< 0.001"),
        ("probability(0.0413)", "0.041"),
    ],
)
def test_numbers_read_well(page, call, told):
    assert page.evaluate(f"drift.{call}") == told
