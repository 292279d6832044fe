"""The file that decides who answers."""

from __future__ import annotations

import mmap
import threading
import time

import pytest

from mlops_jupyter.serving import weights
from mlops_jupyter.serving.weights import Share, Weights, WeightsReader, WeightsUnreadable

PAIR = Weights((Share("stable", 100.0), Share("resident", 0.0)))


def test_a_table_survives_the_file_as_it_was(tmp_path):
    table = Weights((Share("stable", 87.5), Share("candidate", 12.5), Share("shadow", 0.0)), sequence=7)
    assert weights.decode(weights.encode(table)) == table
    weights.create_weights(tmp_path / "weights", table)
    assert weights.read_weights(tmp_path / "weights") == table


def test_a_reader_sees_a_change_at_its_next_request(tmp_path):
    path = tmp_path / "weights"
    weights.create_weights(path, PAIR)
    reader = WeightsReader(path)
    assert reader.current().stable == 0
    written = weights.write_weights(path, PAIR.with_stable(1))
    assert reader.current() == written
    assert written.sequence == 1
    reader.close()


def test_a_change_takes_no_further_space(tmp_path):
    path = tmp_path / "weights"
    weights.create_weights(path, PAIR)
    before = path.stat()
    for turn in range(50):
        weights.write_weights(path, PAIR.with_stable(turn % 2))
    after = path.stat()
    assert (after.st_size, after.st_blocks, after.st_ino) == (before.st_size, before.st_blocks, before.st_ino)


def test_a_torn_table_is_not_used(tmp_path):
    path = tmp_path / "weights"
    weights.create_weights(path, PAIR)
    reader = WeightsReader(path)
    whole = weights.encode(PAIR.with_stable(1))
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), weights.SIZE) as table:
        table[:20] = whole[:20]
        assert reader.current().stable == 0
        table[:] = whole
    assert reader.current().stable == 1
    reader.close()


def test_a_changed_byte_is_noticed(tmp_path):
    for position in range(weights.SIZE):
        data = bytearray(weights.encode(PAIR))
        data[position] ^= 1
        with pytest.raises(WeightsUnreadable):
            weights.decode(bytes(data))


def test_readers_never_see_a_mix_of_two_tables(tmp_path):
    path = tmp_path / "weights"
    weights.create_weights(path, PAIR)
    reader, seen, done = WeightsReader(path), set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(reader.current().shares)
            time.sleep(0)

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(60):
        weights.write_weights(path, PAIR.with_stable(turn % 2))
    done.set()
    thread.join()
    assert seen <= {PAIR.shares, PAIR.with_stable(1).shares}
    reader.close()


def test_too_many_slots_are_refused():
    with pytest.raises(ValueError, match="17 slots"):
        weights.encode(Weights((Share("resident", 0.0),) * 17))
