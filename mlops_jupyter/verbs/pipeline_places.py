"""Where each node of a graph stands: columns for layers, rows so that arrows are as straight as can be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_jupyter.verbs.pipeline_graph import Graph

_SWEEPS: Final = 40
_NEARLY: Final = 8  # pixels


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Halfway down."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width


@dataclass(frozen=True)
class Spacing:
    """How wide a column is, and how far things stand from one another, in pixels."""

    width: float
    across: float
    down: float


def place(graph: Graph, height: Callable[[str], float], spacing: Spacing) -> dict[str, Box]:
    """Return the box of each node, and of each place that a long arrow passes through.

    Parameters
    ----------
    graph : Graph
        What is to be placed.
    height : callable
        Takes the name of a node or of an arrow's place, returns its height.
    spacing : Spacing
        Widths and gaps.
    """
    heights = {name: height(name) for layer in graph.layers for name in layer}
    middles = _middles(graph, heights, spacing.down)
    top = min((middles[name] - heights[name] / 2 for name in middles), default=0.0)
    step = spacing.width + spacing.across
    return {
        name: Box(i * step, round(middles[name] - heights[name] / 2 - top), spacing.width, heights[name])
        for i, layer in enumerate(graph.layers)
        for name in layer
    }


def _middles(graph: Graph, heights: Mapping[str, float], gap: float) -> dict[str, float]:
    """Return the height at which each stands: near the middle of what it is joined to, none over another."""
    beside = _beside(graph)
    middles = {name: 0.0 for layer in graph.layers for name in layer}
    for sweep in range(_SWEEPS):
        for layer in graph.layers[:: 1 if sweep % 2 == 0 else -1]:
            wanted = [
                sum(middles[each] for each in beside[name]) / len(beside[name]) if beside[name] else 0.0
                for name in layer
            ]
            middles |= zip(layer, _apart(wanted, [heights[name] + gap for name in layer]), strict=True)
    return _straightened(graph, middles, {name: height + gap for name, height in heights.items()})


def _straightened(graph: Graph, middles: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, float]:
    """Return the heights with those made the same that are nearly so: an arrow is level, or plainly not."""
    level = dict(middles)
    before: dict[str, list[str]] = {name: [] for name in level}
    for (first, last), through in graph.paths.items():
        for left, right in pairwise((first, *through, last)):
            before[right].append(left)
    for layer in graph.layers:
        wanted = [_level(level[name], [level[each] for each in before[name]]) for name in layer]
        level |= zip(layer, _apart(wanted, [sizes[name] for name in layer]), strict=True)
    return level


def _level(own: float, left: Sequence[float]) -> float:
    middle = sum(left) / len(left) if left else own
    return middle if abs(middle - own) < _NEARLY else own


def _beside(graph: Graph) -> dict[str, list[str]]:
    beside: dict[str, list[str]] = {name: [] for layer in graph.layers for name in layer}
    for (before, after), through in graph.paths.items():
        chain = (before, *through, after)
        for left, right in pairwise(chain):
            beside[left].append(right)
            beside[right].append(left)
    return beside


def _apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return places in this order, as near as can be to those wanted, that leave each its size.

    Least squares under an order: pools of neighbours that would overlap share their mean.

    Examples
    --------
    >>> _apart([0, 0], [10, 10]), _apart([0, 30], [10, 10])
    ([-5.0, 5.0], [0.0, 30.0])
    """
    offsets = [0.0]
    for a, b in pairwise(sizes):
        offsets.append(offsets[-1] + (a + b) / 2)
    pools: list[tuple[float, int]] = []  # the mean of what its members want, and how many they are
    for want, offset in zip(wanted, offsets, strict=False):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    return [float(mean + offset) for mean, offset in zip(means, offsets, strict=False)]
