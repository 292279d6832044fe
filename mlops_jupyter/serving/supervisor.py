"""One small process per deployment: it owns the listening socket and keeps one generation serving.

It reads what is wanted from a file and what is so from its children, and takes one step towards the first
at a time. It never loads a model and never answers a request, so it has little to fall over; should it be
killed all the same, its workers go on serving, and the next supervisor takes the socket over from them. Only
then, between their closing it and its binding it, a new connection can be refused: for the few milliseconds
in which a port has no owner. Connections that are open already are drained as ever.

The socket is bound once. A generation only accepts from it, so a connection that waits in its queue while
generations change is answered by whichever accepts next.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .documents import read_document, write_document
from .generation import Generation, Surroundings
from .logs import cap_logs
from .metrics import FOLDER as METRICS
from .metrics.folding import fold_slabs
from .processes import end_processes, find_processes
from .spec import LOGS, generation_folder
from .wanted import SUPERVISOR, WANTED, Wanted, read_wanted, recorded_processes

if TYPE_CHECKING:
    from io import TextIOWrapper

TICK, IDLE_TICK = 0.025, 0.1  # seconds; idle, a deployment costs 0.1 % of a core
STOP_GRACE = 10.0
BACKLOG = 2048
TAKE_OVER = 15.0
TIDY_EVERY = 5.0  # seconds between two looks at the logs' size and at what ended workers counted


class Supervisor:
    """Brings one deployment to what is wanted of it, and keeps it there."""

    def __init__(self, deployment: Path, token: str, lock: TextIOWrapper) -> None:
        self._folder, self._token = deployment, token
        self._generations: dict[int, Generation] = {}
        self._broken: dict[int, str] = {}
        self._wanted_as_of: tuple[int, int] | None = None
        self._wanted: Wanted | None = None
        self._stopping = False
        self._lock = lock
        self._bound = False
        self._tidy_due = 0.0
        self._orphans = find_processes(recorded_processes(deployment))
        self._remove_old_sockets()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        serving = Path(__file__).resolve().parent
        self._around = Surroundings(
            serving=serving,
            logs=deployment / LOGS,
            sockets=Path(tempfile.mkdtemp(prefix="mlops-")),  # short: a socket's path has 104 characters
            token=token,
            listener=self._listener,
        )

    def run(self) -> None:
        """Reconcile until told to stop, then leave nothing behind."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._read_wanted()
        self._bind()
        self._publish()
        try:
            while not self._stopping:
                try:
                    self._tick()
                except Exception:  # noqa: BLE001 - whatever it is, what serves must not lose its supervisor
                    _log(traceback.format_exc())
                    time.sleep(1)
                time.sleep(IDLE_TICK if self._is_steady() else TICK)
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _is_steady(self) -> bool:
        """Whether all that is wanted serves, and nothing else lives."""
        wanted = self._wanted.generations if self._wanted else []
        serving = [each.number for each in self._generations.values() if each.phase == "serving"]
        return serving == wanted and len(serving) == len(self._generations)

    def _is_removed(self) -> bool:
        """Whether our folder was deleted: then so was the deployment, whatever stands there now."""
        return os.fstat(self._lock.fileno()).st_nlink == 0

    def _tick(self) -> None:
        if self._is_removed():
            _log("the deployment's folder was deleted")
            self._stopping = True
        self._tidy()
        self._read_wanted()
        self._forget_abandoned()
        active = self._wanted.active if self._wanted else None
        for number, generation in list(self._generations.items()):
            generation.poll(lasting=number == active)
            if generation.phase == "ended" and not generation.running:
                generation.close()
                del self._generations[number]
        if self._wanted:
            self._reconcile(self._wanted)

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_due:
            self._tidy_due = time.monotonic() + TIDY_EVERY
            cap_logs(self._around.logs)
            fold_slabs(self._folder / METRICS)

    def _reconcile(self, wanted: Wanted) -> None:
        for number in wanted.generations:
            if number not in self._generations:
                self._begin(number)
        active = self._generations.get(wanted.active) if wanted.active is not None else None
        if active is None:
            serving = False
        else:
            serving = active.phase == "serving"
            if active.phase == "ready" and not active.activated and self._bind(take_over=True):
                active.activate()
        for number, generation in self._generations.items():
            if number not in wanted.generations:
                _retire(generation, serving=serving)

    def _begin(self, number: int) -> None:
        try:
            self._generations[number] = Generation(generation_folder(self._folder, number), self._around)
        except (OSError, TypeError, KeyError) as problem:
            if self._broken.get(number) != str(problem):
                self._broken[number] = str(problem)
                _log(f"generation {number} cannot begin: {problem}")

    def _read_wanted(self) -> None:
        with contextlib.suppress(OSError):
            status = (self._folder / WANTED).stat()
            as_of = (status.st_ino, status.st_mtime_ns)
            if as_of != self._wanted_as_of:
                self._wanted_as_of, self._wanted = as_of, read_wanted(self._folder) or self._wanted

    def _forget_abandoned(self) -> None:
        """Drop a generation whose verb was killed while it waited: it would be held in memory for nobody."""
        wanted = self._wanted
        if wanted and wanted.prepared_by and not psutil.pid_exists(wanted.prepared_by):
            self._wanted = replace(wanted, prepare=None, prepared_by=None)

    def _bind(self, *, take_over: bool = False) -> bool:
        """Bind and listen; true when that is done. Orphans give it up when a generation can take it."""
        if self._bound or self._wanted is None:
            return self._bound
        deadline = time.monotonic() + TAKE_OVER
        if take_over:
            self._signal_orphans()
        while True:
            try:
                self._listener.bind((self._wanted.host, self._wanted.port))
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE or not self._orphans:
                    self._publish(error=f"port {self._wanted.port}: {problem.strerror}")
                    raise SystemExit(1) from None
                if not take_over or time.monotonic() > deadline:
                    return False
                time.sleep(0.002)
            else:
                break
        self._listener.listen(BACKLOG)
        self._bound = True
        return True

    def _signal_orphans(self) -> None:
        """Tell the workers of a supervisor that was killed to accept no more, and to drain."""
        for process in self._orphans:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGUSR1)

    def _remove_old_sockets(self) -> None:
        """Remove the folder of a supervisor that was killed, once nobody listens there."""
        before = read_document(self._folder / SUPERVISOR)
        if before and before.get("sockets") and not self._orphans:
            shutil.rmtree(before["sockets"], ignore_errors=True)

    def _publish(self, error: str | None = None) -> None:
        wanted = self._wanted
        document = {
            "pid": os.getpid(),
            "create_time": psutil.Process().create_time(),
            "token": self._token,
            "host": wanted.host if wanted else None,
            "port": wanted.port if wanted else None,
            "sockets": str(self._around.sockets),
            "error": error,
        }
        with contextlib.suppress(OSError):
            write_document(self._folder / SUPERVISOR, document)

    def _end(self) -> None:
        end_processes(self._orphans, STOP_GRACE)
        for generation in self._generations.values():
            generation.end()
        deadline = time.monotonic() + STOP_GRACE
        while self._still_running() and time.monotonic() < deadline:
            time.sleep(TICK)
        for generation in self._still_running():
            generation.end(signal.SIGKILL)
        while self._still_running():
            time.sleep(TICK)
        for generation in self._generations.values():
            generation.close()
        self._listener.close()
        shutil.rmtree(self._around.sockets, ignore_errors=True)

    def _still_running(self) -> list[Generation]:
        return [generation for generation in self._generations.values() if generation.running]


def _retire(generation: Generation, *, serving: bool) -> None:
    """End what nobody wants; one that serves drains, and only when its successor serves."""
    if generation.phase in {"starting", "failed"} or not generation.activated:
        generation.end()
        generation.phase = "ended"
    elif generation.phase in {"ready", "serving"} and serving:
        generation.drain()


def _log(text: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%S%z"), text, file=sys.stderr, flush=True)


def _alone(deployment: Path) -> TextIOWrapper:
    """Return the lock of the one supervisor a deployment may have; the kernel releases it at any death."""
    lock = (deployment / "supervisor.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _log("another supervisor has this deployment")
        raise SystemExit(3) from None
    return lock


def _detach() -> None:
    """Leave the process that started us, so that neither its death nor its terminal reaches us."""
    if os.fork():
        os._exit(0)
    os.setsid()


def main(arguments: list[str]) -> None:
    """Supervise a deployment until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("deployment", type=Path)
    parser.add_argument("--token", required=True)
    options = parser.parse_args(arguments)
    _detach()
    with _alone(options.deployment) as lock:
        Supervisor(options.deployment, options.token, lock).run()
