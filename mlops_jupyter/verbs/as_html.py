"""A result as HTML that survives nbconvert, GitHub and a papermill output: inline CSS, no script, no address.

Colours are the Okabe-Ito palette; Jupyter's own variables give text, lines and ground, so light and dark
follow.
"""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.as_svg import COLOURS, draw
from mlops_jupyter.verbs.results import (
    Bar,
    Block,
    Branch,
    Code,
    Facts,
    Figure,
    Note,
    Picture,
    Sayings,
    Table,
    Titled,
)
from mlops_jupyter.verbs.values import SYMBOLS, Shown, aligned, is_numeric, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.results import Mark, Result

LIMIT: Final = 200_000
_ROWS: Final = 200
_SHORT: Final = 32  # letters that stay on one line
_CODE: Final = 40_000
_QUOTED: Final = re.compile(r"`([^`]+)`")
_CSS: Final = """
#ID{color:var(--jp-content-font-color1,inherit);font-family:var(--jp-content-font-family,system-ui,sans-serif);
font-size:var(--jp-content-font-size1,14px);line-height:1.5;max-width:72rem;overflow-x:auto;padding:2px 0 4px}
#ID .head{font-size:1.08em;font-weight:600;margin:0 0 .5em}
#ID .title{font-weight:600;margin:.9em 0 .25em;color:var(--jp-content-font-color1,inherit)}
#ID table{border-collapse:collapse;margin:.25em 0 .6em;border:0;font-size:.94em;
font-variant-numeric:tabular-nums;table-layout:auto}
#ID thead{border:0}
#ID th,#ID td{padding:.28em 1.4em .28em 0;border:0;text-align:left;vertical-align:top;white-space:nowrap;
background:none}
#ID .long{white-space:pre-line;min-width:14rem;max-width:44rem;overflow-wrap:anywhere}
#ID th{font-weight:500;color:var(--jp-content-font-color2,#767676);
border-bottom:1px solid var(--jp-border-color1,#bdbdbd)}
#ID tr{background:none!important}
#ID tbody tr+tr td{border-top:1px solid var(--jp-border-color3,rgba(128,128,128,.18))}
#ID .facts th{border:0;white-space:nowrap}
#ID .facts td,#ID .facts tr+tr td{border:0}
#ID .n{text-align:right}
#ID .mark{font-weight:700;display:inline-block;min-width:1.15em;text-indent:0}
#ID .note{margin:.3em 0;white-space:pre-line;padding-left:1.15em;text-indent:-1.15em}
#ID .quiet{color:var(--jp-content-font-color2,#767676)}
#ID .drawn{vertical-align:middle;overflow:visible}
#ID .number{display:inline-block;min-width:3.2em;padding-right:.5em;text-align:right}
#ID small{font-size:.85em;line-height:1.25}
#ID td code{background:var(--jp-layout-color2,rgba(128,128,128,.12));border-radius:3px;color:inherit;
font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:.93em;padding:.05em .3em}
#ID pre{background:var(--jp-layout-color2,rgba(128,128,128,.1));color:inherit;border-radius:3px;
font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:var(--jp-code-font-size,13px);
line-height:1.45;margin:.25em 0 .6em;overflow-x:auto;padding:.5em .8em;white-space:pre-wrap;
overflow-wrap:anywhere;max-height:32rem}
#ID details{margin:.35em 0}
#ID summary{cursor:pointer;color:var(--jp-content-font-color2,#767676);font-size:.92em}
"""


def render_html(result: Result) -> str:
    """Return a result as HTML of at most 200 kB, with the Python it stands for behind a fold."""
    html = _document(result, result.blocks())
    return html if len(html.encode()) <= LIMIT else _document(result, _shortened(result.blocks()))


def _document(result: Result, blocks: Iterable[Block]) -> str:
    name = f"mlops-{uuid.uuid4().hex[:12]}"
    code = _folded("Python", f"<pre>{escape(result.code)}</pre>") if result.code else ""
    body = "".join(map(_block, blocks))
    style = " ".join(_CSS.replace("#ID", f"#{name}").split())
    head = f'<div class="head"><strong>{escape(result.headline)}</strong></div>'
    return f'<div id="{name}"><style>{style}</style>{head}{body}{code}</div>'


def _shortened(blocks: Iterable[Block]) -> Iterable[Block]:
    for block in blocks:
        if isinstance(block, Table):
            yield replace(block, rows=block.rows[:20])
        elif isinstance(block, Code):
            yield replace(block, text=block.text[:2_000] + "\n…")
        elif isinstance(block, Note):
            yield replace(block, text=block.text[:2_000])
        elif isinstance(block, Figure | Picture):
            yield block
        else:
            yield replace(block, pairs=block.pairs[:50])


