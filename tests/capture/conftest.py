"""Deployments that captured what a test says, by the server's own recorder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import DIGEST, column, contract

OF = contract(
    [column("distance"), column("origin", "string"), column("hour", "long"), column("night", "boolean")]
)
THEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000


def usual_row(number: int) -> tuple:
    return float(number), ("JFK", "LGA", None)[number % 3], number % 24, number % 2 == 0


class Traffic:
    """A deployment's folder, and requests that it was sent at any time."""

    def __init__(self, folder) -> None:
        self.folder, self._sent = folder, 0
        folder.mkdir()

    def send(self, times, *, version="1.0.0", role="stable", status=200, of=OF, rows=None, **options) -> None:
        """Send one row for each time, or the given ones; refused with another status than 200."""
        recorder = Recorder(self.folder, of, version, DIGEST, Options(**options), "worker-0")
        for number, moment in enumerate(times):
            self._sent += 1
            row = rows[number] if rows else usual_row(number)
            about = (nanoseconds(moment), f"p{self._sent}", "", role, status, 0.0025)
            answered = ([row], [number % 2], [[0.25, 0.75]], "")
            said = answered if status == 200 else (None, None, None, "distance: missing")
            recorder.record_replayed((*about, *said))
        recorder.close(10)
        assert recorder.dropped == 0


@pytest.fixture
def traffic(tmp_path):
    return Traffic(tmp_path / "late")
