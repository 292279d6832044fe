"""Recorders of a deployment of their own."""

from __future__ import annotations

import pytest

from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import DIGEST, captured


@pytest.fixture
def make_recorder(tmp_path):
    """Recorders of the deployment in `tmp_path`, closed at the end."""
    made = []

    def make(of, *, version="1.2.0", writer="worker-0", **options):
        recorder = Recorder(tmp_path, of, version, DIGEST, Options(**options), writer)
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.close(5)


@pytest.fixture
def capture(make_recorder, tmp_path):
    """Record some entries, and return what is in the files: a table."""

    def capture(of, entries, *, lost=0, **options):
        recorder = make_recorder(of, **options)
        for each in entries:
            recorder.record(each)
        recorder.close(20)
        assert recorder.dropped == lost
        return captured(tmp_path)

    return capture
