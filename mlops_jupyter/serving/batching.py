"""Requests that wait for a slow model are predicted together, for little more than one of them alone.

No request ever waits for company: a lone one goes at once, and whatever came while the thread was busy goes
together when it is free. Whether that pays is measured when a model is warmed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .batch import Batch
from .runtimes.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from .lanes import Lane

    Predict = Callable[[Batch], Prediction]

MOST_ROWS = 256
_SLOW = 0.001  # seconds: what is quicker is answered at once, without a thread
_LONG = 1.0  # seconds: not worth measuring again
_TOGETHER = 4  # requests that are tried together
_PAYS = 2.0  # times the cost of one that they may have at most
_PATIENCE = 4.0  # times as long as usual, and at least _LEAST seconds: then the next go by another thread
_LEAST = 0.05


@dataclass(eq=False, slots=True)
class _Rider:
    """A request that waits to be predicted."""

    batch: Batch
    future: asyncio.Future[Prediction]
    deadline: float

    def expire(self, failure: Callable[[], Exception]) -> None:
        if not self.future.done():
            self.future.set_exception(failure())


class Batcher:
    """Predicts together what waits together.

    Parameters
    ----------
    predict : callable
        From a batch to its prediction; called in the threads of `lane`.
    lane : Lane
        One of its threads is used; another only when that takes far longer than usual. Its queue bounds how
        many may wait here.
    most_rows : int
        Rows predicted at a time. A larger request goes alone.
    """

    def __init__(self, predict: Predict, lane: Lane, most_rows: int = MOST_ROWS) -> None:
        self._predict, self._lane, self._most_rows = predict, lane, most_rows
        self._waiting: deque[_Rider] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._departed = 0.0
        lane.hold(self._waiting)

    async def predict(self, batch: Batch, deadline: float | None = None) -> Prediction:
        """Return the prediction of a batch.

        Parameters
        ----------
        batch : Batch
            Validated rows.
        deadline : float, optional
            As in `Lane.run`.

        Raises
        ------
        Busy, TimedOut
            As in `Lane.run`. Beside them what the model raises for these rows alone.
        """
        if not self._free():
            self._lane.check(len(self._waiting))
        loop = asyncio.get_running_loop()
        rider = _Rider(batch, loop.create_future(), self._lane.deadline(deadline))
        timer = loop.call_later(rider.deadline - perf_counter(), rider.expire, self._lane.timed_out)
        self._waiting.append(rider)
        if self._free():
            self._depart()
        try:
            return await rider.future
        finally:
            timer.cancel()
            if rider in self._waiting:
                self._waiting.remove(rider)

    def _free(self) -> bool:
        if not self._flights:
            return True
        patience = max(_LEAST, _PATIENCE * self._lane.usual_seconds)
        return len(self._flights) < self._lane.threads and perf_counter() - self._departed > patience

    def _depart(self) -> None:
        flight = asyncio.get_running_loop().create_task(self._fly(self._board()))
        self._flights.add(flight)
        self._departed = perf_counter()

    def _board(self) -> list[_Rider]:
        """Take those that can go together, in the order they came."""
        first = self._waiting.popleft()
        riders, rows, kind = [first], first.batch.rows, _kind(first.batch)
        while self._waiting:
            rows += self._waiting[0].batch.rows
            if rows > self._most_rows or _kind(self._waiting[0].batch) != kind:
                break
            riders.append(self._waiting.popleft())
        return riders

    async def _fly(self, riders: list[_Rider]) -> None:
        outcomes: list[tuple[_Rider, Prediction | Exception]]
        try:
            deadline = max(rider.deadline for rider in riders)
            outcomes = await self._lane.run(lambda: self._outcomes(riders), deadline)
        except Exception as problem:  # noqa: BLE001 - raised where each of them is awaited
            outcomes = [(rider, problem) for rider in riders]
        finally:
            self._flights.discard(asyncio.current_task())
        for rider, outcome in outcomes:
            _tell(rider, outcome)
        if self._waiting and self._free():
            self._depart()

    def _outcomes(self, riders: list[_Rider]) -> list[tuple[_Rider, Prediction | Exception]]:
        """Predict, in a thread; when that fails each alone: one bad row must not fail its neighbours."""
        riders = [rider for rider in riders if not rider.future.done()]
        if len(riders) < 2:
            return [(rider, self._alone(rider)) for rider in riders]
        try:
            together = self._predict(merge([rider.batch for rider in riders]))
            return list(zip(riders, split(together, [rider.batch.rows for rider in riders]), strict=True))
        except Exception:  # noqa: BLE001 - whose it is shows when each is tried
            return [(rider, self._alone(rider)) for rider in riders if not rider.future.done()]

    def _alone(self, rider: _Rider) -> Prediction | Exception:
        try:
            return self._predict(rider.batch)
        except Exception as problem:  # noqa: BLE001 - raised where it is awaited
            return problem


def _tell(rider: _Rider, outcome: Prediction | Exception) -> None:
    if rider.future.done():
        return
    if isinstance(outcome, Exception):
        rider.future.set_exception(outcome)
    else:
        rider.future.set_result(outcome)


def _kind(batch: Batch) -> Hashable:
    """Return what two batches must have in common: joined with floats, integers would be rounded."""
    if batch.block is not None:
        return batch.block.dtype
    return tuple(values.dtype for values in batch.columns.values())


def merge(batches: Sequence[Batch]) -> Batch:
    """Return the rows of several batches of one schema as one.

    Examples
    --------
    >>> one, two = Batch({"a": np.array([1.0])}, 1), Batch({"a": np.array([2.0, 3.0])}, 2)
    >>> merge([one, two]).columns["a"].tolist()
    [1.0, 2.0, 3.0]
    """
    if len(batches) == 1:
        return batches[0]
    names = list(batches[0].columns)
    blocks = [batch.block for batch in batches if batch.block is not None]
    if len(blocks) == len(batches):
        return Batch.of_block(names, np.concatenate(blocks))
    rows = sum(batch.rows for batch in batches)
    return Batch({name: np.concatenate([batch.columns[name] for batch in batches]) for name in names}, rows)


def split(prediction: Prediction, sizes: Sequence[int]) -> list[Prediction]:
    """Return the prediction of merged batches as one of each.

    Examples
    --------
    >>> [p.labels[0].tolist() for p in split(Prediction([np.array([1, 2, 3])]), [1, 2])]
    [[1], [2, 3]]
    """
    edges = np.cumsum([0, *sizes]).tolist()
    if any(len(labels) != edges[-1] for labels in prediction.labels):
        raise ValueError(f"the model answers {len(prediction.labels[0])} of {edges[-1]} rows")
    return [_part(prediction, slice(*ends)) for ends in pairwise(edges)]


def _part(prediction: Prediction, rows: slice) -> Prediction:
    tables = prediction.probabilities
    return Prediction(
        [labels[rows] for labels in prediction.labels],
        None if tables is None else [table[rows] for table in tables],
    )


def measure_batching(predict: Predict, batch: Batch) -> bool:
    """Measure whether requests that wait should be predicted together.

    They should when one takes more than a millisecond, and four together at most twice as long, so half each.
    A model whose answer for a row depends on the rows beside it must have each alone; one that cannot answer
    these rows by themselves tells its callers so.

    Parameters
    ----------
    predict : callable
        From a batch to its prediction.
    batch : Batch
        Rows as they come with one request.
    """
    try:
        alone, seconds = _timed(predict, batch)
        if seconds <= _SLOW:
            return False
        together, seconds_together = _timed(predict, merge([batch] * _TOGETHER))
    except Exception:  # noqa: BLE001 - whatever a model raises
        return False
    if seconds_together > _PAYS * seconds:
        return False
    return all(_same(alone, part) for part in split(together, [batch.rows] * _TOGETHER))


def _timed(predict: Predict, batch: Batch) -> tuple[Prediction, float]:
    """Return the prediction, and the least time of three: the rest is what the machine did meanwhile."""
    least = float("inf")
    for _ in range(3):
        begun = perf_counter()
        prediction = predict(batch)
        least = min(least, perf_counter() - begun)
        if least > _LONG:
            break
    return prediction, least


def _same(one: Prediction, other: Prediction) -> bool:
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(one.labels, other.labels, strict=True))
    pairs += zip(one.probabilities or (), other.probabilities or (), strict=True)
    return all(
        np.allclose(a, b, rtol=1e-5, equal_nan=True) if a.dtype.kind == "f" else np.array_equal(a, b)
        for a, b in pairs
    )
