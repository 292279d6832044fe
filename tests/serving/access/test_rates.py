"""How often a key may call, over all workers: never more than was said, and at most 4 % less in a burst."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.access import rates
from mlops_jupyter.serving.access.rates import (
    SET_ASIDE,
    SIZE,
    Allowance,
    Buckets,
    Limit,
    create_rates,
    limit_of,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rates, "monotonic", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rates"


def workers_of(path, limit: Limit, count: int, caller: str = "k1") -> list[Allowance]:
    return [Allowance(Buckets(path), caller, limit, count) for _ in range(count)]


def admitted(allowances: list[Allowance], tries: int) -> int:
    """Ask in turns, as connections over several workers do."""
    return sum(not allowances[i % len(allowances)].take() for i in range(tries))


def test_without_a_rate_there_is_no_limit():
    assert limit_of(None, None) is limit_of(0.0, 5) is None


def test_a_burst_from_rest_is_what_was_said_but_for_four_percent(path, clock):
    for rate, burst in ((1000.0, 1000), (10_000.0, 2500), (250.0, 1000)):
        path.unlink(missing_ok=True)
        got = admitted(workers_of(path, Limit(rate, burst), 2), 3 * burst)
        assert burst * (1 - SET_ASIDE) <= got <= burst


@pytest.mark.parametrize("rate", [0.5, 5.0, 20.0])
def test_a_small_limit_is_kept_to_the_request(path, clock, rate):
    allowances = workers_of(path, limit_of(rate, None), 4)
    burst = limit_of(rate, None).burst
    assert admitted(allowances, 100) == burst
    clock.now += 10 / rate
    assert admitted(allowances, 100) == min(burst, 10)


@settings(deadline=None, max_examples=40)
@given(
    rate=st.floats(1, 5000),
    burst=st.integers(1, 5000),
    workers=st.integers(1, 8),
    pauses=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 400)), min_size=1, max_size=12),
)
def test_never_more_than_was_said_within_any_time(rate, burst, workers, pauses):
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(rates, "monotonic", clock)
        shared = Buckets(None)
        allowances = [Allowance(shared, "k1", Limit(rate, burst), workers) for _ in range(workers)]
        seen = []
        for pause, tries in pauses:
            clock.now += pause
            seen.append((clock.now, admitted(allowances, tries)))
    for i, (begin, _) in enumerate(seen):
        for j in range(i, len(seen)):
            total = sum(count for _, count in seen[i : j + 1])
            assert total <= burst + rate * (seen[j][0] - begin) + 1e-6


@settings(deadline=None, max_examples=20)
@given(rate=st.floats(5, 2000), workers=st.integers(1, 6))
def test_in_the_long_run_it_is_the_rate(rate, workers):
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(rates, "monotonic", clock)
        shared, limit = Buckets(None), limit_of(rate, None)
        allowances = [Allowance(shared, "k1", limit, workers) for _ in range(workers)]
        admitted(allowances, 3 * limit.burst)
        total = 0
        for _ in range(200):
            clock.now += 0.05
            total += admitted(allowances, int(rate * 0.1) + 2 * workers)
    assert total == pytest.approx(rate * 10, abs=0.05 * limit.burst + workers)


def test_each_caller_has_a_bucket_of_its_own(path, clock):
    limit = Limit(1.0, 2)
    assert admitted(workers_of(path, limit, 1, "k1"), 10) == 2
    assert admitted(workers_of(path, limit, 1, "k2"), 10) == 2


def test_who_is_refused_is_told_when_to_come_again(path, clock):
    (allowance,) = workers_of(path, Limit(0.5, 1), 1)
    assert allowance.take() == 0
    assert allowance.take() == pytest.approx(2.0)
    clock.now += 1.5
    assert allowance.take() == pytest.approx(0.5)
    clock.now += 0.5
    assert allowance.take() == 0


def test_what_was_used_stays_used_when_workers_are_replaced(path, clock):
    admitted(workers_of(path, Limit(1.0, 5), 2), 10)
    assert admitted(workers_of(path, Limit(1.0, 5), 2), 10) == 0


def test_a_clock_that_began_again_with_the_machine_gives_a_full_bucket(path, clock):
    admitted(workers_of(path, Limit(0.001, 3), 1), 10)
    clock.now = 5.0
    assert admitted(workers_of(path, Limit(0.001, 3), 1), 10) == 3


def test_more_callers_than_places_push_out_the_one_longest_unused(path, clock):
    limit = Limit(1e-6, 1)
    shared = Buckets(path)
    for number in range(rates.MOST_KEYS + 1):
        clock.now += 1e-3
        assert Allowance(shared, f"k{number}", limit, 1).take() == 0
    assert Allowance(shared, f"k{rates.MOST_KEYS}", limit, 1).take() > 0
    assert Allowance(shared, "k0", limit, 1).take() == 0


def test_the_file_has_its_full_size_from_the_start_and_is_for_its_owner_only(path):
    create_rates(path)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 >= SIZE


def test_a_lock_that_is_held_too_long_costs_one_slice_on_credit_which_is_paid_later(path, clock):
    limit = Limit(1000.0, 1000)
    (allowance,) = workers_of(path, limit, 1)
    held = os.open(path, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert admitted([allowance], 200) == limit.slice_for(1)
    os.close(held)
    assert admitted([allowance], 2000) <= limit.burst - limit.slice_for(1)


def _worker(path, limit, workers, until, counted) -> None:
    allowance, count = Allowance(Buckets(path), "k1", limit, workers), 0
    while time.monotonic() < until:
        count += not allowance.take()
    counted.put(count)


def test_processes_that_ask_at_once_get_together_what_was_said(path):
    limit, seconds, context = Limit(2000.0, 200), 1.0, multiprocessing.get_context("fork")
    create_rates(path)
    counted, began = context.Queue(), time.monotonic()
    until = began + seconds
    workers = [context.Process(target=_worker, args=(path, limit, 2, until, counted)) for _ in range(2)]
    for worker in workers:
        worker.start()
    total = sum(counted.get(timeout=20) for _ in workers)
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    assert total <= limit.burst + limit.rate * took
    assert total >= (1 - SET_ASIDE) * limit.burst + limit.rate * seconds * 0.7


def test_a_token_in_hand_is_given_out_without_a_look_at_the_file(path, clock, monkeypatch):
    limit = Limit(1000.0, 1000)
    (allowance,) = workers_of(path, limit, 1)
    looks = []
    take = Buckets.take
    monkeypatch.setattr(Buckets, "take", lambda *given: looks.append(given) or take(*given))
    assert admitted([allowance], 10 * limit.slice_for(1)) == 10 * limit.slice_for(1)
    assert len(looks) == 10
