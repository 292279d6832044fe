"""Captured rows as a table: of a window, a variant, a slice; nothing else is opened or kept in memory."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_jupyter.capture import captured, files
from mlops_jupyter.capture.captured import Selection, captured_rows, captured_table
from mlops_jupyter.capture.files import captured_files
from mlops_jupyter.capture.slices import parse_slice
from mlops_jupyter.capture.windows import HOUR, Window
from mlops_jupyter.errors import DataError, UsageError
from mlops_jupyter.profiles.tables import open_table
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.capture.conftest import OF, THEN
from tests.serving.recording.samples import DIGEST, column, contract, entry

DAY = Window(THEN, THEN + timedelta(days=1))


def minutes(count: int, start=THEN):
    return [start + timedelta(minutes=number) for number in range(count)]


def numbers(table, name="distance") -> list[float]:
    return [value for batch in table.batches([name]) for value in batch[name].values.tolist()]


def rows_of(found) -> list[dict]:
    return [row for batch in found.batches() for row in batch.to_pylist()]


def test_it_has_features_predictions_and_scores_and_says_what_each_is(traffic):
    traffic.send(minutes(3))
    table = captured_table(traffic.folder, None, DAY)
    assert open_table(table) is table
    assert table.names == ("distance", "origin", "hour", "night", "prediction", "score.0", "score.1")
    assert dict(table.kinds) == {
        "distance": "numeric", "origin": "labels", "hour": "numeric", "night": "boolean",
        "prediction": "numeric", "score.0": "numeric", "score.1": "numeric",
    }  # fmt: skip
    assert list(table.roles.values()) == ["feature"] * 4 + ["prediction", "score", "score"]
    assert [numbers(table), numbers(table)] == [[0, 1, 2], [0, 1, 2]]  # as often as it is asked
    [batch] = table.batches()
    assert batch["origin"].array.to_pylist() == ["JFK", "LGA", None]


def test_only_rows_that_were_answered_are_in_it(traffic):
    traffic.send(minutes(2))
    traffic.send(minutes(5), status=422)
    assert numbers(captured_table(traffic.folder, None, DAY)) == [0, 1]
    found = captured_rows(traffic.folder, Selection(DAY))
    assert [row["error"] for row in rows_of(found)] == [None] * 2 + ["distance: missing"] * 5


def test_a_window_takes_its_beginning_and_not_its_end(traffic):
    traffic.send(minutes(120))
    found = numbers(captured_table(traffic.folder, None, Window(THEN + HOUR / 2, THEN + HOUR)))
    assert found == list(range(30, 60))


def test_versions_variants_and_slices_are_told_apart(traffic):
    traffic.send(minutes(4))
    traffic.send(minutes(3), version="1.1.0", role="candidate")
    traffic.send(minutes(2), version="1.2.0", role="shadow")
    count = lambda *more, **other: len(numbers(captured_table(traffic.folder, *more, **other)))  # noqa: E731
    assert count("1.0.0", DAY) == 4
    assert count(None, DAY) == 7  # what a shadow was asked, another was asked as well
    assert count(None, DAY, "candidate") == 3
    assert count("1.0.0", DAY, "candidate") == 0
    assert count(None, DAY, variant="shadow") == 2
    assert numbers(captured_table(traffic.folder, None, DAY, slice=parse_slice("origin == 'JFK'"))) == [
        0,
        3,
        0,
    ]
    late = parse_slice("version == '1.1.0' and hour >= 1 and status == 200")
    assert numbers(captured_table(traffic.folder, None, DAY, slice=late)) == [1, 2]


def test_columns_that_are_hidden_say_so_in_place_of_values(traffic):
    hidden = {"capture_masked": ("distance",), "capture_hashed": ("origin",)}
    traffic.send(minutes(3), **hidden)
    table = captured_table(traffic.folder, None, DAY)
    assert dict(table.withheld) == {
        "distance": "is masked: its values are not captured",
        "origin": "is hashed: its values are captured as hashes alone",
    }
    assert table.kinds["distance"] == table.kinds["origin"] == "unreadable"
    [batch] = table.batches()
    assert (batch["distance"].why, batch["distance"].rows) == (table.withheld["distance"], 3)
    assert batch["hour"].rows == 3
    [batch] = table.batches(["origin"])
    assert batch["origin"].rows == 3


def test_what_was_captured_otherwise_before_is_missing_and_what_is_new_was_not_there(traffic):
    traffic.send(minutes(2))
    wider = contract([*OF.schema["input"]["columns"], column("wind")])
    row = (5.0, "JFK", 3, True, 12.5)
    traffic.send(minutes(1), version="1.1.0", of=wider, rows=[row])
    found = captured_rows(traffic.folder, Selection(DAY))
    assert [row["wind"] for row in rows_of(found)] == [None, None, 12.5]
    assert [row["distance"] for row in rows_of(found)] == [0, 1, 5]


def test_hashes_of_before_are_not_taken_for_values(traffic):
    traffic.send(minutes(2), capture_hashed=("origin",))
    traffic.send(minutes(2, THEN + HOUR))
    found = captured_rows(traffic.folder, Selection(DAY))
    assert [row["origin"] for row in rows_of(found)] == [None, None, "JFK", "LGA"]


def test_a_table_can_be_filtered_by_arrow(traffic):
    traffic.send(minutes(6))
    table = captured_table(traffic.folder, None, DAY)
    found = [batch["hour"].values.tolist() for batch in table.batches(["hour"], pc.field("distance") > 3)]
    assert found == [[4.0, 5.0]]


def test_an_unknown_column_is_named_with_the_nearest(traffic):
    traffic.send(minutes(1))
    with pytest.raises(DataError, match="no column 'distnce'; did you mean distance"):
        list(captured_table(traffic.folder, None, DAY).batches(["distnce"]))


# files


def live(folder, rows: int, writer="worker-0"):
    """Capture rows as they come: now."""
    recorder = Recorder(folder, OF, "1.0.0", DIGEST, Options(), writer)
    for number in range(rows):
        _, *about = entry([(float(number), "JFK", 1, True)], [1], [[0.5, 0.5]])
        recorder.record((time.time_ns(), *about))
    recorder.close(10)


def moved(folder, hours: float):
    """Let the files that are there be of so many hours ago."""
    for file in captured_files(folder):
        begun = file.begun - timedelta(hours=hours)
        path = file.path.with_name(f"{begun:%Y%m%dT%H%M%S.%fZ}-{file.writer}-{file.pid}.arrows")
        file.path.rename(path)
        os.utime(path, (begun.timestamp(), begun.timestamp()))


@pytest.fixture
def opened(monkeypatch):
    """The names of files that were opened."""
    names = []
    real = files.read_batches

    def read(path):
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(captured, "read_batches", read)
    return names


def test_only_files_of_the_window_are_opened(tmp_path, opened):
    folder = tmp_path / "late"
    for hours in (1, 1, 1, 0):
        live(folder, 3)
        moved(folder, hours * 2)
    ages = [6, 4, 2]
    every = [file.path.name for file in captured_files(folder)]
    now = captured_files(folder)[-1].begun
    for age, name in zip(ages, every, strict=False):
        window = Window(now - timedelta(hours=age, minutes=10), now - timedelta(hours=age, minutes=-10))
        opened.clear()
        list(captured_rows(folder, Selection(window)).batches())
        assert opened == [name]
    opened.clear()
    list(captured_rows(folder, Selection(Window(now - timedelta(days=9), now - timedelta(days=8)))).batches())
    assert opened == []


def test_replayed_traffic_is_found_in_its_own_time(tmp_path, traffic):
    live(traffic.folder, 2)
    traffic.send(minutes(3, THEN - timedelta(days=400)))
    past = Window(THEN - timedelta(days=401), THEN - timedelta(days=399))
    assert numbers(captured_table(traffic.folder, None, past)) == [0, 1, 2]


def test_a_torn_tail_is_passed_over(traffic):
    for _ in range(2):
        traffic.send(minutes(3))
    path = captured_files(traffic.folder)[0].path
    path.write_bytes(path.read_bytes()[:-40])
    assert len(numbers(captured_table(traffic.folder, None, DAY))) == 3


def test_a_file_that_goes_meanwhile_ends_nothing(traffic):
    traffic.send(minutes(3))
    traffic.send(minutes(2))
    table = captured_table(traffic.folder, None, DAY)
    captured_files(traffic.folder)[0].path.unlink()
    assert numbers(table) == [0, 1]


def large_batch(schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """Return rows that were answered, with one number after the other."""
    same = {"time": THEN, "variant": "stable", "status": 200, "distance": 1.0}
    arrays = [pa.repeat(pa.scalar(same.get(field.name), field.type), rows) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    folder = tmp_path / "late"
    live(folder, 1)
    [file] = captured_files(folder)
    batch = large_batch(files.read_schema(file.path), 20_000)

    def peak(count: int) -> int:
        for number in range(count):
            path = file.path.with_name(f"20261120T1000{number:02}.000000Z-replay-w-1.arrows")
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
        before, most, seen = pa.total_allocated_bytes(), 0, 0
        for found in captured_table(folder, None, DAY).batches():
            seen += found["distance"].rows
            most = max(most, pa.total_allocated_bytes() - before)
        assert seen == count * batch.num_rows
        return most

    few = peak(4)
    assert peak(24) < 1.5 * few


# what is not there


def test_where_nothing_was_captured_there_is_no_table(tmp_path):
    with pytest.raises(DataError, match="no requests to late are captured"):
        captured_table(tmp_path / "late", None, DAY)


def test_a_window_without_rows_is_an_empty_table_with_its_columns(traffic):
    traffic.send(minutes(2))
    table = captured_table(traffic.folder, None, Window(THEN - 2 * HOUR, THEN - HOUR))
    assert list(table.batches()) == []
    assert "distance" in table.names


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"variant": "canary"}, "there is no variant 'canary'; known: candidate, shadow, stable"),
        ({"slice": parse_slice("orign == 'JFK'")}, "no column 'orign'; did you mean origin"),
        ({"slice": parse_slice("origin > 5")}, "`origin` holds text, and 5 is none"),
    ],
)
def test_what_cannot_be_looked_for_is_said_before_a_row_is_read(traffic, more, told):
    traffic.send(minutes(1))
    with pytest.raises(UsageError, match=told):
        captured_table(traffic.folder, None, DAY, **more)
