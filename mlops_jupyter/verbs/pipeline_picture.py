"""The picture of a run: in the form that suits how many steps there are and how wide the page is."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import pipeline_cards, pipeline_lines, pipeline_tiles
from mlops_jupyter.verbs.pipeline_graph import graph_of
from mlops_jupyter.verbs.pipeline_words import headline_of

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.records.run import RunRecord

_MOST_CARDS: Final = 40  # nodes; more are tiles
_WIDEST: Final = 1400  # pixels of cards; wider ones are lines
_SMALLEST: Final = 0.78  # of the letters' size: cards that had to shrink more are lines
_FONT: Final = "font-family:var(--jp-content-font-family,system-ui,-apple-system,'Segoe UI',sans-serif)"
_INK: Final = "color:var(--jp-content-font-color1,inherit)"


def picture(record: RunRecord, now: datetime | None = None) -> str:
    """Return the graph of a run as HTML that follows the page's width, letters and colours.

    Parameters
    ----------
    record : RunRecord
        The run, as it stands.
    now : datetime, optional
        Until when running steps have run; this moment when left out.
    """
    graph = graph_of(record)
    moment = now or datetime.now(UTC)
    steps = {step.name: step for step in record.steps}
    about = headline_of(record)
    if len(graph.nodes) > _MOST_CARDS:
        return _framed(pipeline_tiles.draw(graph, steps, moment, about))
    width, _ = pipeline_cards.size_of(graph)
    lines = pipeline_lines.draw(graph, steps, moment, about)
    if width > _WIDEST:
        return _framed(lines)
    return _either(pipeline_cards.draw(graph, steps, moment, about), lines, round(width * _SMALLEST))


def _framed(drawing: str) -> str:
    return f'<div style="{_FONT};{_INK};margin:.5em 0 .8em">{drawing}</div>'


def _either(wide: str, narrow: str, limit: int) -> str:
    """Return both drawings, of which the page shows the one that it has room for."""
    name = f"mlops-{uuid.uuid4().hex[:12]}"
    rule = (
        f"@container (max-width:{limit}px){{#{name} .wide{{display:none!important}}"
        f"#{name} .narrow{{display:block!important}}}}"
    )
    both = f'<div class="wide">{wide}</div><div class="narrow" style="display:none">{narrow}</div>'
    return (
        f'<div style="container-type:inline-size;{_FONT};{_INK};margin:.5em 0 .8em">'
        f'<style>{rule}</style><div id="{name}">{both}</div></div>'
    )
