"""A variant in a process of its own: its own server code and interpreter, behind a few kept connections.

Two versions of one module cannot live in one interpreter, nor two sets of pins. So the worker that has the
socket passes the request on, as it came, and the other process validates and answers it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import h11
import orjson
import yaml

from .manifest import verify
from .router import Contract

if TYPE_CHECKING:
    from pathlib import Path

    from .router import Mode, Variant

ROLE, PREDICTION_ID = "x-mlops-role", "x-mlops-prediction-id"
TIMEOUT = 60.0
_KEPT = 32  # idle connections
_READ = 65536


class _Gone(Exception):  # noqa: N818
    """The other side closed the connection before it had answered."""


class _Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.CLIENT)
        self.used = False

    async def exchange(self, headers: list[tuple[str, str]], body: bytes) -> tuple[int, bytes]:
        """Send one request, and return status and body of its answer."""
        self.used = True
        request = h11.Request(method="POST", target="/respond", headers=headers)
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._state.send(event) or b"")
        try:
            await self._writer.drain()
            return await self._answer()
        except (ConnectionError, h11.RemoteProtocolError) as problem:
            raise _Gone from problem

    async def _answer(self) -> tuple[int, bytes]:
        status, parts = 0, []
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_READ)
                self._state.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return status, b"".join(parts)
            else:
                raise _Gone

    def again(self) -> bool:
        """Make ready for the next request; false when the connection cannot be used for one."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        return True

    def close(self) -> None:
        self._writer.close()


class RemoteVariant:
    """A resident version that another process serves on a Unix socket."""

    mode: Mode = "remote"

    def __init__(self, slot: int, version: str, digest: str, contract: Contract, socket: str) -> None:
        self.slot, self.version, self.digest, self.contract = slot, version, digest, contract
        self._socket = socket
        self._idle: list[_Connection] = []

    async def respond(
        self, body: bytes, content_type: str, role: str, prediction_id: str
    ) -> tuple[int, bytes]:
        """Pass a request on, and its answer back; 503 while the other process is away, 504 when it hangs."""
        headers = [
            ("host", "variant"),
            ("content-length", str(len(body))),
            ("content-type", content_type),
            (ROLE, role),
            (PREDICTION_ID, prediction_id),
        ]
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._exchange(headers, body)
        except (OSError, _Gone):
            return _problem(503, f"version {self.version} is starting again; try once more")
        except TimeoutError:
            return _problem(504, f"version {self.version} did not answer in {TIMEOUT:.0f} s")

    async def _exchange(self, headers: list[tuple[str, str]], body: bytes) -> tuple[int, bytes]:
        while True:
            connection = self._idle.pop() if self._idle else await self._connect()
            kept, done = connection.used, False
            try:
                answer = await connection.exchange(headers, body)
                done = connection.again() and len(self._idle) < _KEPT
            except _Gone:
                if not kept:  # a kept one may have been closed while it was idle: predictions can be repeated
                    raise
            else:
                return answer
            finally:
                self._idle.append(connection) if done else connection.close()

    async def _connect(self) -> _Connection:
        return _Connection(*await asyncio.open_unix_connection(self._socket))


def read_contract(package: Path, digest: str) -> Contract:
    """Return what a package promises its callers, after it was verified; nothing of the model is loaded."""
    manifest = verify(package, digest)
    schema = orjson.loads((package / "model" / "feature_schema.json").read_bytes())
    serving = yaml.safe_load((package / "config" / "serving_config.yaml").read_bytes()) or {}
    return Contract(manifest.model, schema, serving)


def _problem(status: int, text: str) -> tuple[int, bytes]:
    return status, orjson.dumps({"error": text, "problems": []})


def respond_app(variant: Variant) -> Any:
    """Return the ASGI app of the other side: what `RemoteVariant` asks, `variant` answers."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        status, answer = await variant.respond(
            b"".join(parts),
            headers.get("content-type", ""),
            headers.get(ROLE, ""),
            headers.get(PREDICTION_ID, ""),
        )
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    return app
