"""How a fork of a warm process becomes a kernel like any other, with nothing of its parent's."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import inspect
import io
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from ipykernel.kernelapp import IPKernelApp

from mlops_jupyter.pipelines.kernels.importing import die_with
from mlops_jupyter.pipelines.kernels.requests import own_environment, read_request, send, taken

if TYPE_CHECKING:
    import socket

    from mlops_jupyter.pipelines.kernels.importing import Imports
    from mlops_jupyter.pipelines.kernels.requests import Request

LAST_WORDS = 10.0
HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
BLAS_SETTINGS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")  # in the order it reads them
BLAS_SETTERS = (
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
)


@dataclass(frozen=True)
class Birth:
    """What a fork needs to become a kernel.

    Parameters
    ----------
    request : Request
        What it is to be; of a kernel made ready ahead all but some variables of its environment.
    connection : socket or None
        Where its asker waits; None while nobody has asked.
    waiting : socket or None
        Where a kernel made ready ahead learns that it is asked for.
    imports : Imports
        What was imported before the fork.
    blas : tuple of str
        The files of the linear algebra that is loaded.
    folder : str
        Where its sockets and its connection file go.
    """

    request: Request
    connection: socket.socket | None
    waiting: socket.socket | None
    imports: Imports
    blas: tuple[str, ...]
    folder: str


def live(birth: Birth) -> None:
    """Be the kernel, to its end."""
    stand_alone()
    differ(birth.imports)
    take_place(birth.request, birth.imports)
    restore_threads(birth.blas)
    app = kernel(birth)
    import_rest(birth)
    request, connection = asked(birth)
    if birth.waiting:
        take_place(request, birth.imports)
    with connection:
        send(connection, {"pid": os.getpid(), "file": app.abs_connection_file})
    app.start()
    finish(app)
    end()


def stand_alone() -> None:
    """Leave the parent's session, signals and input."""
    die_with(os.getppid())
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in HELD:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def differ(imports: Imports) -> None:
    """Have other chances than every other fork.

    Torch is left alone: its generator begins with the same number in every process, and an import draws none.
    """
    random.seed()
    for reference in imports.generators:
        generator = reference()
        if generator is not None:
            generator.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)


def take_place(request: Request, imports: Imports) -> None:
    """Have the folder and the environment that are asked for; what imports set there stays, as it would."""
    own_environment(request)
    for name, value in imports.changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    time.tzset()
    os.chdir(request.cwd)


def restore_threads(blas: tuple[str, ...]) -> None:
    """Give linear algebra as many threads as it would have taken at its import."""
    asked_for = next((os.environ[name] for name in BLAS_SETTINGS if os.environ.get(name)), "")
    count = int(asked_for) if asked_for.isdecimal() else len(os.sched_getaffinity(0))
    for path in blas:
        library = ctypes.CDLL(path)
        for name in BLAS_SETTERS:
            with contextlib.suppress(AttributeError):
                getattr(library, name)(max(1, count))


def loaded_blas() -> tuple[str, ...]:
    """Return the files of OpenBLAS that this process has loaded."""
    if "numpy" not in sys.modules:
        return ()
    return tuple(part.path for part in psutil.Process().memory_maps() if "openblas" in part.path)


def kernel(birth: Birth) -> Any:
    """Return ipykernel's application, listening on sockets in a folder that is the user's alone."""
    place = Path(birth.folder) / str(os.getpid())
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [
        str(launcher.origin if launcher else "ipykernel_launcher"),
        "-f",
        f"{place}.json",
        *birth.request.arguments,
    ]
    app = IPKernelApp.instance(parent_handle=os.getppid(), transport="ipc", ip=str(place))
    app.initialize(sys.argv[1:])
    let_it_end(app.kernel)
    return app


def let_it_end(kernel: Any) -> None:
    """Have a kernel end when it is asked to even if the notebook has made errors of warnings.

    ipykernel 7 warns of its own `do_shutdown`, which is no coroutine; as an error that keeps it from ending.
    """
    ends = kernel.do_shutdown

    async def do_shutdown(restart: bool) -> Any:
        ended = ends(restart)
        return await ended if inspect.isawaitable(ended) else ended

    kernel.do_shutdown = do_shutdown


def finish(app: Any) -> None:
    """Let the threads that answer come to their end while there is one that sends.

    ipykernel ends the one that sends first, and then waits ten seconds for the last words of the others.
    """
    for thread in (app.control_thread, app.shell_channel_thread):
        if thread is not None and thread.is_alive():
            thread.stop()
            thread.join(LAST_WORDS)


def end() -> None:
    """End as the interpreter does, but leave what was there before the fork untouched.

    Taking the modules apart would copy all of their memory first. IPython has emptied the notebook's
    namespace among what runs at exit; here goes what that has left, and files are written out that a module
    holds open.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as the interpreter does
    atexit._run_exitfuncs()
    gc.collect()
    for each in gc.get_objects():
        if isinstance(each, io.IOBase) and not each.closed:
            with contextlib.suppress(Exception):
                each.flush()
    os._exit(0)


def import_rest(birth: Birth) -> None:
    """Import what could not be imported before the fork, while nobody waits; errors are the notebook's."""
    if birth.waiting:
        for module in birth.imports.unfit:
            with contextlib.suppress(BaseException):
                importlib.import_module(module)


def asked(birth: Birth) -> tuple[Request, socket.socket]:
    """Return what is asked for, once it is."""
    if birth.waiting is None:
        assert birth.connection is not None
        return birth.request, birth.connection
    with birth.waiting:
        arrival = taken(birth.waiting)
        if arrival is None or arrival.connection is None:
            os._exit(0)  # nobody will ask
        return read_request(birth.waiting), arrival.connection
