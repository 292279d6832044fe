"""The graph of a run as it is drawn: layers from left to right, the variants of a matrix as one node.

Layers by the longest path, so an arrow always goes right; an arrow over several layers has a place in each;
within a layer the order that crosses least, by the barycentre of what each is joined to (Sugiyama, Tagawa and
Toda 1981). Only names are looked at, so that a run's graph is laid out once, however often it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_jupyter.pipelines.records.run import RunRecord

Needs: TypeAlias = "Mapping[str, tuple[str, ...]]"
_SWEEPS: Final = 6
_COUNTED: Final = 400  # joints, up to which crossings are counted


@dataclass(frozen=True)
class Graph:
    """What is drawn, and where it stands among the rest.

    Parameters
    ----------
    nodes : mapping
        The steps of each node, by its name; several for a matrix. Each behind all that it needs.
    needs : mapping
        What each node needs, by name; only what no other of its needs says already.
    layers : tuple of tuple of str
        From left to right, each from top to bottom; with the places that long arrows pass through.
    paths : mapping
        The places that each arrow passes through, by what it joins.
    """

    nodes: Mapping[str, tuple[str, ...]]
    needs: Needs
    layers: tuple[tuple[str, ...], ...]
    paths: Mapping[tuple[str, str], tuple[str, ...]]


def graph_of(record: RunRecord) -> Graph:
    """Return the graph of a run."""
    return graph_from({step.name: tuple(record.needs.get(step.name, ())) for step in record.steps})


def graph_from(needs: Needs) -> Graph:
    """Return the graph of steps, given what each needs.

    Examples
    --------
    >>> graph_from({"a": (), "b[x=1]": ("a",), "b[x=2]": ("a",), "c": ("a", "b[x=1]", "b[x=2]")}).layers
    (('a',), ('b',), ('c',))
    """
    return _graph(tuple(needs.items()))


def base_of(step: str) -> str:
    """Return the name that the variants of a step share.

    Examples
    --------
    >>> base_of("train[depth=3]"), variant_of("train[depth=3]"), variant_of("train")
    ('train', 'depth=3', '')
    """
    return step.partition("[")[0]


def variant_of(step: str) -> str:
    """Return what makes a variant of a step: ``depth=3``."""
    return step.partition("[")[2].removesuffix("]")


@lru_cache(maxsize=16)
def _graph(wanted: tuple[tuple[str, tuple[str, ...]], ...]) -> Graph:
    variants: dict[str, list[str]] = {}
    for name, _ in wanted:
        variants.setdefault(base_of(name), []).append(name)
    nodes = {b if len(steps) > 1 else steps[0]: tuple(steps) for b, steps in variants.items()}
    needs = _joined(nodes, dict(wanted))
    depth = _depths(needs)
    if depth is None:  # variants that take one another's results cannot be one node
        nodes = {name: (name,) for name, _ in wanted}
        needs = _joined(nodes, dict(wanted))
        depth = _depths(needs)
    if depth is None:
        needs, depth = dict.fromkeys(nodes, ()), dict.fromkeys(nodes, 0)
    return _layered(nodes, _reduced(needs, depth), depth)


def _joined(nodes: Mapping[str, tuple[str, ...]], wanted: Needs) -> dict[str, tuple[str, ...]]:
    """Return what each node needs, from what each step needs."""
    owner = {step: name for name, steps in nodes.items() for step in steps}
    found = {}
    for name, steps in nodes.items():
        before = (owner.get(each) for step in steps for each in wanted.get(step, ()))
        found[name] = tuple(dict.fromkeys(each for each in before if each is not None and each != name))
    return found


def _depths(needs: Needs) -> dict[str, int] | None:
    """Return the length of the longest path to each, or None when there is a cycle."""
    depth: dict[str, int] = {}
    waiting = dict(needs)
    while waiting:
        free = [name for name, before in waiting.items() if all(each in depth for each in before)]
        if not free:
            return None
        for name in free:
            depth[name] = 1 + max((depth[each] for each in waiting.pop(name)), default=-1)
    return depth


def _reduced(needs: Needs, depth: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Leave out what a path says already: an arrow drawn past what it goes through tells nothing more."""
    above: dict[str, set[str]] = {}
    direct: dict[str, tuple[str, ...]] = {}
    for name in sorted(needs, key=lambda name: depth[name]):
        through = set[str]().union(*(above[before] for before in needs[name]))
        direct[name] = tuple(before for before in needs[name] if before not in through)
        above[name] = through | set(needs[name])
    return direct


def _layered(nodes: Mapping[str, tuple[str, ...]], needs: Needs, depth: Mapping[str, int]) -> Graph:
    ordered = {name: nodes[name] for name in sorted(nodes, key=lambda name: depth[name])}
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in ordered:
        layers[depth[name]].append(name)
    paths = {}
    for name in ordered:
        for before in needs[name]:
            between = range(depth[before] + 1, depth[name])
            paths[before, name] = tuple(f"{before}\n{name}\n{layer}" for layer in between)
            for layer, place in zip(between, paths[before, name], strict=True):
                layers[layer].append(place)
    return Graph(ordered, needs, _untangled(layers, _joints(paths)), paths)


def _joints(paths: Mapping[tuple[str, str], tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return every piece of an arrow, from one layer to the next."""
    return [piece for (a, b), through in paths.items() for piece in pairwise((a, *through, b))]


def _untangled(layers: list[list[str]], joints: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Return the layers in an order in which few arrows cross."""
    before: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    after: dict[str, list[str]] = {name: [] for name in before}
    for a, b in joints:
        before[b].append(a)
        after[a].append(b)
    best, least = tuple(map(tuple, layers)), _crossings(layers, before)
    for sweep in range(_SWEEPS if len(joints) <= _COUNTED else 0):
        _sweep(layers, before) if sweep % 2 == 0 else _sweep(layers[::-1], after)
        crossed = _crossings(layers, before)
        if crossed < least:
            best, least = tuple(map(tuple, layers)), crossed
    return best


def _sweep(layers: Iterable[list[str]], beside: Mapping[str, Sequence[str]]) -> None:
    """Order each layer by the middle of what it is joined to in the one before."""
    place: dict[str, float] = {}
    for layer in layers:
        own = {name: (i + 0.5) / len(layer) for i, name in enumerate(layer)}
        joined = {name: [place[each] for each in beside[name]] for name in layer}
        middle = {name: sum(at) / len(at) if at else own[name] for name, at in joined.items()}
        layer.sort(key=lambda name, middle=middle: middle[name])  # type: ignore[misc]
        place = {name: (i + 0.5) / len(layer) for i, name in enumerate(layer)}


def _crossings(layers: Sequence[Sequence[str]], before: Mapping[str, Sequence[str]]) -> int:
    """Count how often pieces of arrows cross."""
    total = 0
    for left, right in pairwise(layers):
        places = {name: i for i, name in enumerate(left)}
        ends = [(places[each], i) for i, name in enumerate(right) for each in before[name]]
        total += sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(ends) for c, d in ends[k + 1 :])
    return total
