"""The router of a deployment: resident variants, and the table of weights that may change at any request."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from .router import Variant, variant_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .weights import WeightsReader


class WeightedRouter:
    """Sends each request where the weights say, as they are at that moment."""

    def __init__(self, variants: Sequence[Variant], weights: WeightsReader, about: dict[str, Any]) -> None:
        self.variants = variants
        self.ready = self.draining = False
        self._weights, self._about = weights, about

    def choose(self) -> tuple[Variant, str]:
        """Return the variant for the next request, and its role."""
        weights = self._weights.current()
        drawn, passed = random.random() * 100, 0.0
        for slot, share in enumerate(weights.shares):
            passed += share.percent
            if drawn < passed:
                return self.variants[slot], share.role
        return self.variants[weights.stable], "stable"

    def stable(self) -> Variant:
        """Return the variant whose contract ``/schema`` and ``/docs`` show."""
        return self.variants[self._weights.current().stable]

    def describe(self) -> dict[str, Any]:
        """Return what ``GET /health`` tells of this worker."""
        shares = self._weights.current().shares
        entries = [
            variant_entry(variant, share.role, share.percent)
            for variant, share in zip(self.variants, shares, strict=True)
        ]
        return {**self._about, "pid": os.getpid(), "variants": entries}
