"""What one worker counts."""

from __future__ import annotations

import logging
import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving.metrics import families, meter
from mlops_jupyter.serving.metrics.folding import read_totals
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.problems import Problem


def counts_of(counter, family):
    """The cells of a family, by the labels after the model's."""
    return {key[2:]: cells for key, cells in counter.read().items() if key[0] == family.tag}


def problem(field, reason="type"):
    return Problem(0, field, reason, "'far'", "a number")


@given(st.lists(st.tuples(st.sampled_from([200, 422, 500]), st.floats(0, 100)), max_size=50))
def test_an_answer_is_counted_once_under_its_code_and_in_its_bucket(answers):
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable")
    for code, seconds in answers:
        series.answered(code, seconds)
    edges = [0.0, *families.ANSWERED.edges, float("inf")]
    for (_, _, code), (*buckets, total) in counts_of(counter, families.ANSWERED).items():
        mine = [seconds for each, seconds in answers if str(each) == code]
        assert buckets == [
            sum(low < seconds <= high or seconds == low == 0 for seconds in mine)
            for low, high in pairwise(edges)
        ]
        assert total == sum(int(seconds * 1e9) for seconds in mine)


def test_a_series_starts_at_zero_and_not_with_its_first_answer():
    counter = Meter(None, "churn")
    counter.series("1.0.0", "stable")
    assert list(counts_of(counter, families.ANSWERED)) == [("1.0.0", "stable", "200")]
    assert counts_of(counter, families.CAPTURE_DROPPED) == {("1.0.0", "stable"): (0,)}
    assert counts_of(counter, families.CACHE_HITS) == {(): (0,)}


def test_what_is_of_no_variant_takes_no_histograms_before_it_is_counted():
    counter = Meter(None, "churn")
    series = counter.series("", "")
    assert counts_of(counter, families.ANSWERED) == counts_of(counter, families.BATCH_SIZE) == {}
    series.answered(401, 0.001)
    assert list(counts_of(counter, families.ANSWERED)) == [("", "", "401")]


def test_what_is_in_flight_goes_up_and_down():
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable")
    for _ in range(3):
        series.began()
    series.ended()
    assert counts_of(counter, families.IN_FLIGHT) == {("1.0.0", "stable"): (2,)}


def test_queues_batches_drops_and_the_cache_are_counted():
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable")
    series.queued(9)
    series.queued(4)
    for rows in (1, 2, 3, 5000):
        series.batched(rows)
    series.dropped(2)
    series.dropped()
    counter.cache_hit()
    counter.cache_miss()
    counter.cache_miss()
    assert counts_of(counter, families.QUEUE_DEPTH) == {("1.0.0", "stable"): (4,)}
    assert counts_of(counter, families.BATCH_SIZE) == {
        ("1.0.0", "stable"): (1, 1, 1, *[0] * 8, 1, 5006),
    }
    assert counts_of(counter, families.CAPTURE_DROPPED) == {("1.0.0", "stable"): (3,)}
    assert counts_of(counter, families.CACHE_HITS) == {(): (1,)}
    assert counts_of(counter, families.CACHE_MISSES) == {(): (2,)}


def test_a_column_of_the_model_is_counted_by_name_and_any_other_as_other():
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable", ["age"])
    series.invalid(
        [problem("age"), problem("age", "missing"), problem("aeg", "extra"), problem(None, "empty")]
    )
    series.invalid([problem("age")])
    assert counts_of(counter, families.VALIDATION_ERRORS) == {
        ("1.0.0", "stable", "age", "type"): (2,),
        ("1.0.0", "stable", "age", "missing"): (1,),
        ("1.0.0", "stable", "other", "extra"): (1,),
        ("1.0.0", "stable", "other", "empty"): (1,),
    }


def test_columns_may_be_told_later():
    counter = Meter(None, "churn")
    counter.series("1.0.0", "stable").invalid([problem("age")])
    counter.series("1.0.0", "stable", ["age"]).invalid([problem("age")])
    assert {key[2] for key in counts_of(counter, families.VALIDATION_ERRORS)} == {"other", "age"}


def test_names_made_up_by_callers_take_no_memory():
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable", ["age"])
    for number in range(5000):
        series.invalid([problem(f"made up {number}", "extra")])
    assert counts_of(counter, families.VALIDATION_ERRORS) == {("1.0.0", "stable", "other", "extra"): (5000,)}
    assert len(series._problems) == 1


