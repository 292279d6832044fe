"""Counters never go back, whoever dies and whenever."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mlops_jupyter.serving.metrics import families, folding
from mlops_jupyter.serving.metrics.folding import FOLDED, fold_slabs, read_totals
from mlops_jupyter.serving.metrics.meter import Meter


def answers(totals):
    """All answers, of any version, variant and code."""
    return sum(sum(cells[:-1]) for key, cells in totals.counts.items() if key[0] == families.ANSWERED.tag)


def in_flight(totals):
    return sum(cells[0] for key, cells in totals.counts.items() if key[0] == families.IN_FLIGHT.tag)


def ended_worker(folder, number=1, version="1.0.0"):
    meter = Meter(folder, "churn")
    series = meter.series(version, "stable")
    for _ in range(number):
        series.began()
        series.answered(200, 0.001)
    meter.close()
    return meter


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "folding.lock")


def test_the_counts_of_the_dead_are_kept_and_their_gauges_are_not(folder):
    ended_worker(folder, 3)
    living = Meter(folder, "churn")
    living.series("1.0.0", "stable").began()
    before = read_totals(folder)
    assert (answers(before), in_flight(before), before.processes) == (3, 1, 1)
    assert fold_slabs(folder) == 1
    assert read_totals(folder) == before
    assert len(names(folder)) == 2
    living.close()


def test_folding_again_changes_nothing(folder):
    ended_worker(folder)
    assert [fold_slabs(folder) for _ in range(3)] == [1, 0, 0]
    assert answers(read_totals(folder)) == 1
    assert names(folder) == [FOLDED]


def test_where_nothing_was_counted_there_is_nothing(folder):
    assert fold_slabs(folder) == 0
    assert read_totals(folder) == folding.Totals({}, 0)


def test_one_folds_at_a_time(folder):
    ended_worker(folder)
    with folding._turn(folder):
        assert fold_slabs(folder) == 0
    assert fold_slabs(folder) == 1


def test_on_a_full_disk_nothing_is_folded_and_nothing_lost(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    ended_worker(folder, 5)
    before = read_totals(folder)
    with monkeypatch.context() as patch:
        patch.setattr(folding, "write_document", full)
        assert fold_slabs(folder) == 0
    assert read_totals(folder) == before
    assert fold_slabs(folder) == 1
    assert read_totals(folder) == before


def test_a_reader_between_two_folds_counts_nothing_twice(folder, monkeypatch):
    """The slab is read, then folded, and by the next fold no longer named: it must be read again."""
    ended_worker(folder)
    read, folds = folding.read_slabs, []

    def read_then_fold(where):
        readings = read(where)
        if len(folds) < 2:
            with monkeypatch.context() as patch:
                patch.setattr(folding, "read_slabs", read)
                folds.append(fold_slabs(folder))
                ended_worker(folder)
                folds.append(fold_slabs(folder))
        return readings

    monkeypatch.setattr(folding, "read_slabs", read_then_fold)
    assert answers(read_totals(folder)) == 2
    assert folds == [1, 1]


def test_a_document_that_cannot_be_read_just_now_is_not_taken_for_none(folder, monkeypatch):
    def too_many(*_):
        raise OSError(24, "Too many open files")

    ended_worker(folder)
    fold_slabs(folder)
    ended_worker(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", too_many)
        assert fold_slabs(folder) == 0
        with pytest.raises(OSError, match="Too many"):
            read_totals(folder)
    assert fold_slabs(folder) == 1
    assert answers(read_totals(folder)) == 2


def test_a_document_that_is_none_is_begun_anew(folder):
    ended_worker(folder)
    (folder / FOLDED).write_text('{"sequence": 1')
    assert fold_slabs(folder) == 1
    assert answers(read_totals(folder)) == 1


def test_what_another_release_counted_is_left_out(folder):
    meter = Meter(folder, "churn")
    meter._slab.place(("answered-00000000", "churn"), 3)
    assert ("answered-00000000", "churn") in read_totals(folder).counts
    meter.close()
    fold_slabs(folder)
    assert {key[0] for key in read_totals(folder).counts} <= {family.tag for family in families.STORED}


def test_versions_of_long_ago_make_room_but_none_that_still_counts(folder, monkeypatch):
    ended_worker(folder, 7, version="1.0.0")
    fold_slabs(folder)
    living = Meter(folder, "churn")
    living.series("1.0.0", "stable")
    monkeypatch.setattr(folding, "MOST_KEPT", 20)
    for number in range(1, 30):
        ended_worker(folder, version=f"1.0.{number}")
        fold_slabs(folder)
    kept = {key[2] for key in read_totals(folder).counts if key[0] == families.ANSWERED.tag}
    assert {"1.0.0", "1.0.29", "1.0.28"} <= kept
    assert "1.0.1" not in kept
    assert len(json.loads((folder / FOLDED).read_text())["counts"]) <= 20
    answered = read_totals(folder).counts[families.ANSWERED.tag, "churn", "1.0.0", "stable", "200"]
    assert sum(answered[:-1]) == 7
    living.close()


def test_what_was_never_finished_is_swept_after_a_while(folder):
    ended_worker(folder)
    old, new = folder / "1-a.unfinished", folder / "2-b.unfinished"
    for path in (old, new, folder / f"{FOLDED}.3.new"):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    fold_slabs(folder)
    assert names(folder) == ["2-b.unfinished", FOLDED, f"{FOLDED}.3.new"]


KILLED_AT_EACH_LINE = """
import os, signal, sys
from collections import Counter
from pathlib import Path
from mlops_jupyter.serving import documents
from mlops_jupyter.serving.metrics import families, folding, slab
from mlops_jupyter.serving.metrics.meter import Meter

