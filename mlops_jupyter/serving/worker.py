"""One process of a generation: verify, load, warm, say so, and serve when told to.

Its supervisor speaks through a pipe in one word a line (``activate``, ``drain``) and hears through another
in JSON (``ready``, ``serving``, ``error``). When the pipe ends the supervisor is gone: a worker that serves
goes on, one that was never let accept ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn

from .access.renewal import keep_renewed
from .app import create_app
from .aside import settle
from .call import Call
from .door import Door
from .examples import example_body
from .front import Front, Keeping
from .loading import load
from .local import LocalVariant
from .manifest import IntegrityFailure
from .remote import RemoteVariant, read_contract, respond_app
from .spec import WEIGHTS, GenerationSpec, VariantSpec, read_spec
from .wanted import read_wanted
from .weighted import WeightedRouter
from .weights import WeightsReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from .options import Options
    from .router import Variant

KEEP_ALIVE = 20  # seconds a connection may be idle
DRAIN_GRACE = 30.0  # longer than KEEP_ALIVE: by then every idle connection has ended by itself
FINISH = 8  # seconds for what is in hand when we are told to stop
_POLL = 0.05


@dataclass
class Channel:
    """The pipes to and from the supervisor."""

    control: int
    report_to: int
    loading: int | None = None  # the slot whose fault it is when something goes wrong now

    def report(self, **facts: Any) -> None:
        """Tell the supervisor; when it is gone nobody needs to know."""
        with contextlib.suppress(OSError):
            os.write(self.report_to, orjson.dumps(facts) + b"\n")

    def listen(self, heard: Callable[[str], None]) -> None:
        """Call `heard` with each word; with ``gone`` when the supervisor is."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self.control, False)

        def readable() -> None:
            data = os.read(self.control, 4096)
            for word in data.decode().split():
                heard(word)
            if not data:
                loop.remove_reader(self.control)
                heard("gone")

        loop.add_reader(self.control, readable)
        # from the next supervisor, when the one that held the pipe was killed
        loop.add_signal_handler(signal.SIGUSR1, heard, "drain")


@dataclass(frozen=True)
class Parts:
    """What a worker consists of beside its app.

    Parameters
    ----------
    keeping : Keeping
        Its counts and captures.
    options : Options
        Of the deployment.
    router : WeightedRouter, optional
        Of one that has the socket.
    front : Front, optional
        Of the same.
    """

    keeping: Keeping
    options: Options
    router: WeightedRouter | None = None
    front: Front | None = None

    @property
    def listening(self) -> dict[str, Any]:
        """How uvicorn speaks to whoever connects."""
        if self.front is None:
            return {"http": "httptools"}
        certificate = {"ssl_certfile": self.options.tls_certificate, "ssl_keyfile": self.options.tls_key}
        return {"http": Door, **certificate}

    async def begin(self) -> None:
        """Be ready for requests."""
        if self.front:
            await self.front.begin()
        if self.router:
            self.router.ready = True

    async def drain(self, grace: float) -> None:
        """Take no more connections."""
        if self.router:
            self.router.draining = True
        if self.front:
            await self.front.drain(grace)

    async def finish(self) -> None:
        """Finish what is in hand beside HTTP, and answer nobody twice by one connection."""
        if self.router:
            self.router.draining = True
        if self.front:
            await self.front.finish(FINISH)

    async def close(self) -> None:
        """Write what waits."""
        if self.front:
            await self.front.close()
        else:
            await self.keeping.close()


