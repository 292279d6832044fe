"""The files: what is left of them when a process is killed, a disk is full, a file is taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from mlops_jupyter.capture.files import captured_files, read_batches, read_schema
from mlops_jupyter.serving.recording import condensing, journal, streams
from mlops_jupyter.serving.recording.condensing import condense
from mlops_jupyter.serving.recording.streams import StreamFiles
from tests.serving.recording.samples import captured, column, contract, entry

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


def batch(*numbers):
    return pa.record_batch([list(numbers), [f"text {n}" for n in numbers]], schema=SCHEMA)


def numbers(path):
    return [number for each in read_batches(path) for number in each["number"].to_pylist()]


@pytest.fixture
def files(tmp_path):
    made = StreamFiles(tmp_path / "1.0.0-abcdefgh", "worker-0", SCHEMA)
    yield made
    made.close()


def test_a_file_that_ends_anywhere_is_read_up_to_its_last_whole_batch(files, tmp_path):
    ends = []
    for i in range(3):
        files.append(batch(i, i + 10))
        ends.append(files.path.stat().st_size)
    whole = files.path.read_bytes()
    torn = tmp_path / "torn.arrows"
    for size in range(len(whole) + 1):
        torn.write_bytes(whole[:size])
        expected = [n for i, end in enumerate(ends) if end <= size for n in (i, i + 10)]
        assert numbers(torn) == expected
        assert read_schema(torn) in (None, SCHEMA)


def test_blocks_that_never_reached_the_disk_end_a_file(files, tmp_path):
    files.append(batch(1))
    torn = tmp_path / "torn.arrows"
    torn.write_bytes(files.path.read_bytes() + bytes(4096))
    assert numbers(torn) == [1]


def test_a_file_can_be_read_while_it_grows(files):
    files.append(batch(1))
    reader = read_batches(files.path)
    assert next(reader)["number"].to_pylist() == [1]
    files.append(batch(2))
    assert next(reader)["number"].to_pylist() == [2]
    assert list(reader) == []


WRITE = """
import sys
from pathlib import Path
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import column, contract, entry
recorder = Recorder(Path(sys.argv[1]), contract([column("x")]), "1.0.0", "ab" * 32, Options(), "worker-0")
print("begun", flush=True)
for i in range(10_000_000):
    recorder.record(entry([(float(i),)], [1], [[0.5, 0.5]], id_=str(i)))
"""


def test_what_a_killed_process_had_written_is_read(tmp_path):
    for turn in range(4):
        deployment = tmp_path / str(turn)
        deployment.mkdir()
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(deployment)], stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"begun\n"
        deadline = time.monotonic() + 30
        while not captured_files(deployment) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1 + 0.07 * turn)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        table = captured(deployment)
        x = table["x"].to_pylist()
        assert x[:100] == [float(i) for i in range(100)]
        assert x == sorted(x)
        assert table["prediction_id"].to_pylist() == [f"{each:.0f}" for each in x]


FULL = """
import resource, sys, time
from pathlib import Path
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import column, contract, entry
recorder = Recorder(Path(sys.argv[1]), contract([column("x")]), "1.0.0", "ab" * 32, Options(), "worker-0")
def record(first, count):
    for i in range(first, first + count):
        recorder.record(entry([(float(i),)], [1], [[0.5, 0.5]]))
        if i % 500 == 499:
            time.sleep(0.7)
