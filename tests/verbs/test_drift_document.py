"""A report as a file: one page with all in it, Markdown, JSON; read again in a browser, light and dark."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

import mlops_jupyter as mlops
from mlops_jupyter import cli
from mlops_jupyter.errors import UsageError, WorkspaceError
from tests.verbs.test_drift_report import Page, frame

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu"]


@pytest.fixture(scope="module")
def sides():
    return {"reference": frame(6_000, 1, drifted=False), "current": frame(2_000, 2, drifted=True)}


@pytest.fixture(scope="module")
def page(sides, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    mlops.report(to=str(path), **sides)
    return path


def test_a_page_has_all_in_it_and_stays_small(page):
    text = page.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert len(text.encode()) < 1_000_000
    found = Page(text.partition("\n")[2])
    assert found.open == []
    assert "script" not in found.tags
    assert all(address.startswith(("data:", "#")) for address in found.addresses)
    assert text.count("<section>") == 5, "the overview, and each column that drifted"


def test_a_page_of_very_many_columns_stays_under_a_megabyte(tmp_path):
    rng = np.random.default_rng(0)
    wide = {f"c{i}": rng.normal(0, 1, 400) for i in range(120)}
    later = {name: values * 3 + 2 for name, values in wide.items()}
    written = mlops.report(reference=wide, current=later, to=str(tmp_path / "wide.html"))
    assert written.bytes == (tmp_path / "wide.html").stat().st_size < 1_000_000


def test_what_was_written_says_where_and_what(sides, tmp_path):
    written = mlops.report(to=str(tmp_path / "r.json"), **sides)
    assert not written.ok
    assert written.headline.endswith("visib cannot be compared")
    assert written.report["distance"].verdict == "CRITICAL"
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == json.loads(
        json.dumps(written.report.payload())
    )
    assert (tmp_path / "r.json").stat().st_mode & 0o444 == 0o444 & ~os.umask(os.umask(0))
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"], "nothing is left beside it"


def test_markdown_is_a_table_whose_cells_hold_whatever_a_name_is(tmp_path):
    names = {"a|b": ["x"] * 300 + ["y"] * 300}
    later = {"a|b": ["x"] * 100 + ["`|*"] * 500}
    mlops.report(reference=names, current=later, to=str(tmp_path / "r.md"))
    lines = (tmp_path / "r.md").read_text("utf-8").splitlines()
    assert lines[0] == r"# the current data drifted in 1 of 1 column: a\|b"
    rows = [line for line in lines if line.startswith("|")]
    bars = [len(row.replace(r"\|", "").split("|")) for row in rows]
    assert len(rows) == 3
    assert len(set(bars)) == 1


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("report.pdf", "has no ending that is known; known: .html, .json, .md"),
        ("no/where/r.html", "no folder"),
    ],
)
def test_where_it_cannot_be_written_is_said_before_anything_is_compared(sides, to, said):
    with pytest.raises(UsageError, match=said):
        mlops.report("nothing-is-looked-up", to=to)


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(sides, tmp_path):
    (tmp_path / "r.md").mkdir()
    with pytest.raises(WorkspaceError, match="cannot be written: Is a directory"):
        mlops.report(to=str(tmp_path / "r.md"), **sides)
    assert [path.name for path in tmp_path.iterdir()] == ["r.md"]


def test_a_shell_compares_two_files(sides, tmp_path, capsys):
    for side, rows in sides.items():
        rows.to_parquet(tmp_path / f"{side}.parquet")
    options = ["--reference", f"{tmp_path}/reference.parquet", "--current", f"{tmp_path}/current.parquet"]
    assert cli.main(["drift", *options]) == 0
    assert capsys.readouterr().out.startswith("current.parquet drifted in 4 of 7 columns")
    assert cli.main(["drift", *options, "--limit", "x"]) == 2
    assert capsys.readouterr().err == (
        "mlops: --limit cannot be 'x'; a number above 0: 0.2, or two: 0.1,0.3\n"
    )
    assert cli.main(["drift", "--reference", "nope.parquet", *options[2:]]) == 1
    assert capsys.readouterr().err.startswith("mlops: there is no file 'nope.parquet'")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser_the_page_is_read_in_light_and_dark_and_fits_its_width(page, theme, tmp_path):
    from playwright.sync_api import sync_playwright

    complaints, asked = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme=theme)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        ink = tab.evaluate("getComputedStyle(document.querySelector('.figure svg text')).fill")
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        wide = tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        tab.screenshot(path=tmp_path / f"report-{theme}.png", full_page=True)
        browser.close()
    assert complaints == []
    assert asked == [page.as_uri()]
    assert wide
    assert _lightness(ground) > 0.9 if theme == "light" else _lightness(ground) < 0.2
    assert abs(_lightness(ink) - _lightness(ground)) > 0.5, "letters of figures follow the theme"


def _lightness(colour: str) -> float:
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3 / 255
