"""The graph of a run as cards in layers from left to right: name, state, cells and seconds at a glance."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.pipeline_graph import variant_of
from mlops_jupyter.verbs.pipeline_marks import GREY, LOOKS, mark
from mlops_jupyter.verbs.pipeline_places import Box, Spacing, place
from mlops_jupyter.verbs.pipeline_svg import fitted, hover, svg, text, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mlops_jupyter.pipelines.records.run import StepRecord
    from mlops_jupyter.verbs.pipeline_graph import Graph

_HEIGHT: Final = 46
_NARROWEST, _WIDEST = 146.0, 220.0
_ACROSS, _DOWN = 38, 14
_MARGIN: Final = 4
_LINES: Final = 5  # variants that get a line each; more are marks in rows
_LINE: Final = 18
_MARK: Final = 16
_TIME: Final = 66  # room for the longest time
_LEFT: Final = 31  # where letters begin, behind the mark
_DONE: Final = words.DONE


def size_of(graph: Graph) -> tuple[float, float]:
    """Return how wide and how high the drawing will be."""
    boxes = _boxes(graph)
    width = max((box.right for box in boxes.values()), default=0.0) + 2 * _MARGIN
    return width, max((box.y + box.height for box in boxes.values()), default=0.0) + 2 * _MARGIN


def draw(graph: Graph, steps: Mapping[str, StepRecord], now: datetime, about: str) -> str:
    """Return the drawing.

    Parameters
    ----------
    graph : Graph
        What is to be drawn.
    steps : mapping
        The record of each step, by its name.
    now : datetime
        Until when a running step has run.
    about : str
        What it shows, for those who do not see it.
    """
    boxes = _boxes(graph)
    width, height = size_of(graph)
    arrows = f'<g opacity=".6">{"".join(_arrows(graph, boxes, steps))}</g>'
    inside = "".join([arrows, *_nodes(graph, boxes, steps, now)])
    return svg(width, height, [f'<g transform="translate({_MARGIN} {_MARGIN})">{inside}</g>'], about)


def _boxes(graph: Graph) -> dict[str, Box]:
    wide = max((_wanted(name, steps) for name, steps in graph.nodes.items()), default=0.0)
    width = round(min(max(wide, _NARROWEST), _WIDEST))

    def height(name: str) -> float:
        return _height(len(graph.nodes[name]), width) if name in graph.nodes else 0.0

    return place(graph, height, Spacing(width, _ACROSS, _DOWN))


def _wanted(name: str, steps: Sequence[str]) -> float:
    """Return how wide a card should be for its names."""
    own = width_of(name, 13, bold=True) + _LEFT + _TIME
    if 1 < len(steps) <= _LINES:
        return max(own, *(width_of(variant_of(step), 11) + _LEFT + _TIME for step in steps))
    return own


def _height(count: int, width: float) -> float:
    if count == 1:
        return _HEIGHT
    lines = count * _LINE if count <= _LINES else -(-count // _in_a_row(width)) * _MARK
    return _HEIGHT + lines + 6


def _in_a_row(width: float) -> int:
    return int((width - 20) // _MARK)


def _arrows(graph: Graph, boxes: Mapping[str, Box], steps: Mapping[str, StepRecord]) -> Iterator[str]:
    for (before, after), through in graph.paths.items():
        chain = [boxes[name] for name in (before, *through, after)]
        ready = all(steps[name].state in _DONE for name in graph.nodes[before])
        look = "" if ready else ' stroke-dasharray="4 3"'
        end = chain[-1]
        yield f'<path d="{_curve(chain)}" fill="none" stroke="currentColor" stroke-width="1.3"{look}/>'
        head = f"M{end.x - 7:g} {end.middle - 4:g}l7 4l-7 4z"
        yield f'<path d="{head}" fill="currentColor"/>'


def _curve(chain: Sequence[Box]) -> str:
    """Return a line from the first box's right edge to the last's left, straight through those between."""
    path = f"M{chain[0].right:g} {chain[0].middle:g}"
    for i, (left, right) in enumerate(pairwise(chain), 2):
        last = i == len(chain)
        end = right.x - 6 if last else right.x
        bend = (left.right + end) / 2
        path += f"C{bend:g} {left.middle:g} {bend:g} {right.middle:g} {end:g} {right.middle:g}"
        path += "" if last else f"H{right.right:g}"
    return path


def _nodes(
    graph: Graph, boxes: Mapping[str, Box], steps: Mapping[str, StepRecord], now: datetime
) -> Iterator[str]:
    for name, members in graph.nodes.items():
        own = [steps[step] for step in members]
        inside = _card(boxes[name], own[0], now) if len(own) == 1 else _stack(boxes[name], name, own, now)
        yield f'<g transform="translate({boxes[name].x:g} {boxes[name].y:g})">{"".join(inside)}</g>'


def _frame(box: Box, state: str) -> str:
    """Return the card itself: its outline says again what its word says."""
    look = LOOKS[state]  # type: ignore[index]
    size = f'width="{box.width:g}" height="{box.height:g}" rx="7"'
    strong = state in ("RUNNING", "FAILED")
    line = f'stroke="{look.colour}" stroke-width="{1.8 if strong else 1.1}"'
    faint = ' stroke-dasharray="3 3"' if state == "NOT RUN" else ""
    tint = 0.0 if look.colour == GREY else 0.13 if strong else 0.08
    return f'<rect {size} fill="{look.colour}" fill-opacity="{tint}" {line}{faint}/>'


def _card(box: Box, step: StepRecord, now: datetime) -> Iterator[str]:
    took = words.duration(words.seconds_of(step, now))
    cells = words.cells_of(step) if step.state in ("RUNNING", "STOPPED") else ""
    room = box.width - _LEFT - 10
    yield hover(told(step, now))
    yield _frame(box, step.state)
    yield mark(step.state, 17, 17, 7.5)
    yield text(_LEFT, 21, fitted(step.name, room - width_of(took, 11), 13, bold=True), 13, bold=True)
    yield text(box.width - 10, 21, took, 11, end=True, faint=True)
    yield text(_LEFT, 37, fitted(words.word_of(step), room - width_of(cells, 11), 11), 11, faint=True)
    yield text(box.width - 10, 37, cells, 11, end=True, faint=True)
    if step.state == "RUNNING":
        yield from _progress(box, step)


def _progress(box: Box, step: StepRecord) -> Iterator[str]:
    done, total = step.cells
    width = box.width - 16
    line = f'y="{box.height - 5:g}" x="8" height="2.5" rx="1.25"'
    yield f'<rect {line} width="{width:g}" fill="currentColor" opacity=".15"/>'
    if total:
        yield f'<rect {line} width="{width * done / total:.1f}" fill="{LOOKS["RUNNING"].colour}"/>'


def _stack(box: Box, name: str, steps: Sequence[StepRecord], now: datetime) -> Iterator[str]:
    """Return the card of a matrix: what stands for all, then each variant as a line or as a mark."""
    state = words.state_of(steps)
    room = box.width - _LEFT - 10
    count = f"{len(steps)}×"  # noqa: RUF001 as everybody writes it
    yield hover(f"{name}, {len(steps)} variants: {words.words_of(steps)}")
    yield _frame(box, state)
    yield mark(state, 17, 17, 7.5)
    yield text(_LEFT, 21, fitted(name, room - width_of(count, 12), 13, bold=True), 13, bold=True)
    yield text(box.width - 10, 21, count, 12, end=True, faint=True)
    yield text(_LEFT, 37, fitted(words.gist_of(steps), room, 11), 11, faint=True)
    yield from _lines(box, steps, now) if len(steps) <= _LINES else _marks(box, steps, now)


def _lines(box: Box, steps: Sequence[StepRecord], now: datetime) -> Iterator[str]:
    for i, step in enumerate(steps):
        y = _HEIGHT + i * _LINE + 8
        took = words.duration(words.seconds_of(step, now))
        room = box.width - _LEFT - 14 - width_of(took, 11)
        name = text(_LEFT, y + 4, fitted(variant_of(step.name), room, 11), 11)
        seconds = text(box.width - 10, y + 4, took, 11, end=True, faint=True)
        yield f"<g>{hover(told(step, now))}{mark(step.state, 17, y, 5.5)}{name}{seconds}</g>"


def _marks(box: Box, steps: Sequence[StepRecord], now: datetime) -> Iterator[str]:
    across = _in_a_row(box.width)
    for i, step in enumerate(steps):
        x, y = 17 + i % across * _MARK, _HEIGHT + i // across * _MARK + 8
        yield f"<g>{hover(told(step, now))}{mark(step.state, x, y, 6)}</g>"


def told(step: StepRecord, now: datetime) -> str:
    """Return all of a step in a line or two, for the pointer that rests on it."""
    took = words.duration(words.seconds_of(step, now))
    first = f"{step.name}: {words.word_of(step)}" + (f" after {took}" if took else "")
    parts = [first, step.reason, step.failure.message if step.failure else ""]
    return "\n".join(part for part in parts if part)
