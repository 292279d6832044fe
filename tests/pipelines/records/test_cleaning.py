"""Old runs are removed, and never what a result stands on."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.records.cleaning import clean
from mlops_jupyter.pipelines.records.history import last_good, runs
from mlops_jupyter.store.direct import reading, writing
from tests.pipelines.records.project import Project, failing, notebook_text, write

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.direct import Ledger


def count(store: Ledger, table: str) -> int:
    with reading(store) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def changed(project: Project, times: int) -> list[RunRecord]:
    """Run `train` some times, each time with other code."""
    found = []
    for number in range(times):
        write(project.folder / "train.ipynb", notebook_text(f"fit({number})"))
        found.append(project.run())
    return found


def folder_of(record: RunRecord) -> Path:
    return record.steps[-1].executed.parents[1]


def test_old_runs_go_with_their_files(project: Project):
    project.step("train")
    old, *kept = changed(project, 3)
    cleaned = clean(project.store, keep=2)
    assert (cleaned.runs, cleaned.standing) == ((old.id,), ())
    assert cleaned.bytes > 0
    assert [run.id for run in runs(project.store)] == [run.id for run in reversed(kept)]
    assert [folder_of(run).exists() for run in (old, *kept)] == [False, True, True]


def test_what_was_cleaned_runs_no_step_again(project: Project):
    project.step("load", outputs=("rows",))
    project.step("train", needs=("load",))
    first, *_ = changed(project, 3)
    cleaned = clean(project.store, keep=0)
    assert first.id in cleaned.standing
    assert project.reasons() == {}
    assert project.run().step("load").executed.exists()


def test_the_last_success_stays_behind_a_failure(project: Project):
    project.step("train")
    good, _ = changed(project, 2), project.run(failing({"train"}, project.writing), force=True)
    clean(project.store, keep=0)
    assert last_good(project.store, "delays", "train").from_run == good[-1].id


def test_results_of_steps_that_are_no_more_go(project: Project):
    project.step("gone")
    old = project.run()
    del project.steps["gone"]
    project.step("train")
    changed(project, 2)
    assert clean(project.store, keep=1).runs[0] == old.id


def test_what_skipped_steps_of_kept_runs_stand_on_stays(project: Project):
    project.step("train")
    made = project.run()
    skipped = project.run()
    changed(project, 2)
    assert made.id not in clean(project.store, keep=3).runs
    assert [run.step("train").executed for run in runs(project.store) if run.id == skipped.id] == [
        made.step("train").executed
    ]


def test_only_what_is_older_goes(project: Project):
    project.step("train")
    changed(project, 3)
    assert clean(project.store, keep=0, older=timedelta(days=1)).runs == ()


def test_only_the_pipeline_that_was_named_is_cleaned(project: Project):
    project.step("train")
    changed(project, 3)
    assert clean(project.store, keep=0, pipeline="another").runs == ()
    assert len(clean(project.store, keep=0, pipeline="delays").runs) == 2


def test_a_folder_without_a_record_goes_when_it_is_old(project: Project):
    project.step("train")
    folder = folder_of(project.run())
    for name, age in (("new", 0), ("old", 2 * 24 * 3600)):
        write(folder.with_name(name) / "file", "x")
        os.utime(folder.with_name(name), (time.time() - age,) * 2)
    clean(project.store)
    assert sorted(each.name for each in folder.parent.iterdir()) == ["new", folder.name]


def test_what_verifications_kept_goes(project: Project):
    project.step("train")
    kept = folder_of(project.run()).parents[1] / "verified"
    write(kept / "train.1.ipynb", "x" * 1000)
    assert clean(project.store, pipeline="another").bytes == 0
    assert clean(project.store, older=timedelta(days=1)).bytes == 0
    assert clean(project.store, pipeline="delays").bytes == 1000
    assert not kept.exists()


def test_digests_of_files_that_are_gone_are_forgotten(project: Project):
    there = str(project.write("data.csv", "1"))
    rows = [(path, "content", "1", "2") for path in (there, "/nowhere/data.csv")]
    with writing(project.store) as connection:
        connection.executemany("INSERT INTO file_digests VALUES (?, ?, ?, ?)", rows)
    clean(project.store)
    with reading(project.store) as connection:
        assert [row["path"] for row in connection.execute("SELECT path FROM file_digests")] == [there]


def test_environments_stay_as_long_as_results_are_of_them(project: Project):
    project.step("train")
    changed(project, 2)
    clean(project.store, keep=0)
    assert count(project.store, "pipeline_environments") == 1
    del project.steps["train"]
    project.run()
    clean(project.store, keep=1)
    assert count(project.store, "pipeline_environments") == 0
