"""What a worker has beside its variants."""

from __future__ import annotations

import asyncio

from mlops_jupyter.serving.front import Keeping
from mlops_jupyter.serving.metrics import FOLDER
from mlops_jupyter.serving.metrics.families import CAPTURE_DROPPED
from mlops_jupyter.serving.metrics.folding import read_totals
from mlops_jupyter.serving.options import Options


class Slow:
    """A recorder that has no time left to write what waits."""

    dropped = 2

    def close(self, _: float) -> None:
        self.dropped += 3


def test_what_is_dropped_at_the_end_is_counted_too(tmp_path):
    keeping = Keeping(tmp_path, "churn", "worker-0", Options())
    keeping._recorders["1.0.0"] = Slow()
    asyncio.run(keeping.close())
    counts = read_totals(tmp_path / FOLDER).counts
    assert counts[CAPTURE_DROPPED.tag, "churn", "1.0.0", ""] == (5,)
