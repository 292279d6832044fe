"""The processes of one generation, as its supervisor sees them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psutil

from .documents import write_document
from .spec import STATE, GenerationSpec, VariantSpec, read_spec

if TYPE_CHECKING:
    import socket
    from pathlib import Path

Phase = Literal["starting", "ready", "serving", "draining", "failed", "ended"]

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0  # seconds before a crashed worker is started again
HEALTHY_AFTER = 30.0  # seconds after which earlier crashes are forgotten
DRAIN_LIMIT = 45.0  # a worker ends its own draining sooner; this is for one that hangs
# The workers are the parallelism: a thread pool in each, as wide as the machine, would only contend.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# A pool of memory for each of their few threads, and another of Arrow's, takes 20 MB that nobody uses.
ONE_POOL = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}


@dataclass(frozen=True)
class Surroundings:
    """What every process of a deployment is started with."""

    serving: Path
    logs: Path
    sockets: Path
    token: str
    listener: socket.socket


def server_code(folder: Path) -> str:
    """Return a short hash of the server's own code, so that it can be told which release answers."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


class WorkerProcess:
    """One process: started, listened to, started again when it falls."""

    def __init__(
        self, name: str, slot: int | None, command: list[str], log: Path, listener: socket.socket
    ) -> None:
        self.name, self.slot = name, slot
        self._command, self._log, self._listener = command, log, listener
        self._popen: subprocess.Popen[bytes] | None = None
        self._control = self._report = -1
        self._said = b""
        self.reports: dict[str, Any] = {}
        self.restarts = 0
        self._failures = 0
        self._fall: dict[str, Any] | None = None
        self._started = self._retry_at = 0.0
        self.record: dict[str, Any] = {}

    def start(self, token: str) -> None:
        """Start the process with a pipe each way; that its interpreter is gone is a fall like any other."""
        control, self._control = os.pipe()
        self._report, report = os.pipe()
        os.set_blocking(self._report, False)
        inherited = {"--listen": self._listener.fileno(), "--control": control, "--report": report}
        options = [str(word) for pair in inherited.items() for word in pair]
        self._said, self.reports, self._started = b"", {}, time.monotonic()
        try:
            self._popen = self._spawn([*options, "--token", token], tuple(inherited.values()))
        except OSError as problem:
            self._mourn({"error": f"{self._command[0]}: {problem.strerror}"})
            return
        finally:
            os.close(control)
            os.close(report)
        self.record = {
            "name": self.name,
            "pid": self._popen.pid,
            "token": token,
            "create_time": _create_time(self._popen.pid),
            "restarts": self.restarts,
        }

    def _spawn(self, options: list[str], inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*self._command, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=inherited,
                env=ONE_THREAD | ONE_POOL | os.environ,
            )  # fmt: skip

    def say(self, word: str) -> None:
        """Send one word down the control pipe."""
        with contextlib.suppress(OSError):  # it fell meanwhile, which poll() will see
            os.write(self._control, word.encode() + b"\n")

    def hear(self) -> None:
        """Take in what the process has reported."""
        if self._report < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._report, 65536):
                self._said += data
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            self.reports.update(json.loads(line))

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._popen is not None and self._popen.poll() is None

    def bury(self) -> None:
        """After its death: read its last words, close its pipes, and set when to try again."""
        if self._popen is None:
            return
        self.hear()
        self._mourn({"error": _fate(self.name, self._popen.returncode)} | self.reports)

    def _mourn(self, fall: dict[str, Any]) -> None:
        for pipe in (self._control, self._report):
            os.close(pipe)
        self._control = self._report = -1
        self._fall = fall
        if time.monotonic() - self._started > HEALTHY_AFTER:
            self._failures = 0
        delay = min(FIRST_DELAY * 2**self._failures, LONGEST_DELAY)
        self._popen, self._retry_at = None, time.monotonic() + delay
        self._failures += 1
        self.restarts += 1

    def take_fall(self) -> dict[str, Any] | None:
        """Return why it fell, once for each fall."""
        fall, self._fall = self._fall, None
        return fall

    @property
    def due(self) -> bool:
        """Whether it is dead and its back-off is over."""
        return self._popen is None and time.monotonic() >= self._retry_at

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it lives."""
        if self._popen is not None:
            self._popen.send_signal(number)


class Generation:
    """Workers that stand and fall together: fronts on the socket, and one process per remote variant."""

    def __init__(self, folder: Path, surroundings: Surroundings) -> None:
        self.folder, self._around = folder, surroundings
        self.spec: GenerationSpec = read_spec(folder)
        self.number = self.spec.generation
        self._server_code = server_code(surroundings.serving)
        self.phase: Phase = "starting"
        self.error: str | None = None
        # the last: which slot it was about, and whether its package was changed
        self._fall: dict[str, Any] = {}
        self._activated = False
        self._drain_until = 0.0
        self._remotes = [self._remote(slot) for slot in self._remote_slots()]
        self._fronts = [self._front(index) for index in range(self.spec.workers)]
        for process in self.processes:
            process.start(surroundings.token)
        self._publish()

    @property
    def activated(self) -> bool:
        """Whether its fronts were let accept."""
        return self._activated

    @property
    def processes(self) -> list[WorkerProcess]:
        """All of them, the remote ones first."""
        return [*self._remotes, *self._fronts]

    def poll(self, *, lasting: bool) -> None:
        """Take in what happened. A `lasting` generation restarts what fell; another fails by it."""
        for process in self.processes:
            process.hear()
            if not process.running:
                self._fallen(process, lasting=lasting)
        self._advance()

    def activate(self) -> None:
        """Let the fronts accept."""
        self._activated = True
        for process in self.processes:
            process.say("activate")

    def drain(self) -> None:
        """Accept no more, finish what there is, then end."""
        for process in self._fronts:
            process.say("drain")
        self._drain_until = time.monotonic() + DRAIN_LIMIT
        self._enter("draining")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop all processes without waiting for idle connections."""
        for process in self.processes:
            process.signal(number)
        if self.phase != "failed":
            self._enter("ended")

    @property
    def running(self) -> bool:
        """Whether any of its processes lives."""
        return any(process.running for process in self.processes)

    def close(self) -> None:
        """Let go of dead processes' pipes, and say that nothing is left of them."""
        for process in self.processes:
            process.bury()
            process.record = {}
        self._publish()

    def _remote_slots(self) -> list[int]:
        return [variant.slot for variant in self.spec.variants if variant.mode == "remote"]

    def _front(self, index: int) -> WorkerProcess:
        return self._process(f"worker-{index}", None, self.spec.variants[0], [])

    def _remote(self, slot: int) -> WorkerProcess:
        variant = self.spec.variants[slot]
        return self._process(f"remote-{slot}", slot, variant, ["--package", variant.package])

    def _process(self, name: str, slot: int | None, home: VariantSpec, options: list[str]) -> WorkerProcess:
        around = self._around
        command = [home.python, *(["-I"] if home.isolated else [])]  # no PYTHONPATH of who started us
        command += [str(around.serving), "work", str(self.folder), name]
        command += ["--sockets", str(around.sockets), "--server-code", self._server_code]
        command += options
        log = around.logs / f"generation-{self.number}.log"
        return WorkerProcess(name, slot, command, log, around.listener)

    def _fallen(self, process: WorkerProcess, *, lasting: bool) -> None:
        process.bury()
        fall = process.take_fall()
        if self.phase in {"draining", "ended", "failed"}:
            return
        if fall:
            self.error, self._fall = str(fall["error"]), {"slot": process.slot, **fall}
            self._publish()
        if self.phase == "starting" and not lasting:
            self._enter("failed")
            self.end()
        elif process.due:
            process.start(self._around.token)
            if self._activated:
                process.say("activate")
            self._publish()

    def _advance(self) -> None:
        if self.phase == "starting" and self._all("ready"):
            self._enter("ready", error=None)
        elif self.phase == "ready" and self._all("serving"):
            self._enter("serving")
        elif self.phase == "draining":
            self._finish_draining()

    def _finish_draining(self) -> None:
        late = time.monotonic() > self._drain_until
        if late or not any(process.running for process in self._fronts):
            self.end(signal.SIGKILL if late else signal.SIGTERM)

    def _all(self, word: str) -> bool:
        return all(process.running and process.reports.get(word) for process in self.processes)

    def _enter(self, phase: Phase, error: str | None = "") -> None:
        self.phase = phase
        if error is None:
            self.error = None
        self._publish()

    def _publish(self) -> None:
        document = {
            "generation": self.number,
            "phase": self.phase,
            "error": self.error,
            "integrity": bool(self._fall.get("integrity")),
            "slot": self._fall.get("slot"),
            "since": time.time(),
            "server_code": self._server_code,
            "processes": [process.record for process in self.processes if process.record],
        }
        with contextlib.suppress(OSError):  # a full disk must not stop what serves
            write_document(self.folder / STATE, document)


def _create_time(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _fate(name: str, code: int) -> str:
    if code < 0:
        return f"{name} was ended by {signal.Signals(-code).name}"
    return f"{name} ended with exit code {code}"
