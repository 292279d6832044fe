"""What a deployment tells of itself: counted by each worker in a file of its own, summed when it is read.

A metrics library takes microseconds a request to count across processes, more than a small model takes to
predict. Here a count is an addition to eight bytes of mapped memory, which outlives the process.
"""

from __future__ import annotations

FOLDER = "metrics"  # within a deployment's
