"""The queue between those who answer and the one who writes."""

from __future__ import annotations

import threading

from mlops_jupyter.serving.recording import backlog
from mlops_jupyter.serving.recording.backlog import Backlog


def test_entries_come_out_as_they_went_in():
    queue = Backlog()
    assert all(queue.add(i) for i in range(10))
    assert queue.take(4) == [0, 1, 2, 3]
    assert queue.take() == [4, 5, 6, 7, 8, 9]
    assert queue.take() == []


def test_a_full_queue_drops_and_counts():
    queue = Backlog()
    taken = [queue.add(i) for i in range(backlog.MOST + 7)]
    assert taken.count(False) == queue.refused == 7
    assert len(queue) == backlog.MOST
    queue.take()
    assert queue.add(1)


def test_a_crowd_wakes_the_writer_and_a_few_do_not():
    queue = Backlog(crowd=3)
    for i in range(3):
        queue.add(i)
    assert queue.crowded
    assert not queue.awake.is_set()
    queue.add(3)
    assert queue.awake.is_set()


def test_large_requests_are_bounded_by_their_bytes_but_one_is_always_taken(monkeypatch):
    monkeypatch.setattr(backlog, "MOST_BYTES", 100_000)
    queue = Backlog()
    assert queue.add("huge", 10_000_000)
    assert not queue.add("large", 50_000)
    assert queue.add("small", 100)
    assert queue.take() == ["huge"]
    assert queue.add("large", 50_000)
    assert queue.add("large", 50_000)
    assert not queue.add("large", 50_000)
    assert queue.refused == 2


def test_nothing_is_taken_once_it_is_shut():
    queue = Backlog()
    queue.add(1)
    queue.shut()
    assert not queue.add(2)
    assert queue.take() == [1]
    assert queue.refused == 1


def test_nothing_is_lost_or_doubled_between_threads():
    queue, taken, done = Backlog(), [], threading.Event()

    def write():
        while not done.is_set() or len(queue):
            taken.extend(queue.take())

    def answer(start):
        for i in range(start, start + 3000):
            queue.add(i, 10_000 * (i % 7 == 0))

    writer = threading.Thread(target=write)
    writer.start()
    answering = [threading.Thread(target=answer, args=(start,)) for start in range(0, 12_000, 3000)]
    for thread in answering:
        thread.start()
    for thread in answering:
        thread.join()
    done.set()
    writer.join()
    assert len(taken) + queue.refused == 12_000
    assert len(set(taken)) == len(taken)


def test_large_requests_come_out_together_up_to_so_many_bytes():
    queue = Backlog()
    size = backlog.TOGETHER // 4
    for i in range(6):
        queue.add(i, size)
    queue.add("small", 10)
    assert not queue.crowded
    assert not queue.awake.is_set()
    assert queue.take() == [0, 1, 2, 3]
    assert queue.take() == [4, 5]
    assert queue.take() == ["small"]
    queue.add("huge", backlog.CROWD_BYTES)
    assert queue.crowded
    assert queue.awake.is_set()
    assert queue.take() == ["huge"]
