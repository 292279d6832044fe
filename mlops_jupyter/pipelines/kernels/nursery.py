"""The nursery as seen by the run that has started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = Path(__file__).resolve().parents[2]
# nothing of this package may be left in a kernel: its root, which imports more, is not even run
PROGRAM = """
import sys, types
del sys.path[0]
sys.modules["mlops_jupyter"] = package = types.ModuleType("mlops_jupyter")
package.__path__ = [sys.argv.pop(1)]
from mlops_jupyter.pipelines.kernels.warm import main
main(sys.argv[1:])
"""
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_", "HOME", "VIRTUAL_ENV", "PATH")
END = 10.0
PREFIX = "mlops-kernels-"


@dataclass(frozen=True)
class Nursery:
    """A nursery that runs.

    Parameters
    ----------
    link : socket
        Where to ask; inherited by whoever is forked.
    process : Popen
        Its process.
    folder : str
        Where its kernels have their sockets.
    environment : mapping of str to str
        What of its environment mattered when it started.
    """

    link: socket.socket
    process: subprocess.Popen[bytes]
    folder: str
    environment: Mapping[str, str]

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Return whether an interpreter in this environment would have started as the nursery's has."""
        return at_start(environment) == self.environment and not depends_on_folder(environment)


def at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an interpreter, its libraries and its linker read when they start."""
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def depends_on_folder(environment: Mapping[str, str]) -> bool:
    """Return whether what an interpreter finds depends on the folder in which it starts.

    Examples
    --------
    >>> depends_on_folder({"PYTHONPATH": "/project:"}), depends_on_folder({"PYTHONPATH": "/project"})
    (True, False)
    """
    given = environment.get("PYTHONPATH", "")
    return given != "" and not all(map(os.path.isabs, given.split(os.pathsep)))


def begin_nursery() -> Nursery | None:
    """Start a nursery; None where processes cannot be forked safely."""
    if sys.platform != "linux":
        return None
    folder = private_folder()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, PACKAGE, str(theirs.fileno()), folder],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,  # a kernel's own standard output would end among what its run writes there
            start_new_session=True,
        )
    return Nursery(ours, process, folder, at_start(os.environ))


def private_folder() -> str:
    """Return a new folder of the user's alone; those of runs that were killed go."""
    sweep()
    return tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")


def sweep() -> None:
    """Remove the folders of runs that were killed together with their nursery."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)  # another user's stays


def end_nursery(nursery: Nursery) -> None:
    """End a nursery with all that it has forked."""
    with contextlib.suppress(OSError):
        nursery.link.send(b"end")
    nursery.link.close()
    try:
        nursery.process.wait(END)
    except subprocess.TimeoutExpired:
        nursery.process.kill()  # its kernels end with it
        nursery.process.wait()
    shutil.rmtree(nursery.folder, ignore_errors=True)