folder = Path(sys.argv[1])
os.fsync = lambda _: None  # for the death of a machine, not of a process
OURS = {module.__file__ for module in (folding, slab, documents)}
living = Meter(folder, "churn").series("1.0.0", "stable")
living.answered(200, 0.1)
made = 1

def worker():
    global made
    meter = Meter(folder, "churn")
    meter.series("1.0.0", "stable").answered(200, 0.001)
    meter.close()
    made += 1

def answers():
    counts = folding.read_totals(folder).counts
    return sum(sum(cells[:-1]) for key, cells in counts.items() if key[0] == families.ANSWERED.tag)

def die_at(line):
    left, visits = line, Counter()
    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename not in OURS:
            return None
        if event == "line" and visits[frame.f_code, frame.f_lineno] < 2:
            visits[frame.f_code, frame.f_lineno] += 1
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    folding.fold_slabs(folder)
    sys.settrace(None)
    os._exit(0)

line, ended, deaths = 0, 0, 0
while not ended:
    worker()
    child = os.fork()
    if not child:
        die_at(line)
    ended = os.waitpid(child, 0)[1] == 0
    deaths += not ended
    assert answers() == made, (line, answers(), made)
    folding.fold_slabs(folder)
    assert answers() == made, (line, answers(), made)
    line += 1
print(deaths, made)
"""


def test_a_fold_killed_at_any_line_loses_nothing_and_counts_nothing_twice(folder, run_alone):
    deaths, made = map(int, run_alone(KILLED_AT_EACH_LINE, str(folder)).split())
    assert deaths > 100
    assert made == deaths + 2
    (living,) = folder.glob("*.slab")
    assert set(names(folder)) - {living.name, FOLDED} == {
        path.name for path in folder.glob(f"{FOLDED}.*.new")
    }


def test_the_sum_over_workers_that_are_killed_folded_and_started_again_never_goes_back(folder, start_worker):
    workers = [start_worker(folder) for _ in range(2)]
    for worker in workers:
        worker.begun()
    seen = [0]
    for turn in range(40):
        seen.append(answers(read_totals(folder)))
        if turn % 4 == 3:
            workers[-1].kill()
            workers.append(start_worker(folder))
            workers[-1].begun()
            fold_slabs(folder)
        time.sleep(0.005)
    for worker in workers:
        if worker.process.returncode is None:
            worker.kill()
    fold_slabs(folder)
    total = answers(read_totals(folder))
    assert seen == sorted(seen)
    assert seen[-1] > 0
    begun, finished = (sum(tallies) for tallies in zip(*(worker.tally for worker in workers), strict=True))
    assert max(finished, seen[-1]) <= total <= begun
    assert list(folder.glob("*.slab")) == []


class Deaths(RuleBasedStateMachine):
    """Any order of starts, counts, deaths, folds and folds that break off."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()) / "metrics"
        self.living = []
        self.expected = self.flying = 0

    @precondition(lambda self: len(self.living) < 4)
    @rule()
    def start(self):
        self.living.append([Meter(self.folder, "churn"), 0])

    @precondition(lambda self: self.living)
    @rule(data=st.data(), code=st.sampled_from([200, 422, 503]), version=st.sampled_from(["1.0.0", "1.1.0"]))
    def answer(self, data, code, version):
        worker = data.draw(st.sampled_from(self.living))
        series = worker[0].series(version, "stable")
        series.began()
        series.answered(code, 0.01)
        worker[1] += 1
        self.expected += 1

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def die(self, data):
        worker = data.draw(st.sampled_from(self.living))
        worker[0].close()
        self.living.remove(worker)

    @rule()
    def fold(self):
        fold_slabs(self.folder)

    @rule(step=st.sampled_from(["_write_folded", "_remove", "_sweep"]), before=st.booleans())
    def fold_and_break_off(self, step, before):
        done = getattr(folding, step)

        def break_off(*arguments):
            if not before:
                done(*arguments)
            raise OSError("broken off")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folding, step, break_off)
            fold_slabs(self.folder)

    @invariant()
    def all_is_counted_once(self):
        totals = read_totals(self.folder)
        assert answers(totals) == self.expected
        assert in_flight(totals) == sum(flying for _, flying in self.living)
        assert totals.processes == len(self.living)

    def teardown(self):
        for meter, _ in self.living:
            meter.close()
        shutil.rmtree(self.folder.parent)


TestDeaths = Deaths.TestCase
TestDeaths.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
