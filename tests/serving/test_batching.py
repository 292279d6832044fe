"""What waits for a slow model is predicted together, and nobody pays for a neighbour."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.batching import Batcher, measure_batching, merge, split
from mlops_jupyter.serving.lanes import Busy, Lane, TimedOut
from mlops_jupyter.serving.runtimes import Prediction


@pytest.fixture
def anyio_backend():
    return "asyncio"


def rows_of(*values: float) -> Batch:
    block = np.array(values, dtype=float).reshape(-1, 1)
    return Batch({"a": block[:, 0]}, len(values), block)


class Model:
    """Doubles; refuses rows below zero; the first call lasts until it is let go."""

    def __init__(self) -> None:
        self.sizes, self.begun, self._let = [], threading.Semaphore(0), threading.Event()

    def predict(self, batch: Batch) -> Prediction:
        self.sizes.append(batch.rows)
        if len(self.sizes) == 1:
            self.begun.release()
            assert self._let.wait(20)
        if (batch.columns["a"] < 0).any():
            raise ValueError("below zero")
        return Prediction([batch.columns["a"] * 2])

    def go(self) -> None:
        self._let.set()

    async def busy(self, batcher: Batcher) -> asyncio.Task[Prediction]:
        task = asyncio.create_task(batcher.predict(rows_of(0)))
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)
        return task


@pytest.fixture
def model():
    model = Model()
    yield model
    model.go()


def labels(prediction) -> list[float]:
    return prediction.labels[0].tolist()


async def ask(batcher, *batches):
    tasks = [asyncio.create_task(batcher.predict(batch)) for batch in batches]
    await asyncio.sleep(0.01)
    return tasks


@pytest.mark.anyio
async def test_a_lone_request_goes_at_once(model):
    model.go()
    assert labels(await Batcher(model.predict, Lane(1, 8, 5.0)).predict(rows_of(1, 2))) == [2, 4]
    assert model.sizes == [2]


@pytest.mark.anyio
async def test_what_came_while_the_thread_was_busy_goes_together_and_each_gets_its_own(model):
    lane = Lane(2, 8, 5.0)
    batcher = Batcher(model.predict, lane)
    first = await model.busy(batcher)
    waiting = await ask(batcher, rows_of(1), rows_of(2, 3), rows_of(4))
    assert lane.depth == 3
    model.go()
    assert [labels(await task) for task in (first, *waiting)] == [[0], [2], [4, 6], [8]]
    assert model.sizes == [1, 4]
    assert lane.depth == 0


@pytest.mark.anyio
async def test_no_more_rows_go_together_than_may_and_a_larger_request_goes_alone(model):
    batcher = Batcher(model.predict, Lane(1, 8, 5.0), most_rows=3)
    first = await model.busy(batcher)
    waiting = await ask(batcher, rows_of(1), rows_of(2, 3), rows_of(4), rows_of(*range(5)), rows_of(6))
    model.go()
    await asyncio.gather(first, *waiting)
    assert model.sizes == [1, 3, 1, 5, 1]


@pytest.mark.anyio
async def test_integers_do_not_go_with_floats_which_would_round_them(model):
    exact = 2**53 + 1
    integers = Batch({"a": np.array([exact])}, 1)
    missing = Batch({"a": np.array([np.nan])}, 1)
    batcher = Batcher(model.predict, Lane(1, 8, 5.0))
    first = await model.busy(batcher)
    waiting = await ask(batcher, integers, integers, missing)
    model.go()
    await first
    assert [labels(await task) for task in waiting[:2]] == [[2 * exact]] * 2
    await waiting[2]
    assert model.sizes == [1, 2, 1]


@pytest.mark.anyio
async def test_a_bad_row_fails_alone(model):
    batcher = Batcher(model.predict, Lane(1, 8, 5.0))
    first = await model.busy(batcher)
    good, bad, also_good = await ask(batcher, rows_of(1), rows_of(-1), rows_of(2))
    model.go()
    await first
    assert [labels(await task) for task in (good, also_good)] == [[2], [4]]
    with pytest.raises(ValueError, match="below zero"):
        await bad
    assert model.sizes == [1, 3, 1, 1, 1]


@pytest.mark.anyio
async def test_a_model_that_answers_too_few_rows_is_asked_for_each_alone(model):
    def forgetful(batch):
        model.predict(batch)
        return Prediction([batch.columns["a"][:1]])

    batcher = Batcher(forgetful, Lane(1, 8, 5.0))
    first = await model.busy(batcher)
    waiting = await ask(batcher, rows_of(1), rows_of(2))
    model.go()
    await first
    assert [labels(await task) for task in waiting] == [[1], [2]]


@pytest.mark.anyio
async def test_more_than_may_wait_are_refused_at_once(model):
    batcher = Batcher(model.predict, Lane(1, 2, 5.0))
    first = await model.busy(batcher)
    waiting = await ask(batcher, rows_of(1), rows_of(2))
    with pytest.raises(Busy, match="2 requests wait"):
        await batcher.predict(rows_of(3))
    model.go()
    assert [labels(await task) for task in (first, *waiting)] == [[0], [2], [4]]


@pytest.mark.anyio
async def test_without_a_queue_a_lone_request_is_still_answered(model):
    model.go()
    assert labels(await Batcher(model.predict, Lane(1, 0, 5.0)).predict(rows_of(1))) == [2]


@pytest.mark.anyio
async def test_each_is_answered_at_its_own_deadline_and_not_predicted_after(model):
    lane = Lane(1, 8, 5.0)
    batcher = Batcher(model.predict, lane)
    first = await model.busy(batcher)
    soon = asyncio.create_task(batcher.predict(rows_of(1), time.perf_counter() + 0.05))
    later = asyncio.create_task(batcher.predict(rows_of(2)))
    with pytest.raises(TimedOut):
        await soon
    assert lane.depth == 1
    model.go()
    assert [labels(await task) for task in (first, later)] == [[0], [4]]
    assert model.sizes == [1, 1]


@pytest.mark.anyio
async def test_one_whose_caller_went_away_is_not_predicted(model):
    batcher = Batcher(model.predict, Lane(1, 8, 5.0))
    first = await model.busy(batcher)
    gone, stays = await ask(batcher, rows_of(1), rows_of(2))
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    model.go()
    assert [labels(await task) for task in (first, stays)] == [[0], [4]]
    assert model.sizes == [1, 1]


@pytest.mark.anyio
async def test_when_the_thread_takes_far_longer_than_usual_the_next_go_by_another(model):
    batcher = Batcher(model.predict, Lane(2, 8, 5.0))
    first = await model.busy(batcher)
    await asyncio.sleep(0.1)
    assert labels(await batcher.predict(rows_of(1))) == [2]
    assert not first.done()


@pytest.mark.anyio
async def test_when_every_thread_hangs_all_that_come_are_refused_at_once(model):
    lane = Lane(1, 8, 5.0)
    batcher = Batcher(model.predict, lane)
    with pytest.raises(TimedOut):
        await batcher.predict(rows_of(1), time.perf_counter() + 0.5)
    assert lane.hung
    begun = time.perf_counter()
    with pytest.raises(Busy):
        await batcher.predict(rows_of(2))
    assert time.perf_counter() - begun < 1
    model.go()
    while lane.hung:
        await asyncio.sleep(0.01)
    assert labels(await batcher.predict(rows_of(3))) == [6]


MIXED = st.lists(st.lists(st.tuples(st.floats(), st.text(max_size=3)), min_size=1, max_size=4), min_size=1)


def mixed(rows) -> Batch:
    floats, texts = zip(*rows, strict=True)
    return Batch({"x": np.array(floats), "t": np.array(texts, dtype=object)}, len(rows))


@given(MIXED)
def test_what_was_merged_is_split_as_it_was(requests):
    whole = merge([mixed(rows) for rows in requests])
    assert whole.rows == sum(map(len, requests))
    table = np.column_stack([whole.columns["x"], whole.columns["x"]])
    parts = split(Prediction([whole.columns["t"]], [table]), [len(rows) for rows in requests])
    for rows, part in zip(requests, parts, strict=True):
        floats, texts = zip(*rows, strict=True)
        assert part.labels[0].tolist() == list(texts)
        assert np.array_equal(part.probabilities[0][:, 1], floats, equal_nan=True)


def test_blocks_are_merged_into_a_block_with_the_same_columns():
    merged = merge([rows_of(1, 2), rows_of(3)])
    assert merged.block.tolist() == [[1], [2], [3]]
    assert merged.columns["a"].tolist() == [1, 2, 3]


def test_a_batch_by_itself_is_not_copied():
    batch = rows_of(1)
    assert merge([batch]) is batch


def test_a_prediction_of_another_number_of_rows_is_not_split():
    with pytest.raises(ValueError, match="answers 2 of 3 rows"):
        split(Prediction([np.zeros(2)]), [1, 2])


def costing(once: float, each: float):
    def predict(batch):
        time.sleep(once + each * batch.rows)
        return Prediction([np.arange(batch.rows) * 0.0])

    return predict


@pytest.mark.parametrize(
    ("once", "each", "pays"),
    [(0.01, 0.0, True), (0.01, 0.001, True), (0.0, 0.01, False), (0.001, 0.01, False), (0.0, 0.0, False)],
)
def test_batching_pays_where_rows_together_cost_little_more_than_one(once, each, pays):
    assert measure_batching(costing(once, each), rows_of(1)) is pays


def test_a_model_whose_answers_depend_on_the_rows_beside_has_each_alone():
    def ranks(batch):
        time.sleep(0.005)
        return Prediction([np.arange(batch.rows)])

    assert not measure_batching(ranks, rows_of(1))


def test_a_very_slow_model_is_not_measured_again_and_again():
    calls = []

    def slow(batch):
        calls.append(batch.rows)
        time.sleep(1.05)
        return Prediction([np.zeros(batch.rows)])

    assert measure_batching(slow, rows_of(1))
    assert calls == [1, 4]


def test_a_model_that_cannot_answer_one_row_is_not_batched():
    def predict(batch):
        raise ValueError("one sample is too few")

    assert not measure_batching(predict, Batch({"a": np.array([1.0])}, 1))
