"""The graph of steps: an order that honours what each needs, a cycle told as one, what is before."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def ordered(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names, each behind all that it needs, else in the order they came in.

    Parameters
    ----------
    needs : mapping
        What each needs.

    Returns
    -------
    list of str
        Shorter than `needs` when there is a cycle: what is in it, or behind it, is left out.

    Examples
    --------
    >>> ordered({"train": ["features"], "check": [], "features": []})
    ['check', 'features', 'train']
    """
    place = {name: at for at, name in enumerate(needs)}
    waits = {name: len(set(before)) for name, before in needs.items()}
    followers = followers_of(needs)
    ready = [place[name] for name, count in waits.items() if not count]
    names, made = list(needs), []
    heapq.heapify(ready)
    while ready:
        name = names[heapq.heappop(ready)]
        made.append(name)
        for follower in followers[name]:
            waits[follower] -= 1
            if not waits[follower]:
                heapq.heappush(ready, place[follower])
    return made


def followers_of(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return which need each, the other way round than `needs`."""
    made: dict[str, list[str]] = defaultdict(list)
    for name, before in needs.items():
        for other in dict.fromkeys(before):
            made[other].append(name)
    return made


def cycle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a cycle as the way round it, ``[train, check, train]``; empty when there is none.

    Each follows what it needs: train before check, and check before train.

    Examples
    --------
    >>> cycle({"check": ["train"], "train": ["check"], "ingest": []})
    ['check', 'train', 'check']
    """
    left = set(needs) - set(ordered(needs))
    if not left:
        return []
    way = [next(name for name in needs if name in left)]
    while way.count(way[-1]) == 1:
        way.append(next(name for name in needs[way[-1]] if name in left))
    return way[way.index(way[-1]) :][::-1]


def reached(needs: Mapping[str, Iterable[str]], names: Iterable[str]) -> set[str]:
    """Return the names and all that they need, however far.

    Examples
    --------
    >>> sorted(reached({"a": [], "b": ["a"], "c": ["b"]}, ["b"]))
    ['a', 'b']
    """
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(needs.get(name, ()))
    return seen
