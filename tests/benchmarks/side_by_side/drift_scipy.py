"""A loop over the columns with SciPy, as one writes it in a notebook.

    python drift_scipy.py FOLDER [wasserstein]

Kolmogorov-Smirnov for numbers, chi-square for texts; on request the Wasserstein distance, too, which takes
four times as long as all the rest.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from scipy import stats

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
DISTANCE = 0.1
WASSERSTEIN = "wasserstein" in sys.argv[2:]


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Return the columns whose p-value is under 0.05, or whose distance is over a tenth of a deviation."""
    return [name for name in reference if drifted(reference[name].dropna(), current[name].dropna())]


def drifted(reference: pd.Series[Any], current: pd.Series[Any]) -> bool:
    """Return what the tests say of a column."""
    if reference.dtype.kind not in "biuf":
        import pandas as pd

        counts = pd.concat([reference.value_counts(), current.value_counts()], axis=1).fillna(0)
        return bool(stats.chi2_contingency(counts).pvalue < LEVEL)
    found = bool(stats.ks_2samp(reference, current).pvalue < LEVEL)
    if WASSERSTEIN:
        distance = stats.wasserstein_distance(reference, current)
        found = found or distance > DISTANCE * reference.std()
    return found


if __name__ == "__main__":
    from drift_turns import take_turns

    take_turns(compare)