record(0, 500)
resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))
record(500, 1500)
print(recorder.dropped)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
record(2000, 500)
recorder.close(10)
print(recorder.dropped)
"""


def test_on_a_full_disk_rows_are_dropped_and_counted_and_then_it_goes_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    while_full, in_all = map(int, done.stdout.split())
    x = captured(tmp_path)["x"].to_pylist()
    assert while_full > 0
    assert in_all == while_full
    assert len(x) == 2500 - in_all
    assert x == sorted(x)
    assert x[-500:] == [float(i) for i in range(2000, 2500)]
    assert done.stderr.count("cannot be written") == 1
    assert "File too large" in done.stderr
    assert f"written again; {in_all} were dropped" in done.stderr


def test_a_batch_written_in_part_is_cut_off_again(files, monkeypatch):
    files.append(batch(1))
    size = files.path.stat().st_size
    pwrite = os.pwrite

    def full_after_some(descriptor, data, offset):
        if offset > size:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, data[:100], offset)

    monkeypatch.setattr(os, "pwrite", full_after_some)
    with pytest.raises(OSError, match="No space left"):
        files.append(batch(*range(100)))
    monkeypatch.undo()
    assert files.path.stat().st_size == size
    files.append(batch(2))
    assert numbers(files.path) == [1, 2]


def test_no_file_is_left_where_not_even_the_schema_found_room(files, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        files.append(batch(1))
    monkeypatch.undo()
    assert list((tmp_path / "1.0.0-abcdefgh").iterdir()) == []
    files.append(batch(1))
    assert numbers(files.path) == [1]


def test_a_large_or_old_file_is_followed_by_another(tmp_path, monkeypatch):
    files = StreamFiles(tmp_path / "1.0.0-abcdefgh", "worker-0", SCHEMA, largest=2000)
    for i in range(12):
        files.append(batch(i))
        files.tidy()
    found = captured_files_in(tmp_path)
    assert len(found) > 1
    assert [n for path in found for n in numbers(path)] == list(range(12))
    files.append(batch(12))
    before = files.path
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + streams.LONGEST + 1)
    files.tidy()
    files.append(batch(13))
    assert files.path != before
    files.close()


def captured_files_in(folder):
    return sorted(folder.glob("*/*.arrows"))


def test_after_a_file_was_removed_the_next_batch_has_a_new_one(files):
    files.append(batch(1))
    files.path.unlink()
    files.path.parent.rmdir()
    files.append(batch(2))
    assert numbers(files.path) == [2]


def test_many_small_batches_are_put_together(files, monkeypatch):
    monkeypatch.setattr(streams, "MOST_SMALL", 300)
    for i in range(300):
        files.append(batch(i))
        files.tidy()
    small = [each.num_rows for each in read_batches(files.path)]
    assert small == [condensing.BATCHES, condensing.BATCHES, 300 - 2 * condensing.BATCHES]
    for i in range(300, 310):
        files.append(batch(i))
    path = files.path
    assert numbers(path) == list(range(310))
    files.close()
    assert numbers(path) == list(range(310))
    assert len(list(read_batches(path))) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_putting_together_leaves_a_file_as_it_was_when_time_or_room_is_short(files, monkeypatch):
    for i in range(5):
        files.append(batch(i))
    before = files.path.read_bytes()
    assert not condense(files.path, until=time.monotonic() - 1)
    assert files.path.read_bytes() == before

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        condense(files.path)
    assert files.path.read_bytes() == before
    assert [each.name for each in files.path.parent.iterdir()] == [files.path.name]


def test_a_seldom_asked_model_takes_little_room(tmp_path, make_recorder, monkeypatch):
    monkeypatch.setattr(journal, "PAUSE", 0.001)
    recorder = make_recorder(contract([column(f"x{i}") for i in range(30)]))
    for i in range(50):
        recorder.record(entry([tuple(float(i) for _ in range(30))], [1], [[0.5, 0.5]]))
        written_beyond(tmp_path, i)
    [file] = captured_files(tmp_path)
    while_written = file.path.stat().st_size
    recorder.close(5)
    assert captured(tmp_path).num_rows == 50
    assert file.path.stat().st_size < while_written / 2


def written_beyond(folder, rows: int) -> None:
    """Wait until more rows than these are on the disk, so that each is a batch of its own."""
    deadline = time.monotonic() + 10
    while (found := captured(folder)) is None or found.num_rows <= rows:
        assert time.monotonic() < deadline
        time.sleep(0.002)
