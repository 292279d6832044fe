"""A thousand hourly profiles of fifty columns: how long it takes to merge them, and what one takes on disk.

    python drift_hours.py FOLDER

The reference is of a million rows; each hour has another thousand rows of the current window.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from drift_turns import say

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.profiles import Profile, merged

HOURS, ROWS, DIFFERENT, DAY = 1000, 1000, 24, 24


def main() -> None:
    """Measure, and print."""
    reference, current = (
        pd.read_parquet(Path(sys.argv[1]) / f"{side}.parquet") for side in ("reference", "current")
    )
    expected = profile_table(reference)
    alone = [len(Profile({name: column}).to_bytes()) for name, column in expected.columns.items()]
    few = [profile_table(current.iloc[at * ROWS : (at + 1) * ROWS], expected) for at in range(DIFFERENT)]
    written = [hour.to_bytes(with_edges=False) for hour in few]
    reading, merging = read_and_merged([written[at % DIFFERENT] for at in range(HOURS)], expected)
    say(
        {
            "merge_1000_s": merging,
            "read_1000_s": reading,
            "profile_kb": len(expected.to_bytes()) / len(expected.columns) / 1000,
            "largest_column_kb": max(alone) / 1000,
            "hour_kb": float(np.mean([len(hour) for hour in written])) / len(expected.columns) / 1000,
        }
    )


def read_and_merged(hours: list[bytes], reference: Profile) -> tuple[float, float]:
    """Return the CPU seconds it takes to read the hours, and to merge them, a day at a time."""
    reading = merging = 0.0
    total: list[Profile] = []
    for start in range(0, len(hours), DAY):
        times = [time.process_time()]
        day = [Profile.from_bytes(hour, reference) for hour in hours[start : start + DAY]]
        times.append(time.process_time())
        total = [merged([*total, *day])]
        times.append(time.process_time())
        reading, merging = reading + times[1] - times[0], merging + times[2] - times[1]
    assert total[0].rows == len(hours) * ROWS
    return reading, merging


if __name__ == "__main__":
    main()
