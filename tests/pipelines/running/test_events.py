"""What a runner tells arrives whole, however it is cut; between two events a clock can be moved."""

import os
import pickle

import pytest

from mlops_jupyter.pipelines.records.run import StepRecord
from mlops_jupyter.pipelines.running.events import StepChanged, events


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as end:
        yield stream, end


def test_an_event_in_pieces_arrives_whole_and_in_order(pipe):
    stream, end = pipe
    told = [StepChanged(StepRecord(name, "RUNNING")) for name in ("load", "fit")]
    both = b"".join(map(pickle.dumps, told))
    found = events(stream, 0.01)
    end.write(both[:50])
    assert next(found) is None, "half an event is none"
    end.write(both[50:])
    assert [next(found), next(found)] == told
    end.close()
    assert list(found) == []


def test_where_nothing_is_told_time_passes_all_the_same(pipe):
    stream, _ = pipe
    found = events(stream, 0.01)
    assert [next(found), next(found)] == [None, None]
