"""A result as text and as HTML: the answer first, numbers in line, nothing from outside, safe and small."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.verbs.as_html import LIMIT, render_html
from mlops_jupyter.verbs.as_text import render_text
from mlops_jupyter.verbs.results import (
    Bar,
    Code,
    Facts,
    Note,
    Quantity,
    Result,
    Sayings,
    Shape,
    Sparkline,
    Status,
    Table,
    Titled,
)
from mlops_jupyter.verbs.values import number, shown


@dataclass(frozen=True)
class Drawn(Result):
    said: str
    shown: tuple = ()

    @property
    def headline(self):
        return self.said

    def blocks(self):
        return self.shown


TABLE = Table(("model", "accuracy", "state"), (("churn", 0.5, Status("ready", "ok")), ("delay", 0.125, None)))


class Checker(HTMLParser):
    """Counts tags that are opened and not closed, and collects addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], set()

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.add(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(html):
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    assert checker.addresses == []
    assert "script" not in checker.tags
    return checker


def test_text_begins_with_the_answer_and_aligns_the_columns():
    text = render_text(Drawn("two models", (TABLE, Note("look", "warn"), Code("a\nb", title="Call"))), 80)
    assert text.splitlines() == [
        "two models",
        "",
        "model  accuracy  state",
        "─────  ────────  ───────",
        "churn     0.500  ✓ ready",
        "delay     0.125  -",
        "",
        "! look",
        "",
        "Call",
        "    a",
        "    b",
    ]


def test_text_wraps_the_widest_column_and_never_loses_a_word():
    long = Table(("name", "meaning"), (("x", "many words " * 30),))
    text = render_text(Drawn("wide", (long,)), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("many") == 30


def test_text_shows_the_beginning_of_what_is_folded():
    facts = Facts(tuple((f"p{i}", i) for i in range(40)), "40 parameters", folded=True)
    lines = render_text(Drawn("folded", (facts,)), 80).splitlines()
    assert lines[-1] == "… and 32 more lines"


def test_an_empty_table_says_its_own_words():
    assert "none yet" in render_text(Drawn("nothing", (Table(("a",), (), empty="none yet"),)))
    assert "none yet" in render_html(Drawn("nothing", (Table(("a",), (), empty="none yet"),)))


def test_html_is_whole_scoped_and_calls_nobody():
    result = Drawn("two models", (TABLE, Facts((("took", Quantity(0.25, "s")),)), Code("x", folded=True)))
    object.__setattr__(result, "code", "mlops.models()")
    html = render_html(result)
    checker = checked(html)
    assert "details" in checker.tags
    assert "mlops.models()" in html
    (scope,) = set(re.findall(r"#(mlops-[0-9a-f]{12})\b", html))
    assert f'<div id="{scope}">' in html
    assert scope not in render_html(result)


def test_a_mark_stands_beside_its_word_and_not_in_its_place():
    html = render_html(Drawn("state", (TABLE,)))
    assert re.search(r"✓ </span>ready</td>", html)


@given(st.text(), st.text())
def test_whatever_a_value_holds_it_is_escaped(name, value):
    blocks = (Facts(((name, value),)), Table((name,), ((value,),)), Note(value), Code(value, title=name))
    checked(render_html(Drawn(value, blocks)))


def test_html_stays_under_its_limit():
    rows = tuple((f"model {i}", "x" * 3000) for i in range(1000))
    blocks = (Table(("model", "notes"), rows), Code("y" * 500_000), Note("z" * 90_000))
    html = render_html(Drawn("much", blocks))
    assert len(html.encode()) <= LIMIT
    checked(html)


def test_a_time_is_local_with_its_zone_on_hover():
    moment = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    cell = shown(moment)
    assert cell.text == f"{moment.astimezone():%Y-%m-%d %H:%M}"
    assert "UTC" in cell.more


def test_units_scale_to_what_reads_well():
    seconds = [shown(Quantity(value, "s")).text for value in (0, 4e-6, 0.0123, 0.9999, 75, 7200)]
    assert seconds == ["0 s", "4 µs", "12.3 ms", "1 s", "1.25 min", "2 h"]
    assert [shown(Quantity(value, "B")).text for value in (999, 1_000, 2_345_678)] == [
        "999 B",
        "1 kB",
        "2.35 MB",
    ]
    assert shown(Quantity(12.34, "%")).text == "12.3 %"


@given(st.floats(-1e300, 1e300))
def test_a_number_reads_as_itself_to_three_digits(value):
    assert math.isclose(float(number(value).replace(",", "")), value, rel_tol=0.0051, abs_tol=1e-307)


def test_a_cell_that_is_drawn_is_a_number_or_blocks_in_text():
    row = (
        Titled("hour", "numeric"),
        Bar(0.25, 0.2, 0.3, (0.1, 0.2), 0.4, "bad", "0.250"),
        Sparkline((0.0, None, 0.1), limit=0.2),
        Sayings(("new level `OO`", "later")),
    )
    text = render_text(Drawn("drift", (Table(("column", "PSI", "trend", "said"), (row,)),)))
    assert text.splitlines()[-1] == "hour (numeric)  0.250  ▁ ▅    new level OO; later"


def test_a_cell_that_is_drawn_is_svg_in_html_with_its_number_beside_it():
    cells = (
        Bar(5.0, 4.0, 6.0, (0.1, 0.2), 0.8, "bad"),
        Sparkline((0.1, None, 0.3, 0.2), 0.1, about="over <time>"),
        Shape((0.2, 0.8), (0.5, 0.5), apart=True, about="shares"),
        Sayings(("new level `<OO>`",)),
    )
    html = render_html(Drawn("drift", (Table(("a", "b", "c", "d"), (cells,)),)))
    checked(html)
    assert '<span class="number">5</span> <svg' in html
    assert "5, 95 % between 4 and 6" in html
    assert 'aria-label="over &lt;time&gt;"' in html
    assert "new level <code>&lt;OO&gt;</code>" in html
    path = re.search(r'<path d="(M3[^"]+)" fill="none" stroke="currentColor" stroke-width="1.4"', html)
    assert path[1].count("M") == 2, "a gap breaks the line"