def test_of_very_many_columns_some_are_counted_by_name_and_none_is_lost():
    counter = Meter(None, "churn")
    columns = [f"a column with a rather long name {number}" for number in range(20_000)]
    series = counter.series("1.0.0", "stable", columns)
    series.invalid(map(problem, columns))
    errors = counts_of(counter, families.VALIDATION_ERRORS)
    assert sum(cells[0] for cells in errors.values()) == 20_000
    assert 200 < len(errors) < 2000
    assert errors["1.0.0", "stable", "other", "type"][0] > 18_000
    counter.series("1.0.1", "candidate").answered(200, 0.001)
    assert ("1.0.1", "candidate", "200") in counts_of(counter, families.ANSWERED)


def test_of_very_many_versions_none_is_lost():
    counter = Meter(None, "churn")
    for number in range(3000):
        series = counter.series(f"1.0.{number}", "stable", ["age"])
        series.answered(200, 0.001)
        series.invalid([problem("age")])
        series.dropped()
    for family in (families.ANSWERED, families.VALIDATION_ERRORS, families.CAPTURE_DROPPED):
        cells = counts_of(counter, family)
        assert sum(sum(each[:-1] or each) for each in cells.values()) == 3000
        assert sum(cells[tuple(["other"] * (len(family.labels) - 1))]) > 0


def test_labels_of_any_length_fit():
    counter = Meter(None, "m" * 5000)
    counter.series("\x01" * 5000, "stable", ["c" * 5000]).invalid([problem("c" * 5000)])
    keys = {key for key in counter.read() if key[0] == families.VALIDATION_ERRORS.tag}
    assert [max(map(len, key)) for key in keys] == [meter.LONGEST_LABEL]


def test_a_series_is_made_once():
    counter = Meter(None, "churn")
    assert counter.series("1.0.0", "stable") is counter.series("1.0.0", "stable")
    assert counter.series("1.0.0", "stable") is not counter.series("1.0.0", "candidate")


def test_other_threads_lose_no_drops_and_no_batches():
    counter = Meter(None, "churn")
    series = counter.series("1.0.0", "stable", ["age"])

    def count():
        for _ in range(2000):
            series.dropped()
            series.batched(2)
            series.invalid([problem("age")])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts_of(counter, families.CAPTURE_DROPPED) == {("1.0.0", "stable"): (8000,)}
    assert counts_of(counter, families.BATCH_SIZE)["1.0.0", "stable"][-1] == 16_000
    assert counts_of(counter, families.VALIDATION_ERRORS)["1.0.0", "stable", "age", "type"] == (8000,)


def test_a_worker_for_which_there_was_no_room_is_counted_when_there_is(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "model_server"):
        patched.setattr("mlops_jupyter.serving.metrics.slab.os.write", full)
        counter = Meter(folder, "churn")
        series = counter.series("1.0.0", "stable", ["age"])
        series.began()
        series.answered(200, 0.1)
        series.invalid([problem("age")])
        counter.settle()  # still none
        assert read_totals(folder).counts == {}
    counter.settle()
    counter.settle()
    assert "from now on" in caplog.text
    before = counter.read()
    assert read_totals(folder).counts == before
    series.answered(200, 0.1)
    series.invalid([problem("age")])
    series.dropped(2)
    counter.cache_hit()
    counter.series("1.1.0", "candidate").answered(200, 0.1)
    totals = read_totals(folder)
    assert totals.processes == 1
    assert totals.counts == counter.read() != before
    assert sum(counts_of(counter, families.ANSWERED)["1.0.0", "stable", "200"][:-1]) == 2
    assert counts_of(counter, families.VALIDATION_ERRORS) == {("1.0.0", "stable", "age", "type"): (2,)}
    counter.close()
    counter.settle()  # too late to begin anew: it would be counted twice
    assert [path.suffix for path in folder.iterdir()] == [".slab"]


def test_nobody_loses_a_count_while_a_worker_settles(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mlops_jupyter.serving.metrics.slab.os.write", full)
        counter = Meter(folder, "churn")
    series = counter.series("1.0.0", "stable")
    threads = [threading.Thread(target=lambda: [series.dropped() for _ in range(5000)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    counter.settle()
    for thread in threads:
        thread.join()
    family = families.CAPTURE_DROPPED.tag
    assert read_totals(folder).counts[family, "churn", "1.0.0", "stable"] == (15_000,)
    counter.close()


def test_a_worker_for_which_there_is_no_room_serves_all_the_same(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlops_jupyter.serving.metrics.slab.os.write", full)
    with caplog.at_level(logging.WARNING, "model_server"):
        counter = Meter(folder, "churn")
    assert "No space left" in caplog.text
    counter.series("1.0.0", "stable").answered(200, 0.1)
    assert sum(counts_of(counter, families.ANSWERED)["1.0.0", "stable", "200"][:-1]) == 1
    counter.close()
