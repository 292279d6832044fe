"""What is recorded of requests and answers."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from mlops_jupyter.capture.files import captured_files, read_schema
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import DIGEST, captured, column, contract, entry, output

PAIR = contract([column("distance"), column("hour")])
ALL_TYPES = [
    column("d"),
    column("s", "string"),
    column("f", "float"),
    column("l", "long"),
    column("b", "boolean"),
    column("i", "integer", "int16"),
    column("u", "long", "uint64"),
    column("u4", "long", "uint32"),
    column("t", "datetime", "datetime64[ns]"),
    column("z", "datetime", "datetime64[ns, Europe/Berlin]"),
    column("c", "string", "category"),
]
MOMENT = datetime(2026, 7, 1, 12, 30, 15, 250_000)  # noqa: DTZ001 - as the validator hands them over
FULL = (1.5, "JFK", 0.25, 2**62, True, -7, 2**64 - 1, 2**32 - 1, MOMENT, MOMENT, "a:b")
GAP = (None,) * len(ALL_TYPES)


def test_a_request_is_found_as_it_was(capture):
    table = capture(
        PAIR, [entry([(200.5, 18.0)], [1], [[0.25, 0.75]], id_="p1", unit="u1", role="candidate")]
    )
    assert table.to_pylist() == [
        {
            "prediction_id": "p1",
            "row": 0,
            "unit": "u1",
            "time": datetime(2026, 9, 21, 14, 13, 20, 123_456, UTC),
            "variant": "candidate",
            "version": "1.2.0",
            "status": 200,
            "latency": 0.0025,
            "error": None,
            "distance": 200.5,
            "hour": 18.0,
            "prediction": 1,
            "score.0": 0.25,
            "score.1": 0.75,
        }
    ]


def test_files_say_what_they_are_about(capture, tmp_path):
    capture(PAIR, [entry([(1.0, 2.0)], [1], [[0.5, 0.5]])])
    [file] = captured_files(tmp_path)
    schema = read_schema(file.path)
    assert (file.version, file.digest, file.writer) == ("1.2.0", DIGEST[:8], "worker-0")
    assert schema.metadata[b"mlops.digest"] == DIGEST.encode()
    assert schema.field("distance").metadata == {b"mlops.role": b"feature", b"mlops.name": b"distance"}
    assert schema.field("score.1").metadata == {b"mlops.role": b"score", b"mlops.name": b"1"}
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_the_rows_of_a_request_are_numbered_and_share_what_is_said_of_it(capture):
    many = entry([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)], [1, 0, 1], [[0.1, 0.9]] * 3, id_="many", unit="é")
    table = capture(PAIR, [entry([(7.0, 8.0)], [0], [[0.9, 0.1]], id_="one"), many])
    assert table["prediction_id"].to_pylist() == ["one", "many", "many", "many"]
    assert table["row"].to_pylist() == [0, 0, 1, 2]
    assert table["unit"].to_pylist() == [None, "é", "é", "é"]
    assert table["distance"].to_pylist() == [7.0, 1.0, 3.0, 5.0]
    assert table["prediction"].to_pylist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "rows",
    [
        [(1.0, None), (3, 4.0)],
        np.array([[1.0, np.nan], [3.0, 4.0]]),
        Batch({}, 2, np.array([[1.0, np.nan], [3.0, 4.0]])),
        Batch({"distance": np.array([1.0, 3.0]), "hour": np.array([np.nan, 4.0])}, 2),
    ],
    ids=["values", "array", "block", "columns"],
)
@pytest.mark.parametrize(
    ("labels", "tables"),
    [
        ([1, 0], [[0.25, 0.75], [0.5, 0.5]]),
        (np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]])),
        ([np.array([1, 0])], [np.array([[0.25, 0.75], [0.5, 0.5]])]),
        ([1, 0], np.array([[0.25, 0.75], [0.5, 0.5]])),
    ],
    ids=["lists", "arrays", "by output", "mixed"],
)
def test_every_form_of_rows_and_answers_is_the_same_in_the_file(capture, rows, labels, tables):
    table = capture(PAIR, [entry(rows, labels, tables), entry(rows, labels, tables)])
    assert table["distance"].to_pylist() == [1.0, 3.0] * 2
    assert table["hour"].to_pylist() == [None, 4.0] * 2
    assert table["prediction"].to_pylist() == [1, 0] * 2
    assert table["score.1"].to_pylist() == [0.75, 0.5] * 2


def test_every_type_of_column_is_kept_with_its_missing_values(capture):
    table = capture(
        contract(ALL_TYPES),
        [entry([FULL], [1], [[0.5, 0.5]]), entry([GAP, FULL, GAP], [1] * 3, [[0.5, 0.5]] * 3)],
    )
    types = {each["name"]: table.schema.field(each["name"]).type for each in ALL_TYPES}
    assert types == {
        "d": pa.float64(),
        "s": pa.string(),
        "f": pa.float32(),
        "l": pa.int64(),
        "b": pa.bool_(),
        "i": pa.int32(),
        "u": pa.uint64(),
        "u4": pa.int64(),
        "t": pa.timestamp("us"),
        "z": pa.timestamp("us", "UTC"),
        "c": pa.string(),
    }
    rows = table.select(list(types)).to_pylist()
    expected = dict(zip(types, FULL, strict=True)) | {"z": MOMENT.replace(tzinfo=UTC)}
    assert rows == [expected, dict.fromkeys(types), expected, dict.fromkeys(types)]


def test_every_type_of_column_is_kept_from_a_batch(capture):
    missing = Batch(
        {
            "d": np.array([1.5, np.nan]),
            "s": np.array(["JFK", None], object),
            "f": np.array([0.25, np.nan]),
            "l": np.array([2.0**40, np.nan]),
            "b": np.array([True, None], object),
            "i": np.array([-7.0, np.nan]),
            "u": np.array([2.0**40, np.nan]),
            "u4": np.array([2.0**31, np.nan]),
            "t": np.array([MOMENT, "NaT"], "datetime64[us]"),
            "z": np.array([MOMENT, "NaT"], "datetime64[us]"),
            "c": np.array(["a", None], object),
        },
        2,
    )
    whole = Batch(
        {
            "d": np.array([1.5]),
            "s": np.array(["ü"], object),
            "f": np.array([0.25]),
            "l": np.array([2**62]),
            "b": np.array([False]),
            "i": np.array([-7]),
            "u": np.array([2**64 - 1], np.uint64),
            "u4": np.array([2**32 - 1]),
            "t": np.array([MOMENT], "datetime64[us]"),
            "z": np.array([MOMENT], "datetime64[us]"),
            "c": np.array(["a"], object),
        },
        1,
    )
    answers = ([1, 0], [[0.5, 0.5]] * 2), ([1], [[0.5, 0.5]])
    table = capture(
        contract(ALL_TYPES),
        [entry(missing, *answers[0]), entry(whole, *answers[1]), entry(missing, *answers[0])],
    )
    zoned = MOMENT.replace(tzinfo=UTC)
    rows = [tuple(row.values()) for row in table.select([each["name"] for each in ALL_TYPES]).to_pylist()]
    first = (1.5, "JFK", 0.25, 2**40, True, -7, 2**40, 2**31, MOMENT, zoned, "a")
    assert rows[0] == rows[3] == first
    assert rows[1] == rows[4] == GAP
    assert rows[2] == (1.5, "ü", 0.25, 2**62, False, -7, 2**64 - 1, 2**32 - 1, MOMENT, zoned, "a")


def test_moments_may_come_as_they_were_sent(capture):
    of = contract([column("t", "datetime", "datetime64[us]"), column("z", "datetime", "datetime64[us, UTC]")])
    berlin = MOMENT.replace(tzinfo=timezone(timedelta(hours=2)))
    table = capture(
        of, [entry([("2026-07-01T12:30:15.25", "2026-07-01T14:30:15.25+02:00"), (None, berlin)], [1, 1])]
    )
    assert table["t"].to_pylist() == [MOMENT, None]
    assert table["z"].to_pylist() == [MOMENT.replace(tzinfo=UTC), MOMENT.replace(hour=10, tzinfo=UTC)]


def test_a_refused_request_is_one_row_without_features(capture):
    refused = entry(None, id_="r", status=422, error="hour: expected an integer, got 'late'")
    table = capture(PAIR, [refused, entry([(1.0, 2.0)], [1], [[0.5, 0.5]], id_="a"), refused])
    found = {row["prediction_id"]: row for row in table.to_pylist()}
    assert table.num_rows == 3
    assert found["r"] | {"distance": None, "prediction": None, "score.1": None, "row": 0} == found["r"]
    assert (found["r"]["status"], found["r"]["error"]) == (422, "hour: expected an integer, got 'late'")
    assert found["a"]["error"] is None


def test_a_request_that_the_model_failed_on_keeps_its_features(capture):
    failed = entry([(1.0, 2.0), (3.0, 4.0)], status=500, error="the model failed with ValueError")
    table = capture(PAIR, [failed])
    assert table["distance"].to_pylist() == [1.0, 3.0]
    assert table["prediction"].to_pylist() == [None, None]


def test_a_regression_has_a_prediction_and_no_scores(capture):
    of = contract([column("x")], [output("delay", "double", None)], probabilities=False)
    table = capture(of, [entry([(1.0,)], [2.5]), entry([(2.0,)], [None]), entry([(3.0,)], [np.array([4.5])])])
    assert table.column_names[-2:] == ["x", "prediction"]
    assert sorted(table["prediction"].to_pylist(), key=str) == [2.5, 4.5, None]


def test_several_outputs_have_columns_of_their_own(capture):
    outputs = [output("late", "string", ["no", "yes"]), output("far", "boolean", [False, True])]
    labels = [np.array(["no", "yes"], object), np.array([True, False])]
    tables = [np.array([[0.75, 0.25], [0.1, 0.9]]), np.array([[0.2, 0.8], [0.6, 0.4]])]
    of = contract([column("x")], outputs)
    table = capture(
        of, [entry([(1.0,), (2.0,)], labels, tables), entry(None, status=400, error="invalid JSON")]
    )
    assert table.select(range(10, 16)).to_pylist()[:2] == [
        {
            "prediction.late": "no",
            "prediction.far": True,
            "score.late.no": 0.75,
            "score.late.yes": 0.25,
            "score.far.false": 0.2,
            "score.far.true": 0.8,
        },
        {
            "prediction.late": "yes",
            "prediction.far": False,
            "score.late.no": 0.1,
            "score.late.yes": 0.9,
            "score.far.false": 0.6,
            "score.far.true": 0.4,
        },
    ]


def test_texts_labels_and_features_are_kept_whatever_their_alphabet(capture):
    of = contract([column("text", "string")], [output("kind", "string", ["gut", "schlecht"])], kind="text")
    table = capture(
        of, [entry([("naïve 🛫",)], ["gut"], [[0.9, 0.1]]), entry([("",)], ["schlecht"], [[0.2, 0.8]])]
    )
    assert table["text"].to_pylist() == ["naïve 🛫", ""]
    assert table["prediction"].to_pylist() == ["gut", "schlecht"]


def test_a_feature_named_as_another_column_is_renamed(capture, tmp_path):
    columns = [column("time"), column("score.0"), column("feature.time"), column("prediction")]
    table = capture(contract(columns), [entry([(1.0, 2.0, 3.0, 4.0)], [1], [[0.25, 0.75]])])
    renamed = {
        "feature.time": 1.0,
        "feature.score.0": 2.0,
        "feature.feature.time": 3.0,
        "feature.prediction": 4.0,
    }
    [row] = table.to_pylist()
    assert {name: row[name] for name in renamed} == renamed
    assert (row["score.0"], row["prediction"]) == (0.25, 1)
    schema = read_schema(captured_files(tmp_path)[0].path)
    assert [schema.field(name).metadata[b"mlops.name"] for name in renamed] == [
        b"time", b"score.0", b"feature.time", b"prediction",
    ]  # fmt: skip


def test_an_entry_that_does_not_fit_is_dropped_alone(capture, caplog):
    good = [entry([(float(i), 1.0)], [1], [[0.5, 0.5]], id_=f"p{i}") for i in range(20)]
    bad = [entry([("far", 1.0)], [1], [[0.5, 0.5]]), entry([(1.0, 2.0)], [1, 0], [[0.5, 0.5]] * 2)]
    table = capture(PAIR, [*good[:7], *bad, *good[7:]], lost=2)
    assert table["prediction_id"].to_pylist() == [f"p{i}" for i in range(20)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_masked_columns_are_null_and_hashed_ones_can_be_counted(capture, tmp_path):
    of = contract([column("name", "string"), column("account", "long"), column("x")])
    entries = [
        entry([("Ada Lovelace", 4711_0815, 1.0)], [1], [[0.5, 0.5]], id_="a"),
        entry([("Ada Lovelace", 4711_0815.0, 2.0)], [1], [[0.5, 0.5]], id_="b"),
        entry([(None, None, 3.0)], [1], [[0.5, 0.5]], id_="c"),
        entry(None, status=422, id_="d", error="name: expected a number, got 'Ada Lovelace'"),
    ]
    table = capture(of, entries, capture_masked=("name", "elsewhere"), capture_hashed=("account",))
    assert table["name"].to_pylist() == [None] * 4
    assert table["x"].to_pylist() == [1.0, 2.0, 3.0, None]
    first, second, missing, _ = table["account"].to_pylist()
    assert first == second
    assert len(first) == 32
    assert missing is None
    assert table["error"].to_pylist()[3] == "name: expected a number"
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*.arrows"))
    assert b"Ada" not in everything
    assert (47110815).to_bytes(8, "little") not in everything


def test_hashes_are_the_same_in_all_workers_and_useless_without_the_key(capture, tmp_path, make_recorder):
    of = contract([column("account", "string")])
    request = entry([("4711",)], [1], [[0.5, 0.5]])
    for writer in ("worker-0", "worker-1"):
        recorder = make_recorder(of, writer=writer, capture_hashed=("account",))
        recorder.record(request)
        recorder.close(5)
    batch = Batch({"account": np.array(["4711"], object)}, 1)
    table = capture(of, [entry(batch, [1], [[0.5, 0.5]])], capture_hashed=("account",))
    assert len(set(table["account"].to_pylist())) == 1
    key = tmp_path / "capture.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    key.write_bytes(bytes(32))
    assert len(set(capture(of, [request], capture_hashed=("account",))["account"].to_pylist())) == 2


@pytest.mark.parametrize(("kept", "unit"), [("capture_masked", None), ("capture_hashed", 32)])
def test_a_unit_that_is_a_feature_is_kept_as_that_feature(capture, kept, unit):
    of = contract([column("customer", "string")])
    options = {"unit": "field:customer", kept: ("customer",)}
    table = capture(of, [entry([("ada",)], [1], [[0.5, 0.5]], unit="ada")], **options)
    assert table["unit"].to_pylist() == table["customer"].to_pylist()
    assert unit is None or len(table["unit"][0].as_py()) == unit


def test_nothing_is_recorded_where_nothing_is_to_be_captured(tmp_path):
    for recorder in (
        Recorder(None, PAIR, "1.0.0", DIGEST, Options()),
        Recorder(tmp_path, PAIR, "1.0.0", DIGEST, Options(capture=False)),
    ):
        assert recorder.idle
        recorder.record(entry([(1.0, 2.0)], [1], [[0.5, 0.5]]))
        recorder.close()
        assert recorder.dropped == 0
    assert not list(tmp_path.iterdir())


def test_what_comes_after_the_end_is_dropped_and_counted(make_recorder, tmp_path):
    recorder = make_recorder(PAIR)
    recorder.record(entry([(1.0, 2.0)], [1], [[0.5, 0.5]]))
    recorder.close(5)
    recorder.record(entry([(3.0, 4.0)], [1], [[0.5, 0.5]]))
    assert recorder.dropped == 1
    assert captured(tmp_path)["distance"].to_pylist() == [1.0]


def test_a_request_can_be_looked_at_within_a_second(make_recorder, tmp_path):
    import time

    recorder = make_recorder(PAIR)
    recorder.record(entry([(1.0, 2.0)], [1], [[0.5, 0.5]]))
    deadline = time.monotonic() + 20
    while captured(tmp_path) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert captured(tmp_path).num_rows == 1
    assert recorder.dropped == 0


def test_a_request_of_many_rows_is_written_in_parts(capture, tmp_path):
    block = np.arange(40_000.0).reshape(-1, 2)
    big = entry(block, np.zeros(20_000, int), np.full((20_000, 2), 0.5))
    table = capture(PAIR, [big])
    assert table["distance"].to_pylist() == block[:, 0].tolist()
    assert table["row"].to_pylist() == list(range(20_000))
    assert max(chunk.nbytes for chunk in table["distance"].chunks) <= 8192 * 8


RECORD = """
import os, sys, time
from pathlib import Path
import psutil
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from mlops_jupyter.serving.router import Contract
columns = [{"name": f"f{i}", "type": "double", "dtype": "float64"} for i in range(30)]
output = {"outputs": [{"name": "y", "type": "long", "classes": [0, 1]}], "probabilities": True}
contract = Contract("m", {"input": {"kind": "columns", "columns": columns}, "output": output}, {})
recorder = Recorder(Path(sys.argv[1]), contract, "1.0.0", "ab" * 32, Options(), "worker-0")
memory = []
for i in range(200_000):
    rows = [tuple(map(float, range(i, i + 30)))]
    recorder.record((i, f"{i:032}", "", "stable", 200, 0.001, rows, [1], [[0.5, 0.5]], ""))
    if i % 1000 == 0:
        time.sleep(0.02)
    if i % 40_000 == 39_999:
        memory.append(psutil.Process().memory_info().rss)
