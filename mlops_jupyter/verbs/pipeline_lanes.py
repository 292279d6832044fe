"""The graph of a run in lines, one a step, as version control draws its branches: for narrow pages and text.

A step's lane goes down to the last that needs it; there it ends, or is taken over. The variants of a matrix
stand in one lane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_jupyter.verbs.pipeline_graph import Graph


@dataclass(frozen=True)
class Row:
    """A step's line.

    Parameters
    ----------
    name : str
        The step's.
    lane : int
        Its own, from 0 at the left.
    joins : tuple of (int, bool)
        The lanes of what it needs, and whether each goes on below.
    passes : tuple of int
        The lanes that go by.
    """

    name: str
    lane: int
    joins: tuple[tuple[int, bool], ...] = ()
    passes: tuple[int, ...] = ()

    @property
    def span(self) -> range:
        """The lanes from the leftmost that it touches to the rightmost, without the last."""
        touched = [self.lane, *(lane for lane, _ in self.joins)]
        return range(min(touched), max(touched))


def lanes(graph: Graph) -> tuple[Row, ...]:
    """Return the lines of a graph's nodes, each behind what it needs.

    Examples
    --------
    >>> [row.lane for row in lanes(_example())]
    [0, 1, 0, 0]
    """
    yet = dict.fromkeys(graph.nodes, 0)
    for before, _ in graph.paths:
        yet[before] += 1
    taken: list[str | None] = []
    return tuple(_row(graph, name, taken, yet) for name in graph.nodes)


def each_step(graph: Graph) -> tuple[Row, ...]:
    """Return the lines of all steps; of variants only the last leads on, for all of them."""
    rows = []
    for row in lanes(graph):
        *others, last = graph.nodes[row.name]
        going_on = tuple((lane, True) for lane, _ in row.joins)
        rows += [replace(row, name=step, joins=going_on) for step in others]
        rows.append(replace(row, name=last))
    return tuple(rows)


def width_of(rows: Sequence[Row]) -> int:
    """Return how many lanes there are."""
    return 1 + max((max([row.lane, *row.passes, *dict(row.joins)]) for row in rows), default=-1)


def _row(graph: Graph, name: str, taken: list[str | None], yet: dict[str, int]) -> Row:
    """Return a node's line, and note whose lanes go on below it."""
    joins = []
    for before in graph.needs[name]:
        yet[before] -= 1
        joins.append((taken.index(before), yet[before] > 0))
    own = _free_lane(taken) if len(graph.nodes[name]) > 1 else -1  # variants stand beside what they need
    for lane, goes_on in joins:
        taken[lane] = taken[lane] if goes_on else None
    own = own if own >= 0 else _free_lane(taken)
    taken[own : own + 1] = [name if yet[name] else None]
    joined = {lane for lane, _ in joins}
    passes = (i for i, whose in enumerate(taken) if whose is not None and i != own and i not in joined)
    return Row(name, own, tuple(joins), tuple(passes))


def _free_lane(taken: Sequence[str | None]) -> int:
    return taken.index(None) if None in taken else len(taken)


def letters(row: Row, mark: str, width: int) -> str:
    """Return a line's lanes as letters, with the mark of its step in its own.

    Examples
    --------
    >>> rows = lanes(_example())
    >>> print(*(letters(row, "o", 2) for row in rows), sep="|")
    o  |├─o|o │|o─╯
    """
    cells = [_letter(row, lane, mark) + ("─" if lane in row.span else " ") for lane in range(width)]
    return "".join(cells)[:-1]


def _letter(row: Row, lane: int, mark: str) -> str:
    if lane == row.lane:
        return mark
    inside = lane in row.span and lane != row.span.start
    for joined, goes_on in row.joins:
        if joined == lane:
            if inside:
                return "┼" if goes_on else "┴"
            sides = ("├", "┤") if goes_on else ("╰", "╯")
            return sides[lane > row.lane]
    if lane in row.passes:
        return "│"
    return "─" if inside else " "


def _example() -> Graph:
    """Return a diamond, for the examples above."""
    from mlops_jupyter.verbs.pipeline_graph import graph_from

    return graph_from({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")})
