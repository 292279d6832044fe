"""Records that are kept while a run goes on, also when the store does not take them at once."""

from __future__ import annotations

import os

import pytest

from mlops_jupyter.errors import ConflictError, WorkspaceError
from mlops_jupyter.pipelines.records.run import StepRecord
from mlops_jupyter.pipelines.running import keeping
from mlops_jupyter.pipelines.running.events import Telling
from mlops_jupyter.pipelines.running.keeping import Keeper, reserve_room


@pytest.fixture
def kept(project, monkeypatch):
    """A keeper, what it saved, and the failures that meet the next saves."""
    saved, failures = [], []

    def save(_store, _run, record):
        if failures:
            raise failures.pop(0)
        saved.append((record.state, record.cells))

    monkeypatch.setattr(keeping, "save_step", save)
    reading, writing = os.pipe()
    keeper = Keeper(project.store, "r", reserve_room(project.folder), Telling(writing))
    yield keeper, saved, failures
    os.close(reading)
    os.close(writing)


def test_progress_alone_is_told_and_not_saved_each_time(kept):
    keeper, saved, _ = kept
    for done in range(3):
        keeper.keep(StepRecord("train", "RUNNING", cells=(done, 3)))
    keeper.keep(StepRecord("train", "SUCCEEDED", cells=(3, 3)))
    assert saved == [("RUNNING", (0, 3)), ("SUCCEEDED", (3, 3))]


def test_a_store_that_is_busy_once_is_no_trouble(kept):
    keeper, saved, failures = kept
    failures.append(ConflictError("the store is busy"))
    keeper.keep(StepRecord("train", "RUNNING"))
    assert keeper.trouble is None
    assert saved == [("RUNNING", (0, 0))]


def test_on_a_full_disk_the_room_kept_is_given_up_for_the_record(kept, project):
    keeper, saved, failures = kept
    reserve = project.path(keeping.RESERVE)
    assert reserve.stat().st_size == keeping.RESERVED_BYTES
    failures.append(WorkspaceError("the disk is full"))
    keeper.keep(StepRecord("train", "FAILED"))
    assert str(keeper.trouble) == "the disk is full"
    assert not reserve.exists()
    assert saved == [("FAILED", (0, 0))]


def test_what_cannot_be_kept_at_all_is_trouble_that_is_told_last(kept):
    keeper, saved, failures = kept
    failures += [WorkspaceError("the disk is full"), WorkspaceError("the disk is still full")]
    keeper.keep(StepRecord("train", "FAILED"))
    assert str(keeper.trouble) == "the disk is still full"
    assert saved == []
