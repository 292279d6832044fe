"""A thousand hourly profiles of fifty columns: how long it takes to merge them, and what one takes on disk.

    python drift_hours.py FOLDER

The reference is of a million rows; each hour has another thousand rows of the current window.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from drift_turns import say

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.profiles import Profile, merged

if TYPE_CHECKING:
    from collections.abc import Callable

HOURS, ROWS, DIFFERENT = 1000, 1000, 50


def main() -> None:
    """Measure, and print."""
    reference, current = (
        pd.read_parquet(Path(sys.argv[1]) / f"{s}.parquet") for s in ("reference", "current")
    )
    expected = profile_table(reference)
    alone = [len(Profile({name: column}).to_bytes()) for name, column in expected.columns.items()]
    few = [profile_table(current.iloc[at * ROWS : (at + 1) * ROWS], expected) for at in range(DIFFERENT)]
    written = [hour.to_bytes(with_edges=False) for hour in few]
    hours = [Profile.from_bytes(written[at % DIFFERENT], expected) for at in range(HOURS)]
    begun = time.process_time()
    total = merged(hours)
    merging = time.process_time() - begun
    assert total.rows == HOURS * ROWS
    reading = taken(lambda: [Profile.from_bytes(written[at % DIFFERENT], expected) for at in range(HOURS)])
    say(
        {
            "merge_1000_s": merging,
            "read_1000_s": reading,
            "profile_kb": len(expected.to_bytes()) / len(expected.columns) / 1000,
            "largest_column_kb": max(alone) / 1000,
            "hour_kb": float(np.mean([len(hour) for hour in written])) / len(expected.columns) / 1000,
        }
    )


def taken(action: Callable[[], object]) -> float:
    """Return the CPU seconds that something takes."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
