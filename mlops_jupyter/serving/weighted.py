"""The router of a deployment: resident variants, and the table of weights that may change at any request.

A unit is hashed with the deployment's salt to a place from 0 to 1. The arms lie nested on that line: the
slots that are not stable grow by turns from its left and from its right end, stable has what is between.
So raising a weight only ever moves units from stable to that candidate, and lowering it moves the same ones
back. Each slot has its end whatever the weights: that a second candidate comes or goes moves nobody who has
the first. (Only two at the same end do, with a third candidate or a resident version in the slot between.)
"""

from __future__ import annotations

import os
from hashlib import blake2b
from random import getrandbits
from typing import TYPE_CHECKING, Any

from .router import Variant, variant_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .weights import Weights, WeightsReader

    Choice = tuple[Variant, str]

_WHOLE = 1 << 64


class _Arms:
    """The variants laid out by one table of weights.

    Parameters
    ----------
    variants : sequence of Variant
        By slot.
    weights : Weights
        The table.
    """

    def __init__(self, variants: Sequence[Variant], weights: Weights) -> None:
        self.weights = weights
        self.stable: Choice = (variants[weights.stable], "stable")
        self.shadows = [variants[slot] for slot, share in enumerate(weights.shares) if share.role == "shadow"]
        others = [slot for slot in range(len(weights.shares)) if slot != weights.stable]
        arms = [
            ((variants[slot], weights.shares[slot].role), weights.shares[slot].percent) for slot in others
        ]
        self._left = _bounds(arms[0::2])
        self._right = [(_WHOLE - bound, choice) for bound, choice in _bounds(arms[1::2])]
        self.divided = bool(self._left or self._right)

    def at(self, place: int) -> Choice:
        """Return who gets a unit at a place from 0 to 2**64."""
        for bound, choice in self._left:
            if place < bound:
                return choice
        for bound, choice in self._right:
            if place >= bound:
                return choice
        return self.stable


class WeightedRouter:
    """Sends each request where the weights say, as they are at that moment.

    Parameters
    ----------
    variants : sequence of Variant
        By slot.
    weights : WeightsReader
        The table, as a worker sees it.
    about : dict
        What ``/health`` tells beside.
    salt : str
        Mixed into the hash of a unit; the deployment's own.
    """

    def __init__(
        self, variants: Sequence[Variant], weights: WeightsReader, about: dict[str, Any], salt: str = ""
    ) -> None:
        self.variants = variants
        self.ready = self.draining = False
        self._reader, self._about = weights, about
        self._salt = blake2b(salt.encode(), digest_size=blake2b.SALT_SIZE).digest()
        self._arms = _Arms(variants, weights.current())

    def choose(self, unit: str) -> Choice:
        """Return the variant for a request of a unit, and its role."""
        arms = self._current()
        return arms.at(self._place(unit)) if arms.divided else arms.stable

    def find(self, name: str) -> Choice | None:
        """Return the resident variant of a role or version, and its role."""
        arms = self._current()
        for variant, share in zip(self.variants, arms.weights.shares, strict=True):
            if name in (share.role, variant.version):
                return variant, share.role
        return None

    def shadows(self) -> Sequence[Variant]:
        """Return the variants that get a copy of each request, by the table that the last one was sent by."""
        return self._arms.shadows

    def stable(self) -> Variant:
        """Return the variant whose contract ``/schema`` and ``/docs`` show."""
        return self._current().stable[0]

    def describe(self) -> dict[str, Any]:
        """Return what ``GET /health`` tells of this worker."""
        shares = self._current().weights.shares
        entries = [
            variant_entry(variant, share.role, share.percent)
            for variant, share in zip(self.variants, shares, strict=True)
        ]
        return {**self._about, "pid": os.getpid(), "variants": entries}

    def _current(self) -> _Arms:
        weights = self._reader.current()
        if weights is not self._arms.weights:
            self._arms = _Arms(self.variants, weights)
        return self._arms

    def _place(self, unit: str) -> int:
        if not unit:  # nobody's request
            return getrandbits(64)
        return int.from_bytes(blake2b(unit.encode(), salt=self._salt, digest_size=8).digest())


def _bounds(arms: Sequence[tuple[Choice, float]]) -> list[tuple[int, Choice]]:
    """Return where each arm ends, one beginning where the last one ends; `arms` with their percents."""
    bounds, passed = [], 0.0
    for choice, percent in arms:
        if percent > 0:
            passed += percent / 100
            bounds.append((round(passed * _WHOLE), choice))
    return bounds
