"""What is kept, over all writers and versions."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_jupyter.capture.files import captured_files
from mlops_jupyter.serving.recording.retention import Retention
from mlops_jupyter.serving.recording.streams import StreamFiles
from tests.serving.recording.samples import captured, column, contract, entry

DAY = 86_400
KILOBYTE = 1000


@pytest.fixture
def keep(tmp_path):
    """Make a file of a version, so many days old and so many kilobytes large."""

    def keep(name, days, size=1, version="1.0.0-abcdefgh"):
        path = tmp_path / "capture" / version / f"{name}.arrows"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size * KILOBYTE))
        then = time.time() - days * DAY
        os.utime(path, (then, then))
        return path

    return keep


def left(tmp_path):
    return sorted(path.stem for path in (tmp_path / "capture").rglob("*.arrows"))


def test_what_is_too_old_goes_whoever_wrote_it(keep, tmp_path):
    keep("old-0", 8)
    keep("old-1", 7.1, version="0.9.0-12345678")
    keep("young-0", 6.9)
    keep("young-1", 0)
    assert Retention(tmp_path / "capture", 7, 10**9).apply() == 2
    assert left(tmp_path) == ["young-0", "young-1"]
    assert not (tmp_path / "capture" / "0.9.0-12345678").exists()


def test_of_what_is_too_much_the_oldest_goes(keep, tmp_path):
    for days in range(5):
        keep(f"worker-{days % 2}-{days}", days, 100, version=f"1.{days % 3}.0-abcdefgh")
    Retention(tmp_path / "capture", 7, 320 * KILOBYTE).apply()
    assert left(tmp_path) == ["worker-0-0", "worker-0-2", "worker-1-1"]


def test_the_file_being_written_stays(keep, tmp_path):
    mine = keep("mine", 9, 500)
    keep("other", 9, 500)
    Retention(tmp_path / "capture", 7, 100).apply(0, mine)
    assert left(tmp_path) == ["mine"]


def test_what_a_killed_writer_left_half_done_goes_after_a_while(keep, tmp_path):
    fresh = keep("fresh", 0).rename(tmp_path / "capture" / "1.0.0-abcdefgh" / "a.arrows.new")
    stale = keep("stale", 1).rename(tmp_path / "capture" / "1.0.0-abcdefgh" / "b.arrows.new")
    Retention(tmp_path / "capture", 7, 10**9).apply()
    assert fresh.exists()
    assert not stale.exists()


def test_a_writer_looks_again_after_a_while_or_after_it_has_written_its_part(tmp_path, monkeypatch):
    retention = Retention(tmp_path / "capture", 7, 16_000)
    assert retention.due(0)
    retention.apply(0)
    assert not retention.due(250)
    assert retention.due(251)
    real = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: real + 61)
    assert retention.due(0)


def test_several_writers_together_stay_within_what_may_be_kept(tmp_path):
    most, writers = 400 * KILOBYTE, 4
    schema = pa.schema([("x", pa.float64())])
    batch = pa.record_batch([[0.5] * 100], schema=schema)
    largest_seen, still = [], threading.Lock()

    def write(number):
        retention = Retention(tmp_path / "capture", 7, most)
        files = StreamFiles(tmp_path / "capture" / f"1.{number}.0-abcdefgh", "w", schema, retention.largest)
        for _ in range(500):
            with still:
                files.append(batch)
                files.tidy()
            if retention.due(files.written):
                retention.apply(files.written, files.path)
                with still:  # while it is counted nothing is added
                    largest_seen.append(total(tmp_path))
        files.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # the file that each is writing to comes on top: a writer that waits its turn keeps what it has written
    assert max(largest_seen) <= most + writers * Retention(tmp_path, 7, most).largest
    assert total(tmp_path) > most / 2


def total(tmp_path):
    sizes = []
    for folder, _, names in os.walk(tmp_path / "capture"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append(Path(folder, name).stat().st_size)
    return sum(sizes)


def test_a_recorder_keeps_to_what_the_deployment_asks(make_recorder, tmp_path):
    recorder = make_recorder(contract([column("x")]), capture_bytes=2_000_000)
    for i in range(40_000):
        recorder.record(entry([(float(i),)], [1], [[0.5, 0.5]]))
        if i % 500 == 0:
            time.sleep(0.02)
    recorder.close(10)
    assert total(tmp_path) <= 2_000_000 + 1_000_000  # the last batches, which are of a crowd
    assert len(captured_files(tmp_path)) > 1
    assert captured(tmp_path)["x"].to_pylist()[-1] == 39_999.0
