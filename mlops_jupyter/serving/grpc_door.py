"""V2 over gRPC, in the worker that also answers HTTP, through the same gate: same keys, routing and counts.

A connection lasts a few seconds, then its client is told (GOAWAY) to make another, which its channel does
without a failed request. So clients spread over the workers again and again, and a worker that drains only
has to take no more connections (`relay`): gRPC's own way to stop cancels what arrives while it does.

grpc and protobuf are imported with this module, and it only where a deployment asks for gRPC.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import orjson

from .dialects.v2_answer import BINARY
from .dialects.v2_grpc import to_body, to_response
from .dialects.v2_messages import METHODS, SERVICE, message, request_of
from .dialects.v2_metadata import (
    check_target,
    model_metadata,
    resident,
    server_metadata,
    versions_of,
)
from .problems import InvalidRequest
from .relay import Relay, shared_socket
from .router import is_ready

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from .call import Outcome
    from .gate import Gate, Reply
    from .options import Options

    Answer = Callable[[Any, Any], Awaitable[Any]]

log = logging.getLogger("model_server")

_CODES: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    421: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_ENVELOPE = 1 << 16  # bytes that names, shapes and parameters may add to the values
_POLL = 0.05
_OF_HTTP = frozenset({b"connection", b"inference-header-content-length", b"www-authenticate"})


class GrpcDoor:
    """A V2 gRPC server for one worker.

    Parameters
    ----------
    gate : Gate
        What answers.
    listener : socket
        Bound to where clients come; the door's from now on.
    path : str
        Where gRPC's own server listens: a Unix socket, in a folder that is only ours.
    body_bytes : int
        How large a request may be.
    certificate, key : Path, optional
        PEM files; with them it speaks TLS. The first alone when it holds both.
    longest : float
        Seconds that a connection lasts; then its client is told to make a new one, and does so unnoticed.
    """

    def __init__(
        self,
        gate: Gate,
        listener: socket.socket,
        path: str,
        *,
        body_bytes: int,
        certificate: Path | None = None,
        key: Path | None = None,
        longest: float = 5.0,
    ) -> None:
        self._gate, self._listener, self._path = gate, listener, path
        self._relay = Relay(path)
        self._credentials = _credentials(certificate, key or certificate) if certificate else None
        self._options = (
            ("grpc.max_receive_message_length", body_bytes + _ENVELOPE),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_connection_age_ms", int(longest * 1000)),
        )
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Answer who comes."""
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers((_handler(self._gate),))
        Path(self._path).unlink(missing_ok=True)
        if self._credentials is None:
            server.add_insecure_port(f"unix:{self._path}")
        else:
            server.add_secure_port(f"unix:{self._path}", self._credentials)
        await server.start()
        self._relay.start(self._listener)
        self._server = server

    async def drain(self, grace: float) -> None:
        """Take no more connections, and return when those there are have ended, or after `grace` seconds.

        No request fails by that: each connection ends when its time is over, after its last answer.
        """
        self._relay.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        while self._relay.connections and loop.time() < deadline:
            await asyncio.sleep(_POLL)
        await self.stop(0)

    async def stop(self, grace: float) -> None:
        """Take no more requests, and return when those in hand are answered, or after `grace` seconds."""
        self._relay.close()
        self._listener.close()  # it may never have been opened
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace)
        await self._relay.abort()
        Path(self._path).unlink(missing_ok=True)


def bound_grpc_door(gate: Gate, host: str, sockets: Path, options: Options) -> GrpcDoor:
    """Return the door of a worker, not yet open: so a port that cannot be had is told before it should serve.

    Parameters
    ----------
    gate : Gate
        What answers.
    host : str
        Where the deployment listens.
    sockets : Path
        A folder for sockets that is only ours.
    options : Options
        Of the deployment: `grpc_port`, which all its workers listen on, certificate and key.

    Raises
    ------
    OSError
        When the port cannot be had, or certificate and key cannot be read.
    """
    certificate, key = options.tls_certificate, options.tls_key
    try:
        listener = shared_socket(host, options.grpc_port or 0)
    except OSError as problem:
        raise OSError(problem.errno, f"gRPC port {options.grpc_port}: {problem.strerror}") from None
    return GrpcDoor(
        gate,
        listener,
        str(sockets / f"grpc-{os.getpid()}.sock"),
        body_bytes=gate.most_bytes,
        certificate=Path(certificate) if certificate else None,
        key=Path(key) if key else None,
    )


def _credentials(certificate: Path, key: Path) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])


def _handler(gate: Gate) -> grpc.GenericRpcHandler:
    methods = _Methods(gate)
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(getattr(methods, name)),
            request_deserializer=request_of(name).FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )
        for name in METHODS
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _answering(method: Answer) -> Answer:
    """Return a method that tells a refusal as gRPC does, and never more of a failure than its kind."""

    async def answer(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except InvalidRequest as refusal:
            return await context.abort(_code(refusal.status), refusal.error)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            log.exception("a gRPC request failed")
            what = f"the server failed with {type(error).__name__}; its log says more"
            return await context.abort(grpc.StatusCode.INTERNAL, what)

    return answer


class _Methods:
    """The methods of the service, by their names."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def ServerLive(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - the protocol's name
        return message("ServerLiveResponse")(live=True)

    async def ServerReady(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return message("ServerReadyResponse")(ready=is_ready(self._gate.router))

    async def ModelReady(self, request: Any, _context: Any) -> Any:  # noqa: N802
        check_target(request.name, request.version or None, self._gate.router)
        return message("ModelReadyResponse")(ready=is_ready(self._gate.router))

    async def ServerMetadata(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return message("ServerMetadataResponse")(**server_metadata(self._gate.router.stable().version))

    async def ModelMetadata(self, request: Any, _context: Any) -> Any:  # noqa: N802
        router, version = self._gate.router, request.version or None
        check_target(request.name, version, router)
        contract = resident(version, router).contract
        told = model_metadata(contract, versions_of(router), request.name)
        for tensor in (*told["inputs"], *told["outputs"]):
            tensor.pop("parameters", None)  # which gRPC's metadata have no place for
        return message("ModelMetadataResponse")(**told)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        version = request.model_version or None
        check_target(request.model_name, version, self._gate.router)
        body, header_length = to_body(request)
        reply = await self._gate.answer(_headers(context), body, "v2", version, header_length)
        outcome = reply.outcome
        context.set_trailing_metadata(_metadata(reply))
        if outcome.status != 200:
            return await context.abort(_code(outcome.status), _error(outcome))
        return to_response(outcome, raw=bool(request.raw_input_contents))


def _code(status: int) -> grpc.StatusCode:
    return _CODES.get(status, grpc.StatusCode.INTERNAL if status >= 500 else grpc.StatusCode.INVALID_ARGUMENT)


def _headers(context: Any) -> dict[bytes, bytes]:
    """Return metadata as headers of HTTP are: keys, unit and request id go by the same names.

    What ``Host`` guards against is a browser, and none speaks gRPC; so it is always ours.
    """
    headers = {b"host": b"localhost"}
    for name, value in context.invocation_metadata() or ():
        if type(value) is str and name != "host":
            headers[name.encode("latin-1")] = value.encode("latin-1", "replace")
    headers[b"content-type"] = BINARY
    return headers


def _metadata(reply: Reply) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer as trailing metadata."""
    headers = (*reply.outcome.headers, (b"x-request-id", reply.request_id))
    return tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers if n not in _OF_HTTP)


def _error(outcome: Outcome) -> str:
    return outcome.error or str(orjson.loads(outcome.body).get("error", ""))
