"""A variant in this process."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from .call import Answered, Call, Outcome
from .dialects import ARROW, dialect, writer_of
from .dialects.records import DIALECT as RECORDS
from .examples import example_body
from .lanes import Delayed, Lane
from .options import Options
from .plain_row import compile_row
from .problems import InvalidRequest, Problem, invalid
from .recent import RecentAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .batching import Batcher
    from .loading import Package
    from .recording.packing import Record
    from .recording.recorder import Recorder
    from .router import Mode
    from .runtimes import Prediction
    from .validation import Request

log = logging.getLogger("model_server")

_QUICK = 0.001  # seconds that the event loop may be kept
_HOPELESS = 0.1  # seconds: not worth measuring again
_MOST_ROWS = 4096
_SMALL = 1 << 14  # bytes read within a fraction of a millisecond, whatever is in them
_OTHERS = 8  # how much longer other dialects take for the same bytes, at most
_NEVER = -1
_NOTHING_SAID = (None, None, None)  # rows, labels and probabilities of what was refused


class LocalVariant:
    """A package whose model answers in this process.

    What takes less than a millisecond is done at once, since a thread would cost more; the rest goes to the
    variant's own threads, so that neither the loop nor another variant is kept. Which is which was measured
    when the variant was made, by the size of the body. So was whether requests that wait are better predicted
    together.

    Parameters
    ----------
    slot : int
        Its number within the generation.
    package : Package
        What `loading.load` returned.
    options : Options
        Of the deployment.
    recorder : Recorder, optional
        What captures its requests.
    """

    mode: Mode = "local"

    def __init__(
        self, slot: int, package: Package, options: Options | None = None, recorder: Recorder | None = None
    ) -> None:
        options = options or Options()
        self.slot = slot
        self.version = package.manifest.version
        self.digest = package.manifest.digest
        self.contract = package.contract
        self.batched: Callable[[int], None] | None = None
        self.cache_met: Callable[[bool], None] | None = None
        self._package = package
        recorder = None if recorder is None or recorder.idle else recorder
        self._record = recorder.record if recorder else None
        self._recorder = recorder
        self._validator = package.validator_with(options.extra_columns)
        self._timeout = options.timeout
        self._lane = Lane(options.concurrency or os.cpu_count() or 1, options.queue, options.timeout)
        self._recent = RecentAnswers(options.cache, self._met) if options.cache else None
        record_row = recorder.record_row if recorder else None
        # what is captured, but not by such rows, masked columns for one, goes the way that captures anything
        lost = self._record is not None and record_row is None
        by_row = not (self._recent or lost)
        self.answer_row = compile_row(package, self._validator, record_row) if by_row else None
        self._plain_labels = package.contract.serving.get("threshold") is None
        self._quick_stream = 0  # bytes of the largest stream that was answered within a millisecond lately
        self._several = len(package.schema["output"]["outputs"]) > 1
        quick = self._measure()  # this warms the model, too
        # the user's own code may hang one day, however quick it was now: never in the event loop
        self.quick_bytes = _NEVER if package.runs_own_code else quick
        self._batcher = self._make_batcher(options)

    @property
    def depth(self) -> int:
        """How many requests wait."""
        return self._lane.depth

    def answer_now(self, call: Call) -> Outcome | None:
        """Answer one request within a millisecond, or return None: see `router.Variant`."""
        known = self._recent.find(call) if self._recent and not call.probe else None
        if known is not None:
            return self._write(replace(known, call=call))
        if _is_arrow(call):
            work = self.stream_now(call)
            return None if work is None else work()
        most = self.quick_bytes if call.dialect == "json" else self.quick_bytes // _OTHERS
        return self.answer(call) if len(call.body) <= most else None

    async def respond(self, call: Call) -> Outcome:
        """Answer one request: see `router.Variant`."""
        now = self.answer_now(call)
        if now is not None:
            return now
        deadline = call.begun + self._timeout if call.begun else None
        at_work = replace(call)
        try:
            if self._batcher and len(call.body) <= _SMALL and not _is_arrow(call):
                return await self._answer_together(self._batcher, call, deadline)
            work = self._answer_stream if call.dialect == "arrow" else self.answer
            return await self._lane.run(lambda: work(at_work), deadline)
        except Delayed as late:
            at_work.probe = True  # its thread goes on, but what it answers now nobody gets: not captured
            return self._delayed(call, late)

    def answer(self, call: Call) -> Outcome:
        """Answer one request, in this thread."""
        try:
            spoken = RECORDS if call.dialect == "json" else dialect(call.dialect)
            request = spoken.read(self._validator, call)
        except InvalidRequest as refusal:
            return self._refuse(refusal, call)
        return self._predicted(call, request)

    def stream_now(self, call: Call) -> Callable[[], Outcome] | None:
        """Return what answers a plain stream, whose size tells its rows, if those of its size are quick."""
        if self.quick_bytes == _NEVER or len(call.body) > self._quick_stream or call.dialect != "arrow":
            return None
        request = dialect("arrow").read_plain(self._validator, call)  # type: ignore[attr-defined]
        return None if request is None else lambda: self._answer_stream(call, request)

    def _answer_stream(self, call: Call, request: Request | None = None) -> Outcome:
        """Answer one stream, and remember whether those of its size are quick."""
        begun, size = perf_counter(), len(call.body)
        outcome = self.answer(call) if request is None else self._predicted(call, request)
        if perf_counter() - begun > _QUICK:
            self._quick_stream = min(self._quick_stream, size - 1)
        elif outcome.status == 200:
            self._quick_stream = max(self._quick_stream, size)
        return outcome

    def _predicted(self, call: Call, request: Request) -> Outcome:
        try:
            prediction = self._package.runtime.predict(request.batch)
            return self._answered(call, request, prediction)
        except Exception as error:  # noqa: BLE001 - whatever a model raises is answered
            return self._failed(call, request, error)

    async def _answer_together(self, batcher: Batcher, call: Call, deadline: float | None) -> Outcome:
        try:
            request = dialect(call.dialect).read(self._validator, call)
        except InvalidRequest as refusal:
            return self._refuse(refusal, call)
        try:
            prediction = await batcher.predict(request.batch, deadline)
            return self._answered(call, request, prediction)
        except Delayed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises is answered
            return self._failed(call, request, error)

    def _answered(self, call: Call, request: Request, prediction: Prediction) -> Outcome:
        # an answer that is kept may be asked for in another form
        scored = call.dialect == "json" or self._recent is not None or writer_of(call) is RECORDS
        answer = self._package.answers.answer(prediction, scored=scored)
        answered = Answered(call, self.contract, self.version, request, prediction, answer)
        if self._recent and not call.probe:
            self._recent.keep(answered)
        return self._write(answered)

    def _write(self, answered: Answered) -> Outcome:
        call = answered.call
        plain = call.dialect == "json" and not call.accept
        outcome = (RECORDS if plain else writer_of(call)).write(answered)
        if self._record is not None and not call.probe:
            self._keep(self._record, call, 200, self._recorded(answered))
        return outcome

    def _keep(
        self, record: Record, call: Call, status: int, said: tuple[Any, Any, Any], error: str = ""
    ) -> None:
        seconds = perf_counter() - call.begun
        about = (call.prediction_id, call.unit, call.role, status, seconds, *said, error)
        if call.moment is None:
            record((time_ns(), *about), len(call.body))
        elif self._recorder is not None:
            self._recorder.record_replayed((call.moment, *about), len(call.body))

    def _recorded(self, answered: Answered) -> tuple[Any, Any, Any]:
        """Return rows, labels and probabilities as a recorder takes them."""
        request, prediction = answered.request, answered.prediction
        rows: Any = request.batch.block
        if rows is None:
            rows = request.batch if request.rows is None else request.rows
        if self._several:
            return rows, prediction.labels, prediction.probabilities
        tables = prediction.probabilities
        labels: Any = answered.answer.predictions
        if len(labels) > 1 and self._plain_labels and prediction.labels[0].dtype.kind in "iu":
            labels = prediction.labels[0]  # which need not be looked at one by one
        return rows, labels, tables[0] if tables else None

    def _refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:
        outcome = dialect(call.dialect).refuse(refusal, call)
        if self._record is not None and not call.probe:
            self._keep(self._record, call, refusal.status, _NOTHING_SAID, refusal.error)
        return outcome

    def _failed(self, call: Call, request: Request, error: Exception) -> Outcome:
        refused = _refused_categories(request) if isinstance(error, ValueError) else []
        if refused:
            return self._refuse(invalid(refused), call)
        log.error("prediction %s failed in version %s", call.prediction_id, self.version, exc_info=error)
        what = f"the model failed with {type(error).__name__}; the server's log says more"
        return self._refuse(InvalidRequest(500, what), call)

    def _delayed(self, call: Call, late: Delayed) -> Outcome:
        outcome = self._refuse(InvalidRequest(late.status, late.error), call)
        outcome.headers = (*outcome.headers, (b"retry-after", b"%d" % late.retry_after))
        return outcome

    def _met(self, found: bool) -> None:
        if self.cache_met:
            self.cache_met(found)

    def _predict(self, batch: Any) -> Prediction:
        if self.batched:
            self.batched(batch.rows)
        return self._package.runtime.predict(batch)

    def _make_batcher(self, options: Options) -> Batcher | None:
        """Return what predicts waiting requests together, where that was asked for, or pays as measured."""
        if options.batching is False or (options.batching is None and self.quick_bytes != _NEVER):
            return None
        from .batching import Batcher, measure_batching

        request = self._validator.parse(example_body(self.contract.schema))
        pays = options.batching or measure_batching(self._package.runtime.predict, request.batch)
        return Batcher(self._predict, self._lane) if pays else None

    def _measure(self) -> int:
        """Return the size of the largest body answered within a millisecond."""
        quick, rows = _NEVER, 1
        while rows <= _MOST_ROWS:
            body = example_body(self.contract.schema, rows)
            if self._seconds(body) > _QUICK:
                break
            quick, rows = len(body), rows * 4
        return quick

    def _seconds(self, body: bytes) -> float:
        """Return the least time of three: what the machine did meanwhile is not the model's."""
        least = float("inf")
        for _ in range(3):
            begun = perf_counter()
            outcome = self.answer(Call(body, "warm-up", probe=True))
            if outcome.status != 200:
                return float("inf")
            least = min(least, perf_counter() - begun)
            if least > _HOPELESS:
                break
        return least


def _is_arrow(call: Call) -> bool:
    """Whether the size of the body says nothing: few bytes of Arrow can be many rows."""
    return call.dialect == "arrow" or (call.accept != "" and ARROW in call.accept)


def _refused_categories(request: Request) -> list[Problem]:
    """Return the values that an encoder without a place for them may have failed on."""
    return [
        Problem(warning.row, warning.field, "category", warning.got, warning.expected)
        for warning in request.warnings
        if warning.reason == "category"
    ]
