"""Captured files, found and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_jupyter.capture.files import captured_files, feedback_files, read_batches, read_schema
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.feedback import FeedbackRecorder
from mlops_jupyter.serving.recording.recorder import Recorder
from tests.serving.recording.samples import DIGEST, column, contract, entry

OF = contract([column("x")])


@pytest.fixture
def deployment(tmp_path):
    """A deployment that captured two versions by two workers, and feedback."""
    for version, writer in (("1.0.0", "worker-0"), ("1.0.0", "worker-1"), ("1.1.0", "remote-1")):
        recorder = Recorder(tmp_path, OF, version, DIGEST, Options(), writer)
        recorder.record(entry([(1.0,)], [1], [[0.5, 0.5]], id_=writer))
        recorder.close(5)
    feedback = FeedbackRecorder(tmp_path, [OF], Options(), "worker-0")
    feedback.handle_feedback(b'{"prediction_id": "worker-0", "actual": 1}')
    feedback.close(5)
    return tmp_path


def test_files_are_found_by_version_the_earliest_first(deployment):
    found = captured_files(deployment)
    assert [(file.version, file.writer) for file in found] == [
        ("1.0.0", "worker-0"), ("1.0.0", "worker-1"), ("1.1.0", "remote-1"),
    ]  # fmt: skip
    assert [file.writer for file in captured_files(deployment, "1.1.0")] == ["remote-1"]
    assert {file.digest for file in found} == {DIGEST[:8]}
    assert [file.begun for file in found] == sorted(file.begun for file in found)
    assert abs(found[0].begun - datetime.now(UTC)) < timedelta(minutes=1)
    assert [file.writer for file in feedback_files(deployment)] == ["worker-0"]


def test_what_is_no_captured_file_is_passed_over(deployment):
    folder = captured_files(deployment)[0].path.parent
    (folder / "notes.arrows").write_bytes(b"none of ours")
    (folder / "20261121T000000.000000Z-worker-0-1.arrows.new").write_bytes(b"half done")
    assert len(captured_files(deployment)) == 3


def test_where_nothing_was_captured_nothing_is_found(tmp_path):
    assert captured_files(tmp_path) == feedback_files(tmp_path) == []


def test_a_file_that_is_gone_or_has_nothing_whole_in_it_reads_as_empty(deployment):
    file = captured_files(deployment)[0]
    for content in (b"", b"\xff\xff\xff\xff\x10", b"no stream at all" * 10):
        file.path.write_bytes(content)
        assert list(read_batches(file.path)) == []
        assert read_schema(file.path) is None
    file.path.unlink()
    assert list(read_batches(file.path)) == []
    assert read_schema(file.path) is None


def test_a_batch_is_read_as_it_was_written(deployment):
    [batch] = read_batches(captured_files(deployment, "1.1.0")[0].path)
    assert batch["prediction_id"].to_pylist() == ["remote-1"]
    assert batch.schema.metadata[b"mlops.version"] == b"1.1.0"
