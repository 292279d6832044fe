"""How often each label came, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.stats.categorical_profile import CategoricalProfile, categorical_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mlops_jupyter.stats.numeric_profile import Kind

    from .values import Label

#: Labels that are counted at once; of more, the rarest are told apart no longer.
REMEMBERED: Final = 20_000


class Tally:
    """How often each label came, of as many labels as are remembered.

    Parameters
    ----------
    keep : mapping, optional
        Labels that are never forgotten.
    """

    def __init__(self, keep: Mapping[Label, Any] | None = None) -> None:
        self.keep = keep or {}
        self.counts: dict[Label, int] = {}
        self.missing = self.forgotten = 0

    def add(self, labels: Sequence[Label], counts: NDArray[np.int64], missing: int) -> None:
        """Count more labels."""
        self.missing += missing
        for label, count in zip(labels, counts.tolist(), strict=True):
            if count:
                self.counts[label] = self.counts.get(label, 0) + count
        if len(self.counts) > 2 * REMEMBERED:
            self._forget()

    def profile(
        self, reference: CategoricalProfile | None = None, kind: Kind = "categorical"
    ) -> CategoricalProfile:
        """Return the profile of all labels so far: by the levels of a reference, or of its own."""
        found = categorical_profile(self.counts, self.missing, reference, kind)
        if not self.forgotten:
            return found
        complete = found.complete and reference is not None
        rows = self.forgotten
        return replace(found, other=found.other + rows, count=found.count + rows, complete=complete)

    def _forget(self) -> None:
        ranked = sorted(self.counts, key=lambda label: (label not in self.keep, -self.counts[label]))
        for label in ranked[REMEMBERED:]:
            self.forgotten += self.counts.pop(label)
