"""What every request for predictions passes: may it, whose is it, who answers, what is kept of it.

Two ways lead through. `answer_now` answers a request for one small prediction without ever giving up the
event loop; it is what a served model does nearly all day, so it has few steps and makes few objects. `answer`
does the same for everything else, whatever its protocol.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from .access.doorkeeper import Refused
from .call import Call, Outcome
from .dialects import ARROW, dialect
from .heads import PROBE, TIME, VARIANT, Head, KnownHeads, make_head, request_id_of
from .identifiers import new_prediction_id
from .moments import read_moment
from .options import Options
from .problems import InvalidRequest
from .shadowing import Shadow
from .units import compile_unit
from .validation import body_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .access.doorkeeper import Caller, Doorkeeper
    from .access.keys import Scope
    from .access_log import AccessLog
    from .metrics.meter import Meter, Series
    from .router import Router, Variant

    Asked = Mapping[bytes, bytes]

_ARROW = ARROW.encode()
_NONE = ""  # version and variant of a request that was refused before one was chosen


class Reply(NamedTuple):
    """An outcome, and the id by which its caller may speak of it."""

    outcome: Outcome
    request_id: bytes


class Gate:
    """The way in.

    Parameters
    ----------
    router : Router
        Who answers.
    meter : Meter
        Where requests are counted.
    options : Options
        Of the deployment.
    doorkeeper : Doorkeeper, optional
        Who may ask; everybody may without one.
    access_log : AccessLog, optional
        Where requests are written down.
    feedback : callable, optional
        What takes the body of a ``POST /feedback``.
    probe_token : bytes
        What our own requests bear, which are neither counted nor captured, unless they say when they were
        asked; empty when there are none.
    """

    def __init__(
        self,
        router: Router,
        meter: Meter,
        options: Options | None = None,
        doorkeeper: Doorkeeper | None = None,
        access_log: AccessLog | None = None,
        feedback: Callable[[bytes], Outcome] | None = None,
        probe_token: bytes = b"",
    ) -> None:
        options = options or Options()
        self.router, self.meter, self.doorkeeper, self.feedback = router, meter, doorkeeper, feedback
        self.most_bytes = max(body_limit(variant.contract.serving) for variant in router.variants)
        self._log, self._probe_token = access_log, probe_token
        self._read_unit, self._unit_in_body = compile_unit(options.unit), options.unit.startswith("field:")
        self.known_heads = KnownHeads()
        self._series: dict[tuple[str, str], Series] = {}
        self._before_routing = meter.series(_NONE, _NONE)
        self._shadow = Shadow(self._shadowed, self._shadow_dropped)

    def read_head(self, headers: Sequence[tuple[bytes, bytes]]) -> Head:
        """Return what the headers of a ``POST /predict`` say, for as many requests as have the same.

        Parameters
        ----------
        headers : sequence of tuple of bytes
            Names in lower case.
        """
        asked = dict(headers)
        caller = None if self.doorkeeper is None else self.doorkeeper.recognise(asked)
        return make_head(asked, None if self._unit_in_body else self._read_unit(asked, b""), caller)

    def answer_now(self, head: Head, body: bytes) -> Reply | None:
        """Answer ``POST /predict`` at once, or return None, nothing having happened, when that takes longer.

        Parameters
        ----------
        head : Head
            Of its headers, by `read_head`.
        body : bytes
            The body, whole.
        """
        if not head.plain:
            return self._stream_now(head, body)
        begun, prediction_id = perf_counter(), new_prediction_id()
        unit = self._read_unit(head.asked, body) if head.unit is None else head.unit
        variant, role = self.router.choose(unit)
        if len(body) > variant.quick_bytes:
            return None
        try:
            key = "" if head.caller is None else self._let_in(head.caller)
        except Refused as refused:
            return self.turn_away(refused, head.asked, "json", begun)
        outcome = None
        if head.row and variant.answer_row is not None:
            outcome = variant.answer_row(body, prediction_id, role, unit, begun)
            if outcome is not None and self._log is None:
                self.series(variant, role).answered(outcome.status, perf_counter() - begun)
                shadows = self.router.shadows()
                if shadows and outcome.status < 400 and self._shadow.has_room(shadows):
                    call = Call(body, prediction_id, role, "json", unit, begun, False, head.content_type)
                    self._shadow.copy(call, shadows)
                return Reply(outcome, head.request_id or prediction_id.encode())
        call = Call(body, prediction_id, role, "json", unit, begun, False, head.content_type)
        outcome = outcome or variant.answer_now(call)
        return None if outcome is None else self._close(call, variant, outcome, head.asked, key)

    def _stream_now(self, head: Head, body: bytes) -> Reply | None:
        """Do as `answer_now` for a stream of Arrow."""
        if head.accept is None:
            return None
        begun, prediction_id = perf_counter(), new_prediction_id()
        unit = self._read_unit(head.asked, body) if head.unit is None else head.unit
        variant, role = self.router.choose(unit)
        call = Call(body, prediction_id, role, "arrow", unit, begun, False, head.content_type, head.accept)
        work = variant.stream_now(call)
        if work is None:
            return None
        try:
            key = "" if head.caller is None else self._let_in(head.caller)
        except Refused as refused:
            return self.turn_away(refused, head.asked, "arrow", begun)
        return self._close(call, variant, work(), head.asked, key)

    def _let_in(self, caller: Caller) -> str:
        assert self.doorkeeper is not None, "who was recognised was so by it"
        return self.doorkeeper.let_in(caller, "predict")

    async def answer(
        self,
        asked: Asked,
        body: bytes,
        spoken: str = "json",
        version: str | None = None,
        header_length: int = 0,
    ) -> Reply:
        """Answer one request for predictions.

        Parameters
        ----------
        asked : mapping of bytes to bytes
            The headers, names in lower case.
        body : bytes
            The body, whole, within `most_bytes`.
        spoken : str
            The dialect; ``json`` becomes ``arrow`` by its content type.
        version : str, optional
            The resident version that must answer, where the path names one.
        header_length : int
            Of V2's binary tensors.
        """
        begun, prediction_id = perf_counter(), new_prediction_id()
        if asked.get(b"content-type", b"").partition(b";")[0].strip().lower() == _ARROW and spoken == "json":
            spoken = "arrow"
        try:
            key = self.admit(asked, "predict")
            unit = self._read_unit(asked, body)
            variant, role = self._choose(asked, unit, version)
            moment = None if TIME not in asked else self._moment(asked)
        except Refused as refused:
            return self.turn_away(refused, asked, spoken, begun)
        except InvalidRequest as refusal:
            return self.refuse(refusal, asked, spoken, begun)
        call = Call(
            body, prediction_id, role, spoken, unit, begun, moment is None and self._is_ours(asked),
            asked.get(b"content-type", b"").decode("latin-1"),
            asked.get(b"accept", b"").decode("latin-1"), header_length, moment,
        )  # fmt: skip
        outcome = await self._awaited(variant, call)
        if outcome.gone and role != "stable" and version is None and VARIANT not in asked:
            self._count(
                variant, role, outcome, perf_counter() - begun
            )  # it counts against the one that is gone
            variant, call = self.router.stable(), replace(call, role="stable")
            outcome = await self._awaited(variant, call)
        return self._close(call, variant, outcome, asked, key)

    def admit(self, asked: Asked, scope: Scope, *, counted: bool = True) -> str:
        """Return the id of the key that a request bears; one that is `counted` uses up some of its rate.

        Raises
        ------
        Refused
            When it may not pass.
        """
        return self.doorkeeper.admit(asked, scope, counted=counted) if self.doorkeeper else ""

    def turn_away(self, refused: Refused, asked: Asked, spoken: str, begun: float) -> Reply:
        """Answer who may not pass."""
        call = Call(b"", new_prediction_id(), begun=begun)
        outcome = dialect(spoken).refuse(InvalidRequest(refused.status, refused.error), call)
        outcome.headers = (*outcome.headers, *refused.headers)
        return self.done(outcome, asked, begun)

    def refuse(self, refusal: InvalidRequest, asked: Asked, spoken: str, begun: float) -> Reply:
        """Answer a request that no variant will see."""
        call = Call(b"", new_prediction_id(), begun=begun)
        return self.done(dialect(spoken).refuse(refusal, call), asked, begun)

    def done(self, outcome: Outcome, asked: Asked, begun: float) -> Reply:
        """Answer what needed no variant."""
        seconds, request_id = perf_counter() - begun, self.told_id(asked)
        self._before_routing.answered(outcome.status, seconds)
        if self._log is not None:
            self._log.refused(outcome, request_id, seconds)
        return Reply(outcome, request_id)

    def told(self, outcome: Outcome, asked: Asked) -> Reply:
        """Answer what is about the server itself, which is not counted."""
        return Reply(outcome, self.told_id(asked))

    def told_id(self, asked: Asked) -> bytes:
        """Return the request id of an answer: the given one, or a new one."""
        return request_id_of(asked) or new_prediction_id().encode()

    def series(self, variant: Variant, role: str) -> Series:
        """Return the numbers of one variant in one role."""
        found = self._series.get((variant.version, role))
        if found is None:
            columns = [column["name"] for column in variant.contract.schema["input"]["columns"]]
            found = self._series[variant.version, role] = self.meter.series(variant.version, role, columns)
        return found

    async def _awaited(self, variant: Variant, call: Call) -> Outcome:
        series = self.series(variant, call.role)
        series.began()
        try:
            return await variant.respond(call)
        finally:
            series.ended()
            series.queued(variant.depth)

    def _choose(self, asked: Asked, unit: str, version: str | None) -> tuple[Variant, str]:
        forced = asked.get(VARIANT)
        if forced is not None:
            self.admit(asked, "operate", counted=False)
            version = forced.decode("latin-1")
        if version is None:
            return self.router.choose(unit)
        found = self.router.find(version)
        if found is None:
            entries = self.router.describe()["variants"]
            known = ", ".join(f"{entry['version']} ({entry['role']})" for entry in entries)
            raise InvalidRequest(404, f"no variant {version[:40]!r} is loaded here; loaded: {known}")
        return found

    def _moment(self, asked: Asked) -> int:
        """Return when a request says it was asked; only who operates the deployment may say so."""
        if not self.admit(asked, "operate", counted=False) and not self._is_ours(asked):
            raise Refused(403, "only the deployment's own workspace may say when a request was asked")
        return read_moment(asked[TIME].decode("latin-1"))

    def _is_ours(self, asked: Asked) -> bool:
        return bool(self._probe_token) and asked.get(PROBE) == self._probe_token

    def _close(self, call: Call, variant: Variant, outcome: Outcome, asked: Asked, key: str) -> Reply:
        request_id = request_id_of(asked) or call.prediction_id.encode()
        if call.probe:
            return Reply(outcome, request_id)
        seconds = perf_counter() - call.begun
        self._count(variant, call.role, outcome, seconds)
        if self._log is not None:
            self._log.answered(call, variant, outcome, request_id, seconds, key)
        shadows = self.router.shadows()
        if shadows and outcome.status < 400:
            self._shadow.copy(call, shadows)
        return Reply(outcome, request_id)

    def _count(self, variant: Variant, role: str, outcome: Outcome, seconds: float) -> None:
        series = self.series(variant, role)
        series.answered(outcome.status, seconds)
        if outcome.problems:
            series.invalid(outcome.problems)

    def _shadowed(self, variant: Variant, outcome: Outcome, seconds: float) -> None:
        self._count(variant, "shadow", outcome, seconds)

    def _shadow_dropped(self, variant: Variant, count: int) -> None:
        self.series(variant, "shadow").dropped(count)
