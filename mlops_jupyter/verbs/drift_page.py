"""A drift report as a page: one file with its figures in it, for light and dark, for screen and paper."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import drift_figure, drift_table
from mlops_jupyter.verbs.as_html import render_html
from mlops_jupyter.verbs.drift_words import MARKS, MEASURE_NAMES, drifted, message_of
from mlops_jupyter.verbs.results import Result, Table
from mlops_jupyter.verbs.values import SYMBOLS, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from matplotlib.figure import Figure

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload
    from mlops_jupyter.verbs.drift_report import DriftReport
    from mlops_jupyter.verbs.results import Block

MOST: Final = 950_000  # bytes: under a megabyte, with room for the frame
_COLUMNS: Final = 20  # that have a section of their own at most
_INK: Final = "#7b7a79"  # replaced by the colour of the letters around
_META: Final = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
_STYLE: Final = """
:root{color-scheme:light dark;--jp-content-font-color1:#1f1f1f;--jp-content-font-color2:#6b6b6b;
--jp-border-color1:#bdbdbd;--jp-border-color3:#e6e6e6;--jp-layout-color2:#f0f0f0;--ground:#fff}
@media (prefers-color-scheme:dark){:root{--jp-content-font-color1:#e4e4e4;--jp-content-font-color2:#a0a0a0;
--jp-border-color1:#6a6a6a;--jp-border-color3:#333;--jp-layout-color2:#2d2d2d;--ground:#141414}}
body{background:var(--ground);color:var(--jp-content-font-color1);font:15px/1.5 system-ui,sans-serif;
margin:0 auto;max-width:74rem;padding:1.5rem 1.25rem 3rem}
h2{font-size:1.15em;margin:2.2em 0 .2em}
h2 small{color:var(--jp-content-font-color2);font-size:.82em;font-weight:400;margin-left:.6em}
section{break-inside:avoid}
.figure svg{height:auto;max-width:100%;width:56rem}
.figure svg text{font-family:system-ui,sans-serif!important}
ul{margin:.3em 0;padding-left:1.2em}
code{background:var(--jp-layout-color2);border-radius:3px;font-size:.93em;padding:.05em .3em}
footer{border-top:1px solid var(--jp-border-color3);color:var(--jp-content-font-color2);font-size:.85em;
margin-top:3rem;padding-top:.8rem}
"""


class _Ranking(Result):
    """What stands at the top of the page: the answer and the table."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload

    @property
    def headline(self) -> str:
        return self.payload["title"]

    def blocks(self) -> Iterable[Block]:
        yield drift_table.facts(self.payload)
        yield from drift_table.tables(self.payload)
        yield from drift_table.multivariate(self.payload)
        yield from drift_table.notes(self.payload)


def page(report: DriftReport, made: datetime) -> str:
    """Return a report as a page of less than a megabyte.

    Parameters
    ----------
    report : DriftReport
        What is told.
    made : datetime
        When.
    """
    payload = report._values
    parts = [render_html(_Ranking(payload)), _overview(payload)]
    size = sum(map(len, parts))
    for section in _sections(payload):
        size += len(section.encode())
        if size > MOST:
            break
        parts.append(section)
    return _framed(payload["title"], parts, _footer(report, made))


def _framed(title: str, parts: Iterable[str], footer: str) -> str:
    style = " ".join(_STYLE.split())
    head = f"{_META}<title>{escape(title)}</title><style>{style}</style>"
    body = "\n".join((*parts, footer))
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _overview(payload: Payload) -> str:
    if not drift_figure.worth_drawing(payload):
        return ""
    figure = drift_figure.draw(payload, title=False, ink=_INK)
    return f"<section><h2>{escape(message_of(payload))}</h2>{as_svg(figure)}</section>"


def _sections(payload: Payload) -> Iterator[str]:
    for column in drifted(payload["columns"])[:_COLUMNS]:
        yield _section(payload, column)


def _section(payload: Payload, column: ColumnValues) -> str:
    figure = drift_figure.draw_column(payload, column, title=False, ink=_INK)
    verdict = f"{SYMBOLS[MARKS[column['verdict']]]} {column['verdict']}"
    about = f"{verdict}, {100 * column['share']:.0f} % of the whole drift"
    words = "".join(f"<li>{_coded(said)}</li>" for said in drift_table.sayings(column, payload["measure"]))
    effects = render_effects(column)
    head = f"<h2>{escape(column['name'])}<small>{escape(about)}</small></h2><ul>{words}</ul>"
    return f"<section>{head}{as_svg(figure)}{effects}</section>"


def render_effects(column: ColumnValues) -> str:
    """Return every measure of a column as a table behind a fold."""
    rows = tuple(
        (
            MEASURE_NAMES[name],
            number(e["value"]),
            f"{number(e['low'])} to {number(e['high'])}",
            _chance(e["p_adjusted"]),
        )
        for name, e in column["effects"].items()
        if e["measure"] == name
    )
    table = Table(("measure", "value", "95 %", "p, adjusted"), rows)
    cells = "".join(f"<tr>{''.join(f'<td>{escape(str(c))}</td>' for c in row)}</tr>" for row in table.rows)
    heads = "".join(f'<th align="left">{escape(name)}</th>' for name in table.columns)
    inner = f"<table cellpadding=3><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"
    return f"<details><summary>every measure</summary>{inner}</details>"


def _chance(p: float | None) -> str:
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _coded(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def as_svg(figure: Figure) -> str:
    """Return a figure as SVG in the colour of the letters around it, its own letters as text."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = buffer.getvalue()
    return f'<div class="figure">{drawn[drawn.index("<svg") :].replace(_INK, "currentColor")}</div>'


def _footer(report: DriftReport, made: datetime) -> str:
    code = f" by <code>{escape(report.code)}</code>" if report.code else ""
    return f"<footer>Made {made:%Y-%m-%d %H:%M %Z} with mlops_jupyter{code}</footer>"
