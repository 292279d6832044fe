"""What a worker has beside its variants: who guards its door, what is counted, captured, logged, and gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from .access.doorkeeper import Doorkeeper
from .gate import Gate
from .metrics import FOLDER as METRICS
from .metrics.meter import Meter
from .recording.feedback import FeedbackRecorder
from .recording.recorder import Recorder
from .spec import LOGS, PROBE_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from .access_log import AccessLog
    from .grpc_door import GrpcDoor
    from .loading import Package
    from .local import LocalVariant
    from .options import Options
    from .router import Router
    from .spec import VariantSpec

ACCESS_LOG = "access.log"
EVERY = 1.0  # seconds between two looks at what was dropped
CLOSE_SECONDS = 2.0
_ANY_ROLE = ""  # a version's captures and batches are not told apart by what it was at the time


class Keeping:
    """The counts and captures of the versions in one process.

    Parameters
    ----------
    folder : Path
        The deployment's.
    model : str
        The model's name.
    writer : str
        Names this process in the names of files.
    options : Options
        Of the deployment.
    """

    def __init__(self, folder: Path, model: str, writer: str, options: Options) -> None:
        self.meter = Meter(folder / METRICS, model)
        self._folder, self._writer, self._options = folder, writer, options
        self._recorders: dict[str, Recorder] = {}
        self._told: dict[str, int] = {}

    def recorder(self, package: Package, spec: VariantSpec) -> Recorder | None:
        """Return what captures a version, None when nothing is captured."""
        if not self._options.capture:
            return None
        version, digest = spec.version, spec.digest
        recorder = Recorder(self._folder, package.contract, version, digest, self._options, self._writer)
        self._recorders[version] = recorder
        return recorder

    def watch(self, variant: LocalVariant) -> None:
        """Count what goes on within a variant."""
        series = self.meter.series(variant.version, _ANY_ROLE)
        variant.batched = series.batched
        variant.cache_met = lambda found: self.meter.cache_hit() if found else self.meter.cache_miss()

    async def keep_counting(self) -> None:
        """Count, again and again, what could not be captured, and where everybody sees it."""
        while True:
            await asyncio.sleep(EVERY)
            self.meter.settle()
            self._count_dropped()

    async def close(self) -> None:
        """Write what waits, and be done."""
        for recorder in self._recorders.values():
            await asyncio.to_thread(recorder.close, CLOSE_SECONDS)
        self._count_dropped()  # also what there was no time left to write
        self.meter.close()

    def _count_dropped(self) -> None:
        for version, recorder in self._recorders.items():
            dropped, told = recorder.dropped, self._told.get(version, 0)
            if dropped != told:
                self.meter.series(version, _ANY_ROLE).dropped(dropped - told)
                self._told[version] = dropped


class Front:
    """What a worker on the socket has.

    Parameters
    ----------
    keeping : Keeping
        Its counts and captures.
    router : Router
        Its variants.
    folder : Path
        The deployment's.
    writer : str
        Names this process in the names of files.
    options : Options
        Of the deployment.
    address : tuple of str and int
        Host and port where clients come.
    workers : int
        How many there are.
    """

    def __init__(
        self,
        keeping: Keeping,
        router: Router,
        folder: Path,
        writer: str,
        options: Options,
        address: tuple[str, int],
        workers: int,
    ) -> None:
        self._keeping, self._options, self._host = keeping, options, address[0]
        self._doorkeeper = Doorkeeper(folder, options, *address, workers)
        self._log = _access_log(folder, options)
        contracts = [variant.contract for variant in router.variants]
        self._feedback = FeedbackRecorder(folder, contracts, options, writer) if options.capture else None
        handle = self._feedback.handle_feedback if self._feedback else None
        token = _probe_token(folder)
        self.gate = Gate(router, keeping.meter, options, self._doorkeeper, self._log, handle, token)
        self._grpc: GrpcDoor | None = None

    def reserve(self, sockets: Path) -> None:
        """Take the port of gRPC, where one is asked for: one that is taken is told before it should serve.

        Raises
        ------
        OSError
            When the port cannot be had.
        RuntimeError
            When gRPC is not installed.
        """
        if self._options.grpc_port is None:
            return
        try:
            from .grpc_door import bound_grpc_door
        except ImportError as missing:
            raise RuntimeError(f"gRPC needs grpcio and protobuf, the extra grpc: {missing}") from None
        self._grpc = bound_grpc_door(self.gate, self._host, sockets, self._options)

    async def begin(self) -> None:
        """Open the door for gRPC."""
        if self._grpc is not None:
            await self._grpc.start()

    async def drain(self, grace: float) -> None:
        """Take no more connections by gRPC."""
        if self._grpc is not None:
            await self._grpc.drain(grace)

    async def finish(self, grace: float) -> None:
        """Finish what is in hand by gRPC, and take no more."""
        if self._grpc is not None:
            await self._grpc.stop(grace)

    async def close(self) -> None:
        """Write what waits, and be done."""
        if self._feedback is not None:
            await asyncio.to_thread(self._feedback.close, CLOSE_SECONDS)
        if self._log is not None:
            await asyncio.to_thread(self._log.close, CLOSE_SECONDS)
        await self._keeping.close()
        with contextlib.suppress(OSError):
            self._doorkeeper.close()


def _access_log(folder: Path, options: Options) -> AccessLog | None:
    if not options.access_log:
        return None
    from .access_log import AccessLog

    hidden = (*options.capture_masked, *options.capture_hashed)
    return AccessLog(folder / LOGS / ACCESS_LOG, options.access_log_features, hidden)


def _probe_token(folder: Path) -> bytes:
    try:
        return (folder / PROBE_TOKEN).read_bytes()
    except OSError:
        return b""
