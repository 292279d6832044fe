"""What was run, as it is written and read again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import ConflictError, NotFoundError
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.records.encoding import step_of, text_of
from mlops_jupyter.pipelines.records.history import (
    begin_run,
    end_run,
    last_good,
    note_mirrored,
    open_runs,
    run_record,
    runs,
    save_step,
    unmirrored,
)
from mlops_jupyter.pipelines.records.run import Fingerprint, RunRecord, StepRecord
from mlops_jupyter.store.direct import reading

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Ledger

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEXTS = st.text(max_size=8)
DIGESTS = st.dictionaries(TEXTS, TEXTS, max_size=3)
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
FINGERPRINTS = st.builds(
    Fingerprint,
    code=TEXTS,
    parameters=DIGESTS,
    inputs=DIGESTS,
    outputs=st.lists(TEXTS, max_size=3).map(tuple),
)
FAILURES = st.builds(Failure, kind=st.just("error"), message=TEXTS, cell=st.none() | st.integers())
STEPS = st.builds(
    StepRecord,
    name=st.text(min_size=1, max_size=8),
    state=st.sampled_from(["SUCCEEDED", "FAILED", "NOT RUN"]),
    fingerprint=st.none() | FINGERPRINTS,
    outputs=DIGESTS,
    values=st.dictionaries(TEXTS, JSON, max_size=3),
    started=MOMENTS,
    ended=MOMENTS,
    cells=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    failure=st.none() | FAILURES,
    executed=st.none() | st.just(Path("/runs/a/executed.ipynb")),
    reads=st.lists(TEXTS, max_size=2).map(tuple),
)


def a_run(number: int = 1, *steps: StepRecord, pipeline: str = "delays", **facts: object) -> RunRecord:
    begun = RunRecord(
        f"20261121T12000{number}Z-ab{number:02}",
        pipeline,
        Path("/p/pipeline.yaml"),
        "RUNNING",
        {"month": 1},
        steps,
        NOON,
    )
    return replace(begun, **facts)


@given(STEPS)
def test_a_step_reads_as_it_was_written(step: StepRecord):
    assert step_of(json.loads(text_of(step))) == step


def test_a_record_of_another_release_reads_as_far_as_it_is_known(ledger: Ledger):
    facts = json.loads(text_of(StepRecord("train", "FAILED", attempts=2)))
    assert step_of(facts | {"colour": "green"}) == StepRecord("train", "FAILED", attempts=2)


def test_a_run_reads_as_it_was_begun(ledger: Ledger):
    owner = {"pid": 7, "create_time": 1.5, "host": "here", "who": "ana"}
    begun = a_run(
        1, StepRecord("a"), StepRecord("b"), needs={"b": ("a",)}, git={"commit": "c0ffee"}, owner=owner
    )
    begin_run(ledger, begun)
    assert run_record(ledger) == begun


def test_times_are_kept_whatever_their_zone(ledger: Ledger):
    berlin = timezone(NOON.astimezone().utcoffset() or NOON - NOON)
    begin_run(ledger, a_run(started=NOON.astimezone(berlin)))
    assert run_record(ledger).started == NOON


def test_a_step_is_saved_as_often_as_it_changes(ledger: Ledger):
    begin_run(ledger, run := a_run(1, StepRecord("a"), StepRecord("b")))
    for cells in ((1, 3), (2, 3)):
        save_step(ledger, run.id, StepRecord("a", "RUNNING", cells=cells, started=NOON))
    assert [step.cells for step in run_record(ledger).steps] == [(2, 3), (0, 0)]


def test_a_run_that_ends_leaves_no_step_under_way(ledger: Ledger):
    begin_run(ledger, run := a_run(1, StepRecord("a", "RUNNING", started=NOON), StepRecord("b")))
    ended = end_run(ledger, run.id, "STOPPED", NOON)
    assert [(step.state, step.ended) for step in ended.steps] == [("STOPPED", NOON), ("NOT RUN", None)]
    assert run_record(ledger) == ended
    assert (ended.state, ended.ended) == ("STOPPED", NOON)


def test_runs_are_listed_from_new_to_old(ledger: Ledger):
    for number in range(4):
        begin_run(ledger, a_run(number, pipeline="odd" if number % 2 else "even"))
    assert [run.id[-1] for run in runs(ledger, limit=3)] == ["3", "2", "1"]
    assert [run.id[-1] for run in runs(ledger, "even", limit=None)] == ["2", "0"]


@pytest.mark.parametrize("which", ["last", "20261121T120002Z-ab02", "20261121T120002", "ab02"])
def test_a_run_is_found_by(ledger: Ledger, which: str):
    for number in (1, 2):
        begin_run(ledger, a_run(number))
    assert run_record(ledger, which).id == "20261121T120002Z-ab02"


def test_the_last_run_of_a_pipeline_is_found(ledger: Ledger):
    begin_run(ledger, a_run(1))
    begin_run(ledger, a_run(2, pipeline="other"))
    assert run_record(ledger, pipeline="delays").id.endswith("ab01")


def test_a_run_that_is_not_known_is_told_with_those_that_are(ledger: Ledger):
    begin_run(ledger, a_run(1))
    with pytest.raises(NotFoundError, match=r"no run '20261122'.*20261121T120001Z-ab01"):
        run_record(ledger, "20261122")


def test_what_begins_two_runs_names_both(ledger: Ledger):
    for number in (1, 2):
        begin_run(ledger, a_run(number))
    with pytest.raises(NotFoundError, match=r"begins 2 runs.*ab01.*ab02"):
        run_record(ledger, "2026")


def test_where_nothing_ran_the_first_thing_to_do_is_told(ledger: Ledger):
    with pytest.raises(NotFoundError, match=r"no run of delays is known here; %mlops pipeline run"):
        run_record(ledger, pipeline="delays")


def test_the_last_good_result_is_not_the_last_attempt(ledger: Ledger):
    for number, state in enumerate(("SUCCEEDED", "FAILED"), 1):
        begin_run(ledger, a_run(number, StepRecord("train", state, values={"rows": number})))
    assert last_good(ledger, "delays", "train").values == {"rows": 1}
    assert last_good(ledger, None, "train").from_run == "20261121T120001Z-ab01"
    assert last_good(ledger, "other", "train") is None


def test_a_skipped_step_is_shown_with_the_result_it_stands_on(ledger: Ledger):
    made = StepRecord(
        "train", "SUCCEEDED", values={"rows": 3}, outputs={"m": "d"}, fingerprint=Fingerprint("c")
    )
    begin_run(ledger, first := a_run(1, made))
    begin_run(ledger, a_run(2, replace(made, state="SKIPPED", reason="unchanged", from_run=first.id)))
    shown = run_record(ledger).step("train")
    assert (shown.state, shown.reason, shown.values, shown.outputs) == (
        *("SKIPPED", "unchanged"),
        *({"rows": 3}, {"m": "d"}),
    )
    with reading(ledger) as connection:
        kept = connection.execute("SELECT record FROM pipeline_steps WHERE state = 'SKIPPED'").fetchone()
    assert "rows" not in kept["record"]


def test_runs_that_go_on_are_known_by_their_owner(ledger: Ledger):
    begin_run(ledger, a_run(1, state="SUCCEEDED"))
    begin_run(ledger, run := replace(a_run(2), owner={"pid": 7}))
    assert [(each.id, each.owner) for each in open_runs(ledger, "delays")] == [(run.id, {"pid": 7})]
    end_run(ledger, run.id, "FAILED")
    assert open_runs(ledger) == []


def test_runs_are_unmirrored_until_that_is_noted(ledger: Ledger):
    for number, state in enumerate(("SUCCEEDED", "FAILED", "RUNNING"), 1):
        begin_run(ledger, a_run(number, state=state))
    assert [run.state for run in unmirrored(ledger)] == ["SUCCEEDED", "FAILED"]
    note_mirrored(ledger, "20261121T120001Z-ab01", "0af3")
    assert [run.state for run in unmirrored(ledger)] == ["FAILED"]
    assert run_record(ledger, "ab01").mlflow_run == "0af3"


def test_a_second_pipeline_of_a_name_cannot_begin(ledger: Ledger, tmp_path: Path):
    (first := tmp_path / "pipeline.yaml").touch()
    begin_run(ledger, a_run(1, file=first))
    with pytest.raises(ConflictError, match="both named delays"):
        begin_run(ledger, a_run(2))
    assert len(runs(ledger)) == 1


SAVE = """
import sys
from pathlib import Path
from mlops_jupyter.pipelines.records.history import save_step
from mlops_jupyter.pipelines.records.run import StepRecord
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import Workspace
root, run, who = sys.argv[1:]
for number in range(20):
    save_step(Ledger(Workspace(Path(root))), run, StepRecord(f"{who}{number}", "RUNNING"))
"""


def test_processes_that_save_steps_at_once_lose_none(ledger: Ledger):
    begin_run(ledger, run := a_run(1))
    command = [sys.executable, "-c", SAVE, str(ledger.workspace.root), run.id]
    processes = [subprocess.Popen([*command, who]) for who in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(run_record(ledger).steps) == 60
