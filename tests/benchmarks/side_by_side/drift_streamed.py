"""Profile a folder of Parquet files that no memory would hold, and say how much memory that took.

    python drift_streamed.py FOLDER

Once as a reference, which takes two passes and makes its own edges, once as a current window against those.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pyarrow.dataset
import pyarrow.parquet  # noqa: F401 - what reading itself takes is no memory of the profile's
from drift_turns import forget_peak, peak_mb, resident_mb, say

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats import comparing

if TYPE_CHECKING:
    from mlops_jupyter.stats.profiles import Profile


def main() -> None:
    """Measure both, and print."""
    folder = sys.argv[1]
    before = resident_mb()
    reference, made = timed(folder, None)
    current, counted = timed(folder, reference)
    assert comparing.compare(reference, current).ok
    assert reference.rows == current.rows
    say(
        {
            "rows": reference.rows,
            "streamed_mb": max(made[1], counted[1]) - before,
            "streamed_reference_mb": made[1] - before,
            "streamed_current_mb": counted[1] - before,
            "streamed_reference_cpu_s": made[0],
            "streamed_current_cpu_s": counted[0],
            "imports_mb": before,
        }
    )


def timed(folder: str, reference: Profile | None) -> tuple[Profile, tuple[float, float]]:
    """Return the profile, the CPU seconds it took, and the peak of memory."""
    forget_peak()
    cpu = time.process_time()
    profile = profile_table(folder, reference)
    return profile, (time.process_time() - cpu, peak_mb())


if __name__ == "__main__":
    main()
