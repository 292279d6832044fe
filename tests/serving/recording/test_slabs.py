"""Requests of many rows, laid out where they were answered: in the files as all others are."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.recording import slabs as slabs_module
from mlops_jupyter.serving.recording.slabs import ROOM
from tests.serving.recording.samples import Writing, column, contract, entry, output

NUMBERS = [column("distance"), column("hour")]
CLASSES = contract(NUMBERS)
VALUES = contract(NUMBERS, [output("delay", "double", None)], probabilities=False)
RANDOM = np.random.default_rng(0)


def request(rows, number=0, **said):
    """Return an answered request of so many rows, its blocks laid out in either way."""
    block = np.asarray(RANDOM.random((rows, 2)), order="F" if number % 2 else "C")
    scores = RANDOM.random((rows, 2))
    labels = (scores[:, 1] > 0.5).astype(np.int64)
    return entry(block, labels, scores, **({"id_": f"{number:032}"} | said))


class Learning(Writing):
    """One that lays out requests like those it has seen twice, and counts how often it is woken."""

    def __init__(self, folder, of, **options):
        super().__init__(folder, of, **options)
        self.woken = []
        if self.slabs is not None:
            self.slabs.wake = lambda: self.woken.append(1)

    def learn(self, like):
        self.write([like])
        self.write([like])


@pytest.fixture
def writing(tmp_path):
    return Learning(tmp_path, CLASSES)


def usual(folder, of, entries):
    """Return what is in the files when they go the way of all others."""
    other = Learning(folder, of)
    other.write(entries)
    return other.read()


@pytest.mark.parametrize("rows", [1, 7, 8, 500, 1003])
def test_they_are_found_as_if_they_had_gone_the_other_way(tmp_path, rows):
    writing = Learning(tmp_path / "laid out", CLASSES)
    requests = [request(rows, i) for i in range(9)]
    writing.learn(requests[0])
    for each in requests[1:]:
        assert writing.slabs.add(each)
        if each is requests[4]:
            writing.write([request(3, 77)])  # after which no block of the file begins
            writing.write_slabs()
    writing.write_slabs()
    told = [row for row in writing.read() if row["prediction_id"] != f"{77:032}"]
    assert told[2 * rows :] == usual(tmp_path / "usual", CLASSES, requests[1:])


def test_a_model_without_classes_is_captured_alike(tmp_path):
    writing = Learning(tmp_path / "laid out", VALUES)
    requests = [entry(RANDOM.random((300, 2)), RANDOM.random(300), id_=f"{i:032}") for i in range(3)]
    writing.learn(requests[0])
    assert all(map(writing.slabs.add, requests[1:]))
    writing.write_slabs()
    assert writing.read()[600:] == usual(tmp_path / "usual", VALUES, requests[1:])


def test_a_kind_of_request_is_learned_when_it_comes_a_second_time(writing):
    writing.write([request(100)])
    assert not writing.slabs.add(request(100))
    writing.write([request(100)])
    assert writing.slabs.add(request(100))
    assert not writing.slabs.add(request(101))
    assert not writing.slabs.add(request(100, role="candidate"))


@pytest.mark.parametrize(
    "other",
    [
        request(100, unit="somebody"),
        request(100, status=500, error="failed"),
        request(100, id_="short"),
        entry(RANDOM.random((100, 2)), [1] * 100, RANDOM.random((100, 2)), id_="0" * 32),
        entry(RANDOM.random((100, 2)), np.ones(100, np.int64), None, id_="0" * 32),
        entry(np.full((100, 2), np.nan), np.ones(100, np.int64), RANDOM.random((100, 2)), id_="0" * 32),
        entry(RANDOM.random((100, 2)), np.ones(100, np.int64), np.full((100, 2), np.nan), id_="0" * 32),
    ],
)
def test_what_is_said_otherwise_goes_the_way_of_all_others(writing, other):
    writing.learn(request(100))
    assert not writing.slabs.add(other)
    assert len(writing.slabs) == 0


def test_units_that_are_not_kept_are_no_hindrance(tmp_path):
    writing = Learning(tmp_path, CLASSES, unit="field:hour", capture_masked=("hour",))
    assert writing.slabs is None  # nor are its features plain
    masked = Learning(tmp_path, CLASSES, unit="field:other", capture_masked=("other",))
    masked.learn(request(100))
    assert masked.slabs.add(request(100, unit="somebody"))


def test_when_the_disk_is_behind_nothing_more_is_taken_and_nothing_lost(writing):
    writing.learn(request(1000))
    taken = 0
    while writing.slabs.add(request(1000, taken)):
        taken += 1
    assert writing.woken
    assert len(writing.slabs) == taken > 4
    assert taken * 1000 * 9 * 8 < 3 * ROOM
    writing.write_slabs()
    assert len(writing.slabs) == 0
    assert writing.slabs.add(request(1000))
    writing.write_slabs()
    assert len(writing.read()) == (taken + 3) * 1000


def test_requests_larger_than_a_slab_are_not_learned(writing, monkeypatch):
    monkeypatch.setattr(slabs_module, "ROOM", 2**14)
    writing.learn(request(1000))
    assert not writing.slabs.add(request(1000))


def test_after_the_end_they_go_where_they_are_counted(writing):
    writing.learn(request(100))
    writing.slabs.shut()
    assert not writing.slabs.add(request(100))


def test_a_recorder_writes_all_of_many_such_requests(make_recorder, tmp_path):
    recorder = make_recorder(CLASSES)
    requests = [request(200, i) for i in range(50)]
    for number, each in enumerate(requests):
        recorder.record(each, 8192)
        deadline = time.monotonic() + 10
        while number == 1 and not captured_files(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)  # by then it is known what they look like
    recorder.close(20)
    assert recorder.dropped == 0
    rows = [
        row for file in captured_files(tmp_path) for b in read_batches(file.path) for row in b.to_pylist()
    ]
    assert sorted({row["prediction_id"] for row in rows}) == [f"{i:032}" for i in range(50)]
    assert len(rows) == 50 * 200
