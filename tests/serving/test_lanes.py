"""A variant's own threads: bounded, answered at the deadline, whatever the model does."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.serving.lanes import Busy, Lane, TimedOut

ROOT = Path(mlops_jupyter.__file__).parents[1]
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Gate:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun, self._let = threading.Semaphore(0), threading.Event()

    def work(self) -> str:
        self.begun.release()
        assert self._let.wait(20)
        return "done"

    def open(self) -> None:
        self._let.set()

    async def wait_for_begun(self, count: int = 1) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


def soon(seconds: float = 0.1) -> float:
    return time.perf_counter() + seconds


async def test_work_is_done_in_another_thread_and_its_answer_comes_back():
    assert await Lane(1, 8, 5.0).run(threading.get_ident) != threading.get_ident()


async def test_what_work_raises_is_raised_where_it_is_awaited():
    lane = Lane(1, 8, 5.0)
    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 / 0)
    assert await lane.run(lambda: "still here") == "still here"


@pytest.mark.parametrize("raised", [StopIteration("no more"), SystemExit(3), KeyboardInterrupt()])
async def test_what_would_end_the_process_or_the_coroutine_ends_one_answer(raised):
    def work():
        raise raised

    lane = Lane(1, 8, 5.0)
    with pytest.raises(RuntimeError):
        await lane.run(work)
    assert await lane.run(lambda: "still here") == "still here"


async def test_the_loop_goes_on_while_a_thread_works(gate):
    lane = Lane(1, 8, 5.0)
    task = asyncio.create_task(lane.run(gate.work))
    await gate.wait_for_begun()
    await asyncio.sleep(0)
    gate.open()
    assert await task == "done"


async def test_as_much_is_done_at_once_as_there_are_threads_and_no_thread_is_started_before(gate):
    lane, before = Lane(2, 8, 5.0), threading.active_count()
    await lane.run(lambda: None)
    assert threading.active_count() == before + 1
    tasks = [asyncio.create_task(lane.run(gate.work)) for _ in range(5)]
    await gate.wait_for_begun(2)
    assert lane.depth == 3
    assert not gate.begun.acquire(timeout=0.05)
    gate.open()
    assert await asyncio.gather(*tasks) == ["done"] * 5
    assert lane.depth == 0


async def test_more_than_may_wait_is_refused_at_once(gate):
    lane = Lane(1, 2, 5.0)
    tasks = [asyncio.create_task(lane.run(gate.work)) for _ in range(3)]
    await gate.wait_for_begun()
    with pytest.raises(Busy, match="2 requests wait already") as refusal:
        await lane.run(gate.work)
    assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
    gate.open()
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert await lane.run(lambda: "in again") == "in again"


async def test_without_a_queue_a_free_thread_still_takes_work(gate):
    lane = Lane(1, 0, 5.0)
    assert await lane.run(lambda: 1) == 1
    task = asyncio.create_task(lane.run(gate.work))
    await gate.wait_for_begun()
    with pytest.raises(Busy):
        await lane.run(lambda: 2)
    gate.open()
    await task


async def test_a_caller_is_answered_at_its_deadline_while_the_thread_works_on(gate):
    lane, begun = Lane(1, 8, 5.0), time.perf_counter()
    with pytest.raises(TimedOut) as failure:
        await lane.run(gate.work, soon(0.1))
    assert 0.09 < time.perf_counter() - begun < 2
    assert failure.value.status == 504


async def test_the_lanes_own_time_out_holds_where_no_deadline_was_given(gate):
    with pytest.raises(TimedOut, match=r"did not answer in 0\.05 s"):
        await Lane(1, 8, 0.05).run(gate.work)


async def test_work_whose_deadline_has_passed_is_not_started():
    done = []
    with pytest.raises(TimedOut):
        await Lane(1, 8, 5.0).run(lambda: done.append(1), time.perf_counter() - 1)
    assert done == []


async def test_a_lane_whose_threads_all_hang_refuses_at_once_until_one_ends(gate):
    lane = Lane(2, 8, 5.0)
    tasks = [asyncio.create_task(lane.run(gate.work, soon(1.0))) for _ in range(2)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [TimedOut, TimedOut]
    assert lane.hung
    with pytest.raises(Busy, match="answered in time") as refusal:
        await lane.run(lambda: 1)
    assert refusal.value.retry_after == 5  # the time-out: nothing better is known
    gate.open()
    while lane.hung:
        await asyncio.sleep(0.01)
    assert await lane.run(lambda: "in again") == "in again"


async def test_one_hanging_thread_leaves_the_others_to_work(gate):
    lane = Lane(2, 8, 5.0)
    with pytest.raises(TimedOut):
        await lane.run(gate.work, soon(0.05))
    assert not lane.hung
    assert await asyncio.gather(*[lane.run(lambda: 1) for _ in range(5)]) == [1] * 5


async def test_what_waits_behind_a_hanging_thread_is_answered_at_its_own_deadline_and_never_started(gate):
    lane, started = Lane(1, 8, 5.0), []
    hanging = asyncio.create_task(lane.run(gate.work, soon(0.05)))
    waiting = asyncio.create_task(lane.run(lambda: started.append(1), soon(0.2)))
    with pytest.raises(TimedOut):
        await hanging
    assert not waiting.done()
    with pytest.raises(TimedOut):
        await waiting
    assert lane.depth == 0
    gate.open()
    while lane.hung:
        await asyncio.sleep(0.01)
    assert await lane.run(lambda: "next") == "next"
    assert started == []


async def test_what_waits_is_never_started_after_its_caller_went_away(gate):
    lane, started = Lane(1, 8, 5.0), []
    running = asyncio.create_task(lane.run(gate.work))
    await gate.wait_for_begun()
    waiting = asyncio.create_task(lane.run(lambda: started.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert lane.depth == 0
    gate.open()
    await running
    assert await lane.run(lambda: "next") == "next"
    assert started == []


async def test_a_thread_that_hangs_after_its_caller_went_away_still_counts_as_hanging(gate):
    lane = Lane(1, 8, 5.0)
    task = asyncio.create_task(lane.run(gate.work, soon(2.0)))
    await gate.wait_for_begun()
    task.cancel()
    assert not lane.hung
    for _ in range(1000):
        if lane.hung:
            break
        await asyncio.sleep(0.01)
    assert lane.hung


async def test_when_to_ask_again_follows_from_how_fast_work_is_done(gate):
    lane = Lane(1, 40, 60.0)
    await lane.run(lambda: time.sleep(0.2))
    tasks = [asyncio.create_task(lane.run(gate.work)) for _ in range(11)]
    await gate.wait_for_begun()
    assert lane.retry_after == 3  # 11 x 0.2 s
    gate.open()
    await asyncio.gather(*tasks)


async def test_nothing_of_a_request_is_kept_after_its_answer():
    class Body:
        pass

    lane, body = Lane(1, 8, 5.0), Body()
    gone = weakref.ref(body)
    await lane.run(lambda kept=body: kept)
    del body
    await lane.run(lambda: None)
    gc.collect()
    assert gone() is None


def test_a_lane_works_in_one_loop_after_another_and_survives_a_loop_that_ended(gate):
    lane = Lane(1, 8, 5.0)

    async def leave() -> None:
        asyncio.create_task(lane.run(gate.work))  # noqa: RUF006 - left on purpose
        await gate.wait_for_begun()

    asyncio.run(leave())
    gate.open()
    assert asyncio.run(lane.run(lambda: "another loop")) == "another loop"


def test_a_closed_lane_ends_its_threads():
    lane, before = Lane(2, 8, 5.0), threading.active_count()
    asyncio.run(lane.run(lambda: None))
    lane.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_thread_that_hangs_does_not_keep_the_process_from_ending():
    code = (
        "import asyncio, time; from mlops_jupyter.serving.lanes import Lane, TimedOut\n"
        "try: asyncio.run(Lane(1, 1, 0.1).run(lambda: time.sleep(60)))\n"
        "except TimedOut: print('504')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=20, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "504\n", "")