class Worker:
    """Serves an ASGI app from the moment it is let, until its connections have ended by themselves.

    Parameters
    ----------
    app : ASGI application
        What it serves.
    channel : Channel
        To the supervisor.
    parts : Parts
        What begins, drains and ends with it.
    """

    def __init__(self, app: Any, channel: Channel, parts: Parts) -> None:
        self._channel, self._parts = channel, parts
        self._server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=FINISH,
                **parts.listening,
            ),
            self._begun,
            parts,
        )
        self._activated = asyncio.Event()
        self._given_up = self._draining = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket) -> None:
        """Report readiness, wait for the word, serve."""
        settle()
        self._channel.listen(self._heard)
        self._channel.report(ready=True)
        await self._activated.wait()
        if not self._given_up:
            await self._server.serve(sockets=[listener])

    def _heard(self, word: str) -> None:
        if word == "activate":
            self._activated.set()
        elif word == "drain" and not self._draining:
            self._draining = True
            self._do(self._drain())
        elif word == "gone" and not self._activated.is_set():
            self._given_up = True
            self._activated.set()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begun(self) -> None:
        self._do(self._parts.keeping.keep_counting())
        self._keep_renewed()
        await self._parts.begin()
        self._channel.report(serving=True)

    def _keep_renewed(self) -> None:
        context, options = self._server.config.ssl, self._parts.options
        if context is not None and options.tls_certificate:
            key = options.tls_key or options.tls_certificate
            self._do(keep_renewed(context, options.tls_certificate, key))

    async def _drain(self) -> None:
        """Accept no more; end each connection after an answer, never between two."""
        for server in self._server.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DRAIN_GRACE
        await self._parts.drain(DRAIN_GRACE)
        while self._server.server_state.connections and loop.time() < deadline:
            await asyncio.sleep(_POLL)
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Says when it accepts, and when it has answered what it had in hand."""

    def __init__(
        self,
        config: uvicorn.Config,
        begun: Callable[[], Awaitable[None]],
        parts: Parts,
    ) -> None:
        super().__init__(config)
        self._begun, self._parts = begun, parts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # here and not after serve(), which ends in the signal that it was ended by
        sweeping = asyncio.create_task(self._sweep())
        try:
            await asyncio.gather(super().shutdown(sockets), self._parts.finish())
        finally:  # whatever befell the connections: what waits to be written is not theirs
            sweeping.cancel()
            await self._parts.close()

    async def _sweep(self) -> None:
        """End the connections that were being accepted when all others were told to end."""
        while True:
            await asyncio.sleep(_POLL)
            for connection in list(self.server_state.connections):
                connection.shutdown()


def _remote(variant: VariantSpec, sockets: Path, spec: GenerationSpec) -> RemoteVariant:
    contract = read_contract(Path(variant.package), variant.digest)
    path = socket_path(sockets, spec.generation, variant.slot)
    return RemoteVariant(variant.slot, variant.version, variant.digest, contract, path, spec.options)


def socket_path(sockets: Path, generation: int, slot: int) -> str:
    """Return where a remote variant listens."""
    return str(sockets / f"{generation}-{slot}.sock")


async def _warmed(spec: VariantSpec, options: Options, keeping: Keeping) -> LocalVariant:
    """Load a version, which warms it, and ask it as callers will: one that cannot answer is not to serve."""
    package = load(Path(spec.package), spec.digest)
    variant = LocalVariant(spec.slot, package, options, keeping.recorder(package, spec))
    outcome = await variant.respond(Call(example_body(variant.contract.schema), "warm-up", probe=True))
    if outcome.status != 200:
        said = outcome.body.decode()[:300]
        raise RuntimeError(f"version {variant.version} does not answer its own example: {said}")
    keeping.watch(variant)
    return variant


async def _front(spec: GenerationSpec, folder: Path, options: argparse.Namespace, channel: Channel) -> None:
    """Hold the socket, and every variant that is local."""
    deployment = folder.parents[1]
    keeping = Keeping(deployment, spec.model, options.name, spec.options)
    variants: list[Variant] = []
    for each in spec.variants:
        channel.loading = each.slot
        if each.mode == "local":
            variants.append(await _warmed(each, spec.options, keeping))
        else:
            variants.append(_remote(each, options.sockets, spec))
    about = {"deployment": spec.deployment, "generation": spec.generation, "server_code": options.server_code}
    salt = spec.options.salt or spec.deployment
    router = WeightedRouter(variants, WeightsReader(folder / WEIGHTS), about, salt)
    listener = socket.socket(fileno=options.listen)
    address = _address(deployment, listener)
    front = Front(keeping, router, deployment, options.name, spec.options, address, spec.workers)
    channel.loading = None
    front.reserve(options.sockets)
    parts = Parts(keeping, spec.options, router, front)
    await Worker(create_app(router, front.gate), channel, parts).run(listener)


def _address(deployment: Path, listener: socket.socket) -> tuple[str, int]:
    """Return where clients come; the socket may have no address yet, while an orphan still has the port."""
    wanted = read_wanted(deployment)
    if wanted is not None:
        return wanted.host, wanted.port
    host, port = listener.getsockname()[:2]
    return host, port


async def _single(spec: GenerationSpec, slot: int, options: argparse.Namespace, channel: Channel) -> None:
    """Hold one variant, for the fronts of the same generation."""
    channel.loading = slot
    keeping = Keeping(options.generation.parents[1], spec.model, options.name, spec.options)
    variant = await _warmed(spec.variants[slot], spec.options, keeping)
    path = Path(socket_path(options.sockets, spec.generation, slot))
    path.unlink(missing_ok=True)  # of one that fell
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        await Worker(respond_app(variant), channel, Parts(keeping, spec.options)).run(listener)


def _one_line(problem: BaseException) -> str:
    text = " ".join(str(problem).split())
    return text if isinstance(problem, IntegrityFailure) else f"{type(problem).__name__}: {text}"


async def _work(options: argparse.Namespace, channel: Channel) -> None:
    spec = read_spec(options.generation)
    kind, _, number = options.name.partition("-")
    try:
        if kind == "remote":
            await _single(spec, int(number), options, channel)
        else:
            await _front(spec, options.generation, options, channel)
    except Exception as problem:  # noqa: BLE001 - whatever a model's code raises is told in one line
        traceback.print_exc()
        integrity = isinstance(problem, IntegrityFailure)
        channel.report(error=_one_line(problem), integrity=integrity, slot=channel.loading)
        raise SystemExit(1) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not on Windows, and not pinned by every package
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def main(arguments: list[str]) -> None:
    """Work until drained or told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("generation", type=Path)
    parser.add_argument("name")
    parser.add_argument("--sockets", type=Path)
    for pipe in ("listen", "control", "report"):
        parser.add_argument(f"--{pipe}", type=int)
    parser.add_argument("--token")
    parser.add_argument("--server-code", default="")
    options, _ = parser.parse_known_args(arguments)  # the supervisor may be of a newer release
    channel = Channel(options.control, options.report)
    sys.argv = [sys.argv[0]]  # libraries that read it find nothing of ours
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_work(options, channel))
