"""A profile on other edges than it was counted by, with what that may have moved.

Within a cell nothing is known of where the rows lie. Straight lines are the best guess, and a cumulative
share at a new edge is off by no more than the cell that the edge falls into holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.counting import NumericCounter
from mlops_jupyter.stats.cumulative import counts_upto

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.stats.edges import Edges
    from mlops_jupyter.stats.numeric_profile import NumericProfile


def rebinned(profile: NumericProfile, edges: Edges) -> tuple[NumericProfile, float]:
    """Return the profile on other edges, and by how much a cumulative share may be wrong.

    The bound is the profile's `error` as well: where an effect straddles a limit by it, the verdict is
    INCONCLUSIVE. Profiles that still have their raw values are counted anew, without error.

    Parameters
    ----------
    profile : NumericProfile
    edges : Edges
        Those of another reference.
    """
    if profile.edges.digest == edges.digest:
        return profile, profile.error
    if profile.sample is not None:
        return _counted(profile, edges), profile.error
    upto, off = counts_upto(profile, edges.values)
    error = profile.error + off / max(profile.count, 1)
    counts: NDArray[np.int64] = np.diff(np.rint(upto), prepend=0.0, append=profile.count).astype(np.int64)
    return replace(
        profile, edges=edges, counts=counts, excess=_excess(profile, edges, counts), error=error
    ), error


def _counted(profile: NumericProfile, edges: Edges) -> NumericProfile:
    counter = NumericCounter(edges, profile.kind)
    if profile.sample is not None:
        counter.add(profile.sample)
    anew = counter.profile()
    return replace(profile, edges=edges, counts=anew.counts, excess=anew.excess)


def _excess(profile: NumericProfile, edges: Edges, counts: NDArray[np.int64]) -> tuple[float, float]:
    if not (edges.values.size and profile.finite):
        return 0.0, 0.0
    below, above = edges.values[0] - profile.minimum, profile.maximum - edges.values[-1]
    rows = int(counts[0]) - profile.infinite[0], int(counts[-1]) - profile.infinite[1]
    return max(0.0, below) * rows[0] / 2, max(0.0, above) * rows[1] / 2
