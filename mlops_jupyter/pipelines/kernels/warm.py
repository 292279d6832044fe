"""The processes that kernels are forked from.

The *nursery* is started once in a run. It has imported what every kernel imports, and passes each request on
to a *warm process* of its family (the same modules, folder and environment), which it forks. A warm process
imports the modules, then forks a kernel for each request; it runs no code of a notebook, and has no thread.
It tells whoever asked how its kernel ended, and ends a kernel whose asker is gone. All of them end when the
process that started the nursery ends, however that came.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import selectors
import shutil
import socket
import sys
from dataclasses import asdict

from IPython.core.inputtransformer2 import TransformerManager

from mlops_jupyter.pipelines.kernels.birth import Birth, live, loaded_blas
from mlops_jupyter.pipelines.kernels.forking import Child, Loop, end_group, run
from mlops_jupyter.pipelines.kernels.importing import Imports, import_ahead
from mlops_jupyter.pipelines.kernels.requests import (
    Arrival,
    End,
    Request,
    own_environment,
    passed_on,
    read_request,
    retire,
    send,
    taken,
)

FAMILIES = 4  # warm processes at once; each holds the memory of its imports
SPARES = 2  # kernels of one family that wait to be asked for
KERNEL_MODULES = (
    # what ipykernel imports while it starts: half of its start is this
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.oinspect",
    "IPython.extensions.storemagic", "IPython.utils.wildcard", "encodings.idna", "faulthandler",
    "ipykernel.debugger", "ipykernel.ipkernel", "ipykernel.zmqshell", "pdb", "psutil", "sqlite3",
    "tornado.platform.asyncio", "tornado.queues", "unicodedata",
)  # fmt: skip
DEBUGGER = "debugpy"  # nobody sets a breakpoint in a step that runs, and ipykernel does without it


class Nursery(Loop):
    """Passes requests on to warm processes.

    Parameters
    ----------
    intake : socket
        Where requests come from.
    folder : str
        Where kernels have their sockets.
    imports : Imports
        What was imported for all.
    """

    def __init__(self, intake: socket.socket, folder: str, imports: Imports) -> None:
        super().__init__(intake)
        self.folder, self.imports = folder, imports
        self.families: dict[str, Child] = {}  # the one that was asked last is the last

    def answer(self, arrival: Arrival, connection: socket.socket) -> None:
        """Pass a request on, unread."""
        child = self.families.pop(arrival.mark, None) or self.begin(connection)
        self.families[arrival.mark] = child
        with (
            connection,
            contextlib.suppress(OSError),
        ):  # it has just ended: its asker sees the connection close
            passed_on(child.link, arrival.mark, connection)
        self.retire_oldest()

    def begin(self, connection: socket.socket) -> Child:
        """Fork a warm process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def then() -> None:
            ours.close()
            connection.close()
            be_warm(theirs, self.folder, self.imports)

        child = self.fork(ours, then)
        theirs.close()
        return child

    def retire_oldest(self) -> None:
        """Keep the warm processes that were asked last; let others go when their kernels have ended."""
        while len(self.families) > FAMILIES:
            oldest = self.families.pop(next(iter(self.families)))
            with contextlib.suppress(OSError):
                retire(oldest.link)

    def ended(self, child: Child, _: End) -> None:
        """Forget a warm process."""
        self.families = {mark: other for mark, other in self.families.items() if other is not child}


class Warm(Loop):
    """Forks kernels of one family.

    Parameters
    ----------
    intake : socket
        Where the nursery passes requests on.
    folder : str
        Where kernels have their sockets.
    imports : Imports
        What was imported ahead.
    """

    def __init__(self, intake: socket.socket, folder: str, imports: Imports) -> None:
        super().__init__(intake)
        self.folder, self.imports, self.blas = folder, imports, loaded_blas()
        self.spares: list[Child] = []

    def answer(self, _: Arrival, connection: socket.socket) -> None:
        """Read a request, and give what it asks for."""
        try:
            self.give(read_request(connection), connection)
        except OSError:  # who asked is gone
            connection.close()

    def give(self, request: Request, connection: socket.socket) -> None:
        """Get a kernel ready, hand out one that is ready, or fork one now."""
        if request.ahead:
            connection.close()
            self.get_ready(request)
        elif self.spares:
            self.hand_out(self.spares.pop(0), request, connection)
        else:
            born = Birth(request, connection, None, self.imports, self.blas, self.folder)
            self.attend(self.fork(connection, lambda: live(born)))

    def get_ready(self, request: Request) -> None:
        """Fork a kernel that waits to be asked for."""
        if len(self.spares) < SPARES:
            ours, theirs = socket.socketpair()
            born = Birth(request, None, theirs, self.imports, self.blas, self.folder)

            def then() -> None:
                ours.close()
                live(born)

            self.spares.append(self.fork(ours, then))
            theirs.close()

    def hand_out(self, spare: Child, request: Request, connection: socket.socket) -> None:
        """Give who asks a kernel that is ready."""
        with contextlib.suppress(OSError):  # it has just ended: reaping it tells the asker
            passed_on(spare.link, "asked", connection)
            send(spare.link, asdict(request))
        spare.link.close()
        spare.link = connection
        self.attend(spare)

    def attend(self, child: Child) -> None:
        """End a kernel when its asker is gone: nothing else can be read from there."""

        def gone() -> None:
            self.events.unregister(child.link)
            end_group(child.pid)

        self.events.register(child.link, selectors.EVENT_READ, gone)

    def ended(self, child: Child, end: End) -> None:
        """Tell who asked how its kernel ended."""
        self.spares = [spare for spare in self.spares if spare is not child]
        with contextlib.suppress(KeyError):
            self.events.unregister(child.link)
        with contextlib.suppress(OSError):
            send(child.link, asdict(end))

    def stop(self, child: Child) -> None:
        """End a kernel."""
        end_group(child.pid)


def be_warm(intake: socket.socket, folder: str, imports: Imports) -> None:
    """Be the warm process of the family whose first request waits."""
    arrival = taken(intake)
    if arrival is None or arrival.connection is None:
        return
    request = read_request(arrival.connection)
    os.chdir(request.cwd)
    own_environment(request)
    import_ahead(request.modules, imports)
    gc.collect()
    gc.freeze()
    warm = Warm(intake, folder, imports)
    warm.give(request, arrival.connection)
    warm.serve()
    os._exit(0)  # nothing here is worth taking apart


def import_kernel() -> Imports:
    """Import all that a kernel imports while it starts, then forget the modules of this package."""
    found = Imports()
    sys.modules[DEBUGGER] = None  # type: ignore[assignment] # as if it were not installed
    with found.watched():
        for module in KERNEL_MODULES:
            with contextlib.suppress(ImportError):  # of another version of IPython
                importlib.import_module(module)
        TransformerManager().transform_cell("1\n")  # compiles what every first cell would
    del sys.modules[DEBUGGER]
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    return found


def be_nursery(handle: int, folder: str) -> None:
    """Be the nursery: requests come from a socket that was inherited."""
    imports = import_kernel()
    gc.collect()
    gc.freeze()
    Nursery(socket.socket(fileno=handle), folder, imports).serve()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Begin as the nursery; forks of it end here as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("handle", type=int)
    parser.add_argument("folder")
    options = parser.parse_args(arguments)
    run(lambda: be_nursery(options.handle, options.folder))