recorder.close(20)
heavy = sys.modules.keys() & {"pandas", "pyarrow.compute", "scipy"}
print(recorder.dropped, max(memory) - memory[0], *sorted(heavy))
"""


def test_memory_stays_flat_and_nothing_heavy_is_imported(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    dropped, grown, *heavy = done.stdout.split()
    table = captured(tmp_path)
    assert table.num_rows + int(dropped) == 200_000
    assert int(dropped) < 100_000  # none on a machine that has time for it
    assert int(grown) < 24 * 2**20
    assert heavy == []
    assert table["prediction_id"].to_pylist() == sorted(table["prediction_id"].to_pylist())


@pytest.mark.parametrize("order", ["C", "F"])
def test_requests_of_many_rows_are_found_as_they_were(capture, order):
    """Several at once, some with a missing value, of one row, refused or of another unit."""
    rng = np.random.default_rng(1)
    blocks = [np.asarray(rng.normal(size=(rows, 2)), order=order) for rows in (3, 1, 2, 5)]
    blocks[2][1, 0] = np.nan
    entries = [
        entry(
            block, np.arange(len(block)), rng.random((len(block), 2)), id_=f"p{i}", unit="ü" * i,
            role="stable" if i % 2 else "candidate",
        )
        for i, block in enumerate(blocks)
    ]  # fmt: skip
    refused = entry(None, id_="no", status=422, error="wrong, got 5")
    together = capture(PAIR, [*entries, refused]).to_pylist()
    expected = [
        (f"p{i}", row, "ü" * i or None, "stable" if i % 2 else "candidate", *values)
        for i, block in enumerate(blocks)
        for row, values in enumerate([None if x != x else x for x in line] for line in block.tolist())
    ]
    named = ("prediction_id", "row", "unit", "variant", "distance", "hour")
    told = [tuple(row[name] for name in named) for row in together if row["status"] == 200]
    assert sorted(told, key=lambda row: row[:2]) == expected
    assert [(row["prediction_id"], row["error"]) for row in together if row["status"] == 422] == [
        ("no", "wrong, got 5")
    ]
    assert all(row["prediction"] == row["row"] for row in together if row["status"] == 200)
