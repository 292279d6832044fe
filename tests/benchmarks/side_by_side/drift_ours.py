"""Ours: a profile of each window, and PSI, KS, JS and Wasserstein of every column with their bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats import comparing

if TYPE_CHECKING:
    import pandas as pd


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Return the columns whose verdict is not OK."""
    expected = profile_table(reference)
    found = comparing.compare(expected, profile_table(current, expected))
    for column in found.columns:
        effects = column.effects
        assert {"psi", "js"} <= effects.keys(), column
        assert {"ks", "wasserstein"} <= effects.keys() or column.kind != "numeric", column
        assert all(effect.low <= effect.value <= effect.high for effect in effects.values()), column
    return [column.name for column in found.columns if column.verdict != "OK"]


if __name__ == "__main__":
    from drift_turns import take_turns

    take_turns(compare)
