"""A variant in a process of its own: its own server code and interpreter, behind a few kept connections.

Two versions of one module cannot live in one interpreter, nor two sets of pins. So the worker that has the
socket passes the request on, as it came, and the other process validates and answers it.
"""

from __future__ import annotations

import asyncio
import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from .dialects import dialect
from .manifest import verify
from .options import Options
from .pool import Gone, Pool
from .problems import InvalidRequest
from .router import Contract
from .wire import knows_calls, outcome_headers, read_call, read_outcome, request_head

if TYPE_CHECKING:
    from pathlib import Path

    from .call import Call, Outcome
    from .plain_row import AnswerRow
    from .router import Mode, Variant

_GRACE = 0.1  # seconds for the other side's own 504 to arrive, which keeps the connection


class RemoteVariant:
    """A resident version that another process serves on a Unix socket.

    Parameters
    ----------
    slot : int
        Its number within the generation.
    version, digest : str
        Which one.
    contract : Contract
        What it promises its callers: see `read_contract`.
    socket : str
        Path of the socket.
    options : Options
        How the deployment serves: `timeout`, and how many may be at work or wait in this worker.
    """

    mode: Mode = "remote"
    quick_bytes = -1  # another process answers: the event loop has to wait for it

    def __init__(
        self,
        slot: int,
        version: str,
        digest: str,
        contract: Contract,
        socket: str,
        options: Options = Options(),  # noqa: B008 - frozen
    ) -> None:
        self.slot, self.version, self.digest, self.contract = slot, version, digest, contract
        self._timeout = options.timeout
        self._most = (options.concurrency or os.cpu_count() or 1) + options.queue
        self._pool = Pool(socket)
        self.answer_row: AnswerRow | None = None  # nothing is answered without a wait
        self.depth = 0  # passed on and not yet answered

    def answer_now(self, call: Call) -> None:
        """Return None: nothing is answered without a wait."""

    def stream_now(self, call: Call) -> None:
        """Return None, likewise."""

    async def respond(self, call: Call) -> Outcome:
        """Pass a call on, and its outcome back; 503 while the other process is away, 504 when it hangs."""
        if self.depth >= self._most:
            return self._failure(call, 503, f"version {self.version} is busy: {self.depth} requests wait")
        self.depth += 1
        try:
            async with asyncio.timeout(self._seconds_left(call)):
                reply = await self._pool.ask(request_head(call), call.body)
        except TimeoutError:
            return self._failure(call, 504, f"version {self.version} did not answer in {self._timeout:.3g} s")
        except (OSError, Gone):
            outcome = self._failure(call, 503, f"version {self.version} is starting again; try once more")
            outcome.gone = True
            return outcome
        finally:
            self.depth -= 1
        if call.dialect != "json" and not knows_calls(reply.headers):
            return self._failure(
                call, 501, f"the server packaged with version {self.version} reads JSON only"
            )
        return read_outcome(reply.status, reply.headers, reply.body)

    def _seconds_left(self, call: Call) -> float:
        spent = perf_counter() - call.begun if call.begun else 0.0
        return self._timeout + _GRACE - spent

    def _failure(self, call: Call, status: int, text: str) -> Outcome:
        outcome = dialect(call.dialect).refuse(InvalidRequest(status, text), call)
        if status == 503:
            outcome.headers = (
                *outcome.headers,
                (b"retry-after", b"1"),
            )  # a worker is started again after less
        return outcome


def read_contract(package: Path, digest: str) -> Contract:
    """Return what a package promises its callers, after it was verified; nothing of the model is loaded."""
    manifest = verify(package, digest)
    schema = orjson.loads((package / "model" / "feature_schema.json").read_bytes())
    serving = yaml.safe_load((package / "config" / "serving_config.yaml").read_bytes()) or {}
    return Contract(manifest.model, schema, serving)


def respond_app(variant: Variant) -> Any:
    """Return the ASGI app of the other side: what `RemoteVariant` asks, `variant` answers."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = await _whole(receive)
        if body is None:
            return
        call = read_call(scope["headers"], body)
        outcome = variant.answer_now(call) or await variant.respond(call)
        start = {"status": outcome.status, "headers": outcome_headers(outcome)}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": outcome.body})

    return app


async def _whole(receive: Any) -> bytes | None:
    """Return the body, or None when the other side went away amid it."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
