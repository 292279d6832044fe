"""Importing ahead what a fork may share, and nothing that it may not.

A fork copies one thread. Whatever another thread held is held for ever in the copy, so a module whose import
leaves a thread behind is not imported before a fork. Nor is one that prints or warns when it is imported
(nobody would see it), or that asks for the notebook's shell (tqdm picks its bar then), or that starts a
process: those come after the fork.

Each import is tried in a fork: who finds it fit goes on from there, and its parent only waits; who finds it
unfit ends, and its parent goes on without. So nothing is imported twice, and nothing unfit leaves a trace.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import random
import signal
import sys
import tempfile
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

UNFIT = 77
QUIET = {
    # libraries of native code that start their threads at import unless they are told not to; what they would
    # have started is given back after the fork
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
KERNELS_OWN = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as ipykernel sets it
PR_SET_PDEATHSIG = 1


@dataclass
class Imports:
    """What was imported ahead, and what that did.

    Parameters
    ----------
    unfit : list of str
        Modules that must wait for the fork.
    changes : dict
        Variables of the environment that imports have set, or removed (None).
    generators : list
        Weak references to the generators that were seeded by chance.
    """

    unfit: list[str] = field(default_factory=list)
    changes: dict[str, str | None] = field(default_factory=dict)
    generators: list[weakref.ref[random.Random]] = field(default_factory=list)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note what is done to the environment, and which generators are seeded by chance."""
        before = dict(os.environ)
        with watched_seeds(self.generators):
            yield
        after = dict(os.environ)
        names = before.keys() | after.keys()
        self.changes |= {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def die_with(parent: int, by: int = signal.SIGKILL) -> None:
    """End when a parent ends, whatever ended it (Linux); at once if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def threads() -> int:
    """Return how many threads this process has, native ones too."""
    return int(psutil.Process().num_threads())


def import_ahead(modules: Iterable[str], found: Imports) -> None:
    """Import what is fit for a fork; the process that returns is not the one that called."""
    for module in modules:
        if module in sys.modules:
            continue
        gc.collect()
        gc.freeze()  # so that the collector of the copy leaves our pages alone
        this = os.getpid()
        child = os.fork()
        if child == 0:
            die_with(this)
            if not fits(module, found):
                os._exit(UNFIT)
        elif os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == UNFIT:
            found.unfit.append(module)
        else:
            os._exit(0)


def fits(module: str, found: Imports) -> bool:
    """Import a module; return whether a fork may share it, and note what it did."""
    given = QUIET | {name: value for name, value in KERNELS_OWN.items() if name not in os.environ}
    with found.watched(), watched_shell() as asked, silence() as said, variables(given):
        try:
            importlib.import_module(module)
        except BaseException:  # noqa: BLE001 - the notebook will see it, at its own import
            return False
        told = bool(said())
    return not (told or asked or threads() > 1 or psutil.Process().children())


@contextlib.contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Have variables set for a while; those that are changed meanwhile stay changed."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if os.environ.get(name) != given[name]:
                continue
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def watched_shell() -> Iterator[list[bool]]:
    """Note whether somebody asks whether there is a shell."""
    asked: list[bool] = []
    real: Any = InteractiveShell.__dict__.get("initialized")

    def initialized(_: type) -> bool:
        asked.append(True)
        return False

    InteractiveShell.initialized = classmethod(initialized)
    try:
        yield asked
    finally:
        if real is None:
            del InteractiveShell.initialized
        else:
            InteractiveShell.initialized = real


@contextlib.contextmanager
def watched_seeds(generators: list[weakref.ref[random.Random]]) -> Iterator[None]:
    """Note the generators of `random` that are made without a seed."""
    real = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            generators.append(weakref.ref(self))
        real(self, a, version)

    random.Random.seed = seed  # type: ignore[method-assign]
    try:
        yield
    finally:
        random.Random.seed = real  # type: ignore[method-assign]


@contextlib.contextmanager
def silence() -> Iterator[Callable[[], int]]:
    """Catch what is written, by whatever means, and every warning; gives how many bytes that were."""
    with tempfile.TemporaryFile() as caught, contextlib.ExitStack() as back:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for handle in (1, 2):
            kept = os.dup(handle)
            back.callback(os.close, kept)
            back.callback(os.dup2, kept, handle)
            os.dup2(caught.fileno(), handle)

        def said() -> int:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            return os.fstat(caught.fileno()).st_size

        yield said