def _block(block: Block) -> str:
    if isinstance(block, Note):
        return f'<div class="note">{_symbol(block.mark)}{escape(block.text)}</div>'
    if isinstance(block, Figure):
        return _figure(block)
    if isinstance(block, Picture):
        return block.html()
    body = _body(block)
    if not body:
        return ""
    if block.folded:
        return _folded(block.title or "more", body)
    return (f'<div class="title"><strong>{escape(block.title)}</strong></div>' if block.title else "") + body


def _figure(figure: Figure) -> str:
    # within the page: what is read without a kernel has nowhere to fetch it from
    image = base64.b64encode(figure.png()).decode()
    title = escape(figure.title, quote=True)
    source = f"data:image/png;base64,{image}"
    return (
        f'<div class="title"><strong>{title}</strong></div>'
        f'<img src="{source}" alt="{title}" width="{figure.width}" style="max-width:100%;height:auto"/>'
    )


def _body(block: Table | Facts | Code) -> str:
    if isinstance(block, Code):
        cut = "\n… the text has more" if len(block.text) > _CODE else ""
        return f"<pre>{escape(block.text[:_CODE])}{cut}</pre>"
    if isinstance(block, Facts):
        values = aligned([shown(value) for _, value in block.pairs])
        names = [f'<th scope="row" align="left">{escape(str(name))}</th>' for name, _ in block.pairs]
        rows = [f"<tr>{name}{_cell(value)}</tr>" for name, value in zip(names, values, strict=True)]
        return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'
    return _table(block) if block.rows else _empty(block)


def _empty(table: Table) -> str:
    return f'<div class="quiet">{escape(table.empty)}</div>' if table.empty else ""


def _table(table: Table) -> str:
    rows = table.rows[:_ROWS]
    columns = [aligned([shown(row[i]) for row in rows]) for i in range(len(table.columns))]
    # a bar begins at the left, whatever its number is
    numeric = [is_numeric(column) and not any(cell.drawn for cell in column) for column in columns]
    heads = "".join(f"<th{_class(n)}>{escape(c)}</th>" for c, n in zip(table.columns, numeric, strict=True))
    lines = "".join(
        f"<tr>{''.join(_cell(c, number=n) for c, n in zip(cells, numeric, strict=True))}</tr>"
        for cells in zip(*columns, strict=True)
    )
    more = len(table.rows) - len(rows)
    rest = f'<div class="quiet">and {more:,} more rows</div>' if more else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>{rest}"


def _cell(cell: Shown, *, number: bool = False) -> str:
    title = f' title="{escape(cell.more, quote=True)}"' if cell.more else ""
    if cell.drawn is not None:
        long = isinstance(cell.drawn, Sayings) and len(cell.text) > _SHORT
        return f"<td{_class(number, long=long)}{title}>{_drawn(cell)}</td>"
    mark = _symbol(cell.mark) if cell.mark else ""
    return f"<td{_class(number, long=len(cell.text) > _SHORT)}{title}>{mark}{escape(cell.text)}</td>"


def _drawn(cell: Shown) -> str:
    """Return a drawing; where a page drops it, as GitHub does, a bar's number is still there."""
    if isinstance(cell.drawn, Titled):
        under = f'<br/><small class="quiet">{escape(cell.drawn.under)}</small>' if cell.drawn.under else ""
        return f"{escape(cell.drawn.text)}{under}"
    if isinstance(cell.drawn, Branch):
        return _branch(cell.drawn)
    if isinstance(cell.drawn, Sayings):
        return "<br/>".join(_QUOTED.sub(r"<code>\1</code>", escape(line)) for line in cell.drawn.lines)
    if isinstance(cell.drawn, Bar):
        return f'<span class="number">{escape(cell.text)}</span> {draw(cell.drawn)}'
    return draw(cell.drawn) if cell.drawn else ""


def _branch(branch: Branch) -> str:
    name = escape(branch.name)
    return f'<a href="{escape(branch.link, quote=True)}">{name}</a>' if branch.link else name


def _class(number: bool, *, long: bool = False) -> str:
    # the attribute and not the class alone: GitHub drops classes and styles
    if number:
        return ' class="n" align="right"'
    return ' class="long" align="left"' if long else ' align="left"'


def _symbol(mark: Mark) -> str:
    return f'<span class="mark" style="color:{COLOURS[mark]}" aria-hidden="true">{SYMBOLS[mark]} </span>'


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"
