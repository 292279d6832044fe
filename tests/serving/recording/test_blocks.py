"""Answers of one row each, laid out in blocks by who answers: in the files as all others are."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from mlops_jupyter.serving.recording import slabs as slabs_module
from mlops_jupyter.serving.recording.blocks import BLOCK_ROWS
from mlops_jupyter.serving.recording.ring import make_ring
from tests.serving.recording.samples import Writing, captured, column, contract, output

NUMBERS = [column("distance"), column("hour"), column("day")]
LIMIT = 60
CLASSES = contract(NUMBERS, [output(classes=(3, 7))])
VALUES = contract(NUMBERS, [output("delay", "double", None)], probabilities=False)
TEXTS = contract(NUMBERS, [output("late", "string", ("no", "yes"))])


class Answering(Writing):
    """One into whose ring answers of one row go."""

    def __init__(self, folder, of=CLASSES, *, slabs=True, **options):
        super().__init__(folder, of, slabs=slabs, **options)
        self.ring = make_ring(of, self.layout, threading.Event(), self.slabs)

    def add(self, first, count=BLOCK_ROWS, *, unit="", role="stable", scores=None):
        for number in range(first, first + count):
            features = np.array([number, -number, 0.5])
            if self.of is VALUES:
                label, score = number / 3, b""
            else:
                score = np.array([0.25, 0.75] if scores is None else scores).tobytes()
                label = ((3, 7) if self.of is CLASSES else ("no", "yes"))[number % 2]
            assert self.ring.add(f"{number:032}", unit, role, number / 1e6, label, features.tobytes(), score)

    def write_ring(self):
        while (rows := self.ring.take()) is not None:
            self.write([rows])

    def learnt(self, **said):
        """Be one whose blocks are laid out."""
        self.add(0, **said)
        self.write_ring()
        return self

    def read(self):
        return [{name: each[name] for name in each if name != "time"} for each in super().read()]


@pytest.fixture
def writing(tmp_path):
    return Answering(tmp_path).learnt()


@pytest.mark.parametrize("of", [CLASSES, VALUES])
@pytest.mark.parametrize("blocks", [1, 3, 40])
def test_they_are_found_as_if_they_had_gone_the_other_way(tmp_path, of, blocks):
    laid, usual = Answering(tmp_path / "laid", of).learnt(), Answering(tmp_path / "usual", of, slabs=False)
    usual.add(0)
    usual.write_ring()
    for number in range(1, blocks + 1):
        laid.add(number * BLOCK_ROWS)
        assert len(laid.ring) == 0
        if number % 5 == 0:
            laid.write_slabs()
        usual.add(number * BLOCK_ROWS)
        usual.write_ring()
    laid.write_slabs()
    assert laid.read() == usual.read()


@pytest.mark.parametrize("unit", ["u", "customer-0123456789", "Käufer 7"])
def test_units_are_kept(tmp_path, unit):
    laid, usual = Answering(tmp_path / "laid").learnt(unit=unit), Answering(tmp_path / "usual", slabs=False)
    usual.add(0, unit=unit)
    usual.write_ring()
    for number in range(1, 4):
        laid.add(number * BLOCK_ROWS, unit=unit[:number])
        assert (len(laid.ring), len(laid.slabs)) == (0, number * BLOCK_ROWS)
        usual.add(number * BLOCK_ROWS, unit=unit[:number])
        usual.write_ring()
    laid.write_slabs()
    assert laid.read() == usual.read()


def test_blocks_of_longer_units_are_learnt_anew(tmp_path):
    writing = Answering(tmp_path).learnt(unit="short")
    writing.add(BLOCK_ROWS, unit="longer than any before")
    assert len(writing.slabs) == 0
    writing.write_ring()
    writing.add(2 * BLOCK_ROWS, unit="longer than any before")
    assert len(writing.slabs) == BLOCK_ROWS
    writing.add(3 * BLOCK_ROWS)
    assert (len(writing.ring), len(writing.slabs)) == (BLOCK_ROWS, BLOCK_ROWS)  # none are another kind
    writing.ring.shut()
    writing.write_ring()
    writing.write_slabs()
    units = {row["prediction_id"]: row["unit"] for row in writing.read()}
    assert [units[f"{i * BLOCK_ROWS:032}"] for i in range(4)] == [
        "short",
        *["longer than any before"] * 2,
        None,
    ]


def test_units_that_are_hashed_go_the_usual_way(tmp_path):
    writing = Answering(tmp_path, unit="field:other", capture_hashed=("other",)).learnt(unit="somebody")
    writing.add(BLOCK_ROWS, unit="somebody")
    assert (len(writing.ring), len(writing.slabs)) == (BLOCK_ROWS, 0)


def test_their_times_are_when_they_were_answered(writing):
    begun = time.time()
    writing.add(BLOCK_ROWS)
    ended = time.time()
    writing.write_slabs()
    writing.files.close()
    times = [moment.timestamp() for moment in captured(writing.folder)["time"].to_pylist()[BLOCK_ROWS:]]
    assert begun - 1e-5 <= times[0] <= times[-1] <= ended
    assert times == sorted(times)


def test_a_kind_is_learnt_from_the_first_whole_block_that_is_written(tmp_path):
    writing = Answering(tmp_path)
    writing.add(0, BLOCK_ROWS - 1)
    writing.write_ring()
    writing.add(0)
    assert len(writing.ring) == BLOCK_ROWS
    writing.write_ring()
    writing.add(0)
    assert (len(writing.ring), len(writing.slabs)) == (0, BLOCK_ROWS)
    writing.add(0, role="candidate")
    assert (len(writing.ring), len(writing.slabs)) == (BLOCK_ROWS, BLOCK_ROWS)


@pytest.mark.parametrize(
    "other",
    [{"unit": "somebody"}, {"role": "candidate"}, {"scores": [np.nan, 0.5]}],
    ids=lambda it: next(iter(it)),
)
def test_a_block_with_something_else_in_it_goes_the_way_of_all_others(writing, other):
    writing.add(1000, 100)
    writing.add(1100, 1, **other)
    writing.add(1101, BLOCK_ROWS - 101)
    assert (len(writing.ring), len(writing.slabs)) == (BLOCK_ROWS, 0)
    writing.write_ring()
    (row,) = [row for row in writing.read() if row["prediction_id"] == f"{1100:032}"]
    assert row["unit"] == other.get("unit")
    assert row["variant"] == other.get("role", "stable")


def test_models_that_answer_in_words_are_captured_the_usual_way(tmp_path):
    writing = Answering(tmp_path, TEXTS)
    assert writing.slabs is None
    writing.add(0)
    writing.write_ring()
    assert len(writing.read()) == BLOCK_ROWS


def test_units_that_are_not_kept_are_no_hindrance(tmp_path):
    writing = Answering(tmp_path, unit="field:other", capture_masked=("other",)).learnt()
    writing.add(BLOCK_ROWS, unit="somebody")
    assert (len(writing.ring), len(writing.slabs)) == (0, BLOCK_ROWS)
    writing.add(2 * BLOCK_ROWS, 1)
    writing.write_slabs()
    writing.ring.take()  # the first look leaves a block that is filling
    writing.write_ring()
    assert {row["unit"] for row in writing.read()} == {None}


def test_a_block_that_fills_while_others_are_written_waits(writing):
    writing.add(BLOCK_ROWS, 100)
    taken = writing.ring.take()
    writing.add(BLOCK_ROWS + 100, BLOCK_ROWS - 100)
    assert (len(writing.ring), len(writing.slabs)) == (BLOCK_ROWS - 100, 0)
    writing.write([taken])
    writing.write_ring()
    assert [row["prediction_id"] for row in writing.read()] == [f"{i:032}" for i in range(2 * BLOCK_ROWS)]


def test_rows_of_a_block_that_is_filling_are_written_at_the_next_look_at_the_latest(writing):
    writing.add(0)
    writing.add(0, 10)
    assert writing.ring.take() is None
    assert len(writing.ring.take()) == 10
    writing.ring.give_back()
    writing.add(0)
    writing.add(0, 10)
    writing.ring.shut()
    assert len(writing.ring.take()) == 10


def test_when_the_disk_is_behind_they_wait_and_what_finds_no_room_is_counted(writing):
    blocks = 0
    while len(writing.ring) == 0:
        blocks += 1
        writing.add(blocks * BLOCK_ROWS)
    added = (blocks + 1) * BLOCK_ROWS
    assert blocks > 4
    writing.add(added, 9000)
    lost = writing.ring.refused
    assert lost > 0
    writing.write_slabs()
    writing.write_ring()
    assert len(writing.read()) == added + 9000 - lost


def test_blocks_larger_than_a_slab_are_not_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(slabs_module, "ROOM", 2**14)
    writing = Answering(tmp_path).learnt()
    writing.add(0)
    assert len(writing.ring) == BLOCK_ROWS
    writing.slabs.blocks.learn(writing.ring.take(), pytest.fail, writing.entries._messages)  # nor tried again


def test_nothing_is_lost_or_written_twice_while_one_adds_and_one_takes(tmp_path):
    writing, ended = Answering(tmp_path).learnt(), threading.Event()
    chance = random.Random(0)

    def take():
        while not ended.is_set():
            writing.write_slabs()
            if chance.random() < 0.3 and (rows := writing.ring.take()) is not None:
                writing.write([rows])
                writing.ring.give_back()

    thread = threading.Thread(target=take)
    thread.start()
    for number in range(1, 101):
        writing.add(number * BLOCK_ROWS, BLOCK_ROWS)
        time.sleep(0.0005)
        while len(writing.ring) > 4 * BLOCK_ROWS and thread.is_alive():
            time.sleep(0.001)  # on a busy machine the other may be late
    ended.set()
    thread.join()
    writing.ring.shut()
    writing.write_ring()
    writing.write_slabs()
    rows = writing.read()
    assert writing.ring.refused == 0
    assert sorted(row["prediction_id"] for row in rows) == [f"{i:032}" for i in range(101 * BLOCK_ROWS)]
    assert all(row["hour"] == -row["distance"] == -float(row["prediction_id"]) for row in rows)


def test_a_recorder_writes_all_that_comes_in_blocks(make_recorder, tmp_path):
    recorder = make_recorder(CLASSES)
    scores, features = np.array([0.25, 0.75]).tobytes(), np.arange(3.0).tobytes()
    waiting, count = recorder._journals[0]._others, 40 * BLOCK_ROWS + 77
    until = time.monotonic() + LIMIT
    for number in range(count):
        assert recorder.record_row(f"{number:032}", "", "stable", 0.001, 3, features, scores)
        while (
            number % BLOCK_ROWS == 1 and sum(map(len, waiting)) > 4 * BLOCK_ROWS and time.monotonic() < until
        ):
            time.sleep(0.01)  # a busy machine may write later than this comes
    recorder.close(LIMIT)
    assert recorder.dropped == 0
    assert sorted(captured(tmp_path)["prediction_id"].to_pylist()) == [f"{i:032}" for i in range(count)]
