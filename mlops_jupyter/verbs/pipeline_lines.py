"""The graph of a run as one line a step, with lanes to the left: for a narrow page, or a long chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.pipeline_cards import told
from mlops_jupyter.verbs.pipeline_lanes import each_step, lanes, width_of
from mlops_jupyter.verbs.pipeline_marks import LOOKS, mark
from mlops_jupyter.verbs.pipeline_svg import fitted, hover, rect, svg, text
from mlops_jupyter.verbs.pipeline_svg import width_of as letters_wide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mlops_jupyter.pipelines.records.run import StepRecord
    from mlops_jupyter.verbs.pipeline_graph import Graph
    from mlops_jupyter.verbs.pipeline_lanes import Row

_LINE: Final = 25
_LANE: Final = 20
_MOST: Final = 48  # lines; with more, variants share one
_NAME: Final = (90.0, 260.0)
_STATE, _CELLS, _SECONDS = 128, 46, 74


def draw(graph: Graph, steps: Mapping[str, StepRecord], now: datetime, about: str) -> str:
    """Return the drawing; the arguments are those of the cards."""
    rows = each_step(graph)
    if len(rows) > _MOST:
        rows = lanes(graph)
    left = width_of(rows) * _LANE + 8
    name = min(max([_NAME[0], *(letters_wide(row.name, 13, bold=True) + 10 for row in rows)]), _NAME[1])
    width = left + name + _STATE + _CELLS + _SECONDS
    members = {row.name: _members(row, graph, steps) for row in rows}
    branches = f'<g opacity=".38">{"".join(_branches(rows))}</g>'
    parts = [branches, *_texts(rows, members, (left, name, width), now)]
    return svg(width, len(rows) * _LINE, parts, about)


def _members(row: Row, graph: Graph, steps: Mapping[str, StepRecord]) -> list[StepRecord]:
    return [steps[row.name]] if row.name in steps else [steps[name] for name in graph.nodes[row.name]]


def _branches(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the line from each lane into each step that needs what is above in it."""
    begun: dict[int, float] = {}
    for i, row in enumerate(rows):
        y = _y(i)
        for lane, _ in row.joins:
            yield _branch(_x(lane), begun.get(lane, y), _x(row.lane), y)
        begun[row.lane] = y


def _branch(x: float, top: float, to: float, y: float) -> str:
    side = 9 if to > x else -9
    path = f"M{x:g} {top:g}V{y:g}" if to == x else f"M{x:g} {top:g}V{y - 9:g}q0 9 {side} 9H{to:g}"
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/>'


def _x(lane: int) -> float:
    return 10 + lane * _LANE


def _y(line: int) -> float:
    return line * _LINE + _LINE / 2


def _texts(
    rows: Sequence[Row],
    members: Mapping[str, list[StepRecord]],
    columns: tuple[float, float, float],
    now: datetime,
) -> Iterator[str]:
    left, name, width = columns
    for i, row in enumerate(rows):
        own, y = members[row.name], _y(i)
        state = words.state_of(own)
        one = own[0] if len(own) == 1 else None
        about = told(one, now) if one else f"{row.name}: {words.words_of(own)}"
        word = words.word_of(one) if one else words.words_of(own)
        parts = [
            hover(about),
            rect(0, y - _LINE / 2, width, _LINE, 'fill="none" pointer-events="all"'),
            f'<circle cx="{_x(row.lane):g}" cy="{y:g}" r="8.6" fill="var(--jp-layout-color0,Canvas)"/>',
            mark(state, _x(row.lane), y, 7.5),
            text(left, y + 4, fitted(row.name, name - 8, 13), 13, bold=state in ("RUNNING", "FAILED")),
            text(left + name, y + 4, fitted(word, _STATE - 8, 12), 12, faint=True),
        ]
        if one:
            parts += _numbers(one, left + name + _STATE, y, now)
        yield f"<g>{''.join(parts)}</g>"


def _numbers(step: StepRecord, x: float, y: float, now: datetime) -> Iterator[str]:
    if step.state not in ("SKIPPED", "WAITING", "NOT RUN"):
        yield text(x + _CELLS - 10, y + 4, words.cells_of(step), 12, end=True, faint=True)
    yield text(x + _CELLS + _SECONDS - 4, y + 4, words.duration(words.seconds_of(step, now)), 12, end=True)
    if step.state == "RUNNING" and step.cells[1]:
        done = (_CELLS + _SECONDS - 12) * step.cells[0] / step.cells[1]
        yield rect(x, y + 8, done, 2, f'fill="{LOOKS["RUNNING"].colour}"')
