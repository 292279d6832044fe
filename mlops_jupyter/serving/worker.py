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

from .app import create_app
from .call import Call
from .door import Door
from .examples import example_record
from .gate import Gate
from .loading import load
from .local import LocalVariant
from .manifest import IntegrityFailure
from .metrics.meter import Meter
from .remote import RemoteVariant, read_contract, respond_app
from .spec import WEIGHTS, GenerationSpec, VariantSpec, read_spec
from .weighted import WeightedRouter
from .weights import WeightsReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from .options import Options
    from .router import Variant

METRICS = "metrics"  # the folder of a deployment's counts
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


class Worker:
    """Serves an ASGI app from the moment it is let, until its connections have ended by themselves."""

    def __init__(self, app: Any, channel: Channel, router: WeightedRouter | None, options: Options) -> None:
        self._channel, self._router = channel, router
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
                http=Door if router else "httptools",
                ssl_certfile=options.tls_certificate if router else None,
                ssl_keyfile=options.tls_key if router else None,
            ),
            self._begun,
        )
        self._activated = asyncio.Event()
        self._given_up = False
        self._draining: asyncio.Task[None] | None = None

    async def run(self, listener: socket.socket) -> None:
        """Report readiness, wait for the word, serve."""
        self._channel.listen(self._heard)
        self._channel.report(ready=True)
        await self._activated.wait()
        if not self._given_up:
            await self._server.serve(sockets=[listener])

    def _heard(self, word: str) -> None:
        if word == "activate":
            self._activated.set()
        elif word == "drain" and self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        elif word == "gone" and not self._activated.is_set():
            self._given_up = True
            self._activated.set()

    def _begun(self) -> None:
        if self._router:
            self._router.ready = True
        self._channel.report(serving=True)

    async def _drain(self) -> None:
        """Accept no more; end each connection after an answer, never between two."""
        if self._router:
            self._router.draining = True
        for server in self._server.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DRAIN_GRACE
        while self._server.server_state.connections and loop.time() < deadline:
            await asyncio.sleep(_POLL)
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Says when it accepts."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._begun()


def _remote(variant: VariantSpec, sockets: Path, generation: int) -> RemoteVariant:
    contract = read_contract(Path(variant.package), variant.digest)
    path = socket_path(sockets, generation, variant.slot)
    return RemoteVariant(variant.slot, variant.version, variant.digest, contract, path)


def socket_path(sockets: Path, generation: int, slot: int) -> str:
    """Return where a remote variant listens."""
    return str(sockets / f"{generation}-{slot}.sock")


async def _warmed(spec: VariantSpec, options: Options) -> LocalVariant:
    """Load a version and ask it for one prediction: the first caller finds everything ready."""
    variant = LocalVariant(spec.slot, load(Path(spec.package), spec.digest), options)
    body = orjson.dumps({"features": example_record(variant.contract.schema)})
    outcome = await variant.respond(Call(body, "warm-up", probe=True))
    if outcome.status != 200:
        said = outcome.body.decode()[:300]
        raise RuntimeError(f"version {variant.version} does not answer its own example: {said}")
    return variant


async def _front(spec: GenerationSpec, folder: Path, options: argparse.Namespace, channel: Channel) -> None:
    """Hold the socket, and every variant that is local."""
    variants: list[Variant] = []
    for each in spec.variants:
        channel.loading = each.slot
        if each.mode == "local":
            variants.append(await _warmed(each, spec.options))
        else:
            variants.append(_remote(each, options.sockets, spec.generation))
    about = {"deployment": spec.deployment, "generation": spec.generation, "server_code": options.server_code}
    salt = spec.options.salt or spec.deployment
    router = WeightedRouter(variants, WeightsReader(folder / WEIGHTS), about, salt)
    meter = Meter(folder.parents[1] / METRICS, spec.model)
    gate = Gate(router, meter, spec.options)
    worker = Worker(create_app(router, gate), channel, router, spec.options)
    await worker.run(socket.socket(fileno=options.listen))


async def _single(spec: GenerationSpec, slot: int, options: argparse.Namespace, channel: Channel) -> None:
    """Hold one variant, for the fronts of the same generation."""
    channel.loading = slot
    variant = await _warmed(spec.variants[slot], spec.options)
    path = Path(socket_path(options.sockets, spec.generation, slot))
    path.unlink(missing_ok=True)  # of one that fell
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        await Worker(respond_app(variant), channel, None, spec.options).run(listener)


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
