"""Cells in a file: one writes, all read."""

from __future__ import annotations

import os
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving.metrics import slab as slabs
from mlops_jupyter.serving.metrics.slab import SIZE, SPARE, create_slab, private_slab, read_cells, read_slabs

KEYS = st.lists(st.text(max_size=30), min_size=1, max_size=5).map(tuple)


@given(st.dictionaries(KEYS, st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), max_size=20))
def test_what_was_written_is_read(written):
    slab = private_slab()
    for key, cells in written.items():
        place = slab.place(key, len(cells))
        slab.cells[place : place + len(cells)] = memoryview(b"".join(map(_word, cells))).cast("q")
    assert slab.read() == {key: tuple(cells) for key, cells in written.items()}


def _word(number: int) -> bytes:
    return number.to_bytes(8, "little", signed=True)


def test_a_key_keeps_its_place():
    slab = private_slab()
    place = slab.place(("requests",), 3)
    assert slab.place(("others",), 3) != place
    assert slab.place(("requests",), 3) == place


def test_a_file_takes_all_its_blocks_at_once_and_is_for_its_owner_alone(folder):
    slab = create_slab(folder)
    (path,) = folder.iterdir()
    status = path.stat()
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (SIZE, 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert status.st_blocks * 512 >= SIZE
    while slab.place((str(slab.room),), 100) is not None:
        slab.cells[-1] += 1
    assert (path.stat().st_size, path.stat().st_blocks) == (status.st_size, status.st_blocks)
    slab.close()


def test_a_full_slab_has_no_room_but_what_is_spare():
    slab = private_slab()
    words = SIZE // 8
    assert slab.place(("large",), words - SPARE) is None
    assert slab.place(("large",), words - SPARE - 10) is not None
    assert slab.place(("more",), 10) is None
    assert slab.place(("more",), 10, spare=True) is not None
    assert set(slab.read()) == {("large",), ("more",)}


def test_a_writer_is_living_until_it_closes(folder):
    slab = create_slab(folder)
    place = slab.place(("requests",), 1)
    slab.cells[place] = 7
    (reading,) = read_slabs(folder)
    assert (reading.living, reading.counts) == (True, {("requests",): (7,)})
    slab.close()
    (reading,) = read_slabs(folder)
    assert (reading.living, reading.counts) == (False, {("requests",): (7,)})


def test_who_is_late_after_closing_does_no_harm(folder):
    slab = create_slab(folder)
    place = slab.place(("requests",), 1)
    slab.close()
    slab.close()
    slab.cells[place] += 1
    assert slab.read() == {("requests",): (1,)}


def test_a_reader_does_not_pass_for_a_writer(folder):
    """Two readers at once each find the dead dead."""
    create_slab(folder).close()
    (path,) = folder.glob("*.slab")
    file = os.open(path, os.O_RDONLY)
    slabs.lock(file, exclusively=False)
    assert [reading.living for reading in read_slabs(folder)] == [False]
    os.close(file)


def test_a_worker_that_was_killed_is_dead_and_its_counts_are_whole(folder, start_worker):
    worker = start_worker(folder)
    worker.begun()
    assert [reading.living for reading in read_slabs(folder)] == [True]
    while worker.tally[1] < 1000:
        time.sleep(0.001)
    worker.kill()
    (reading,) = read_slabs(folder)
    (answered,) = (cells for key, cells in reading.counts.items() if key[0].startswith("answered"))
    begun, finished = worker.tally
    assert not reading.living
    assert begun - 1 <= finished <= sum(answered[:-1]) <= begun


def test_a_record_that_was_not_finished_is_not_read():
    slab = private_slab()
    slab.place(("first",), 1)
    slab.place(("second",), 1)
    whole = slab.read()
    data = bytearray(slab._bytes)
    at = data.index(b"second")
    data[at] ^= 1
    assert list(read_cells(memoryview(data))) == [("first",)] == list(whole)[:1]


@given(st.binary(max_size=400).map(lambda noise: noise.ljust(400, b"\1")))
def test_bytes_that_are_no_slab_hold_nothing(noise):
    assert read_cells(memoryview(noise)) == {}


@given(st.binary(min_size=384, max_size=384))
def test_a_damaged_slab_is_read_without_failing(noise):
    data = b"MLSLAB01" + (2000).to_bytes(8, "little") + noise
    assert isinstance(read_cells(memoryview(data)), dict)


def test_a_file_that_is_no_slab_holds_nothing(folder):
    folder.mkdir()
    (folder / "foreign.slab").write_bytes(b"text")
    assert [reading.counts for reading in read_slabs(folder)] == [{}]


def test_no_room_on_the_disk_is_told_and_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(slabs.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        create_slab(folder)
    assert list(folder.iterdir()) == []
