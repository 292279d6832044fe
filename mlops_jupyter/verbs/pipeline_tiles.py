"""The graph of very many steps: a mark each, in columns by layer, and in words what is not well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.pipeline_cards import told
from mlops_jupyter.verbs.pipeline_marks import LOOKS, mark
from mlops_jupyter.verbs.pipeline_svg import fitted, hover, rect, svg, text, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mlops_jupyter.pipelines.records.run import StepRecord, StepState
    from mlops_jupyter.verbs.pipeline_graph import Graph

_WIDTH: Final = 760
_TILE: Final = 19
_APART: Final = 13  # between two layers
_BAR: Final = 10
_NAMED: Final = 8
_GREATEST: Final[tuple[StepState, ...]] = ("FAILED", "STOPPED", "RUNNING")
_ORDER: Final[tuple[StepState, ...]] = (
    "SUCCEEDED",
    "SKIPPED",
    "FAILED",
    "STOPPED",
    "RUNNING",
    "WAITING",
    "NOT RUN",
)


def draw(graph: Graph, steps: Mapping[str, StepRecord], now: datetime, about: str) -> str:
    """Return the drawing; the arguments are those of the cards."""
    every = list(steps.values())
    top = 30 + 26
    columns = [[name for name in layer if name in graph.nodes] for layer in graph.layers]
    layers = [[steps[step] for name in column for step in graph.nodes[name]] for column in columns]
    tiles, bottom = _tiles(layers, top, now)
    named, height = _named(every, bottom + 16, now)
    return svg(_WIDTH, height, [*_bar(every), *_legend(every), *tiles, *named], about)


def _bar(steps: Sequence[StepRecord]) -> Iterator[str]:
    """Yield how much of all is in which state, as one bar."""
    at = 0.0
    for state in _ORDER:
        share = sum(step.state == state for step in steps) / len(steps) * _WIDTH
        if share:
            look = LOOKS[state]
            faint = ' opacity=".28"' if look.hollow else ""
            yield rect(at, 2, max(share - 1, 1), _BAR, f'rx="2" fill="{look.colour}"{faint}')
        at += share


def _legend(steps: Sequence[StepRecord]) -> Iterator[str]:
    x = 0.0
    for state in _ORDER:
        count = sum(step.state == state for step in steps)
        if count:
            word = f"{count} {state.lower()}"
            yield mark(state, x + 7, 31, 6.5)
            yield text(x + 18, 35, word, 12)
            x += 18 + width_of(word, 12) + 14


def _tiles(layers: Sequence[Sequence[StepRecord]], top: float, now: datetime) -> tuple[list[str], float]:
    """Return the marks, in bands as wide as the drawing, and where they end."""
    parts: list[str] = []
    x, y, deepest = 0.0, top, 0
    rows = _rows(layers)
    for layer in layers:
        wide = -(-len(layer) // rows) * _TILE
        if x and x + wide > _WIDTH:
            x, y, deepest = 0.0, y + deepest * _TILE + 12, 0
        parts += (
            _tile(step, x + i // rows * _TILE, y + i % rows * _TILE, now) for i, step in enumerate(layer)
        )
        deepest = max(deepest, min(len(layer), rows))
        x += wide + _APART
    return parts, y + deepest * _TILE


def _rows(layers: Sequence[Sequence[StepRecord]]) -> int:
    """Return how many marks stand below one another: as few as let all layers stand in one band."""
    for rows in range(4, 24):
        if sum(-(-len(layer) // rows) * _TILE + _APART for layer in layers) - _APART <= _WIDTH:
            return rows
    return 8


def _tile(step: StepRecord, x: float, y: float, now: datetime) -> str:
    return f"<g>{hover(told(step, now))}{mark(step.state, x + 8, y + 8, 7)}</g>"


def _named(steps: Sequence[StepRecord], top: float, now: datetime) -> tuple[list[str], float]:
    """Return those that one wants to know by name, what failed first, and where they end."""
    found = sorted(
        (step for step in steps if step.state in _GREATEST), key=lambda step: _GREATEST.index(step.state)
    )
    parts: list[str] = []
    for i, step in enumerate(found[:_NAMED]):
        y = top + i * 20 + 6
        message = step.failure.message if step.failure else ""
        took = words.duration(words.seconds_of(step, now))
        line = ", ".join(part for part in (words.word_of(step), took, message) if part)
        parts += [mark(step.state, 8, y, 6.5), text(20, y + 4, fitted(step.name, 190, 12), 12, bold=True)]
        parts.append(text(216, y + 4, fitted(line, _WIDTH - 220, 12), 12, faint=True))
    more = len(found) - _NAMED
    if more > 0:
        parts.append(text(20, top + _NAMED * 20 + 10, f"and {more} more", 12, faint=True))
    return parts, top + min(len(found), _NAMED) * 20 + (20 if more > 0 else 0)
