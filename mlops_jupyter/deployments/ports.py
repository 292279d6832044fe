"""Which port a deployment listens on, and who has the one it wants."""

from __future__ import annotations

import errno
import socket

from mlops_jupyter.errors import UnavailableError

USUAL = range(8080, 8181)


class PortTakenError(UnavailableError):
    """Another process was faster."""


def choose_port(host: str, wanted: int | None, taken: set[int]) -> int:
    """Return the port to listen on: the wanted one, else the first free of the usual ones.

    Parameters
    ----------
    host : str
        The address to listen on.
    wanted : int or None
        The port asked for, or remembered; 0 is any.
    taken : set of int
        Ports that other deployments will come back to.

    Raises
    ------
    UnavailableError
        When the wanted port is in use; it names the process that has it.
    """
    if wanted is not None:
        return _bindable(host, wanted)
    for port in USUAL:
        if port not in taken and is_free(host, port):
            return port
    return _bindable(host, 0)


def is_free(host: str, port: int) -> bool:
    """Return whether a socket can listen there."""
    try:
        _bindable(host, port)
    except UnavailableError:
        return False
    return True


def owner_of(port: int) -> str:
    """Return the process that listens on a port, in words; another user's cannot be seen."""
    import psutil

    for process in psutil.process_iter(["name"]):
        try:
            found = process.net_connections(kind="tcp")
        except (psutil.Error, OSError):
            continue
        if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found):
            return f"{process.info['name']} (process {process.pid})"
    return "a process of another user"


def _bindable(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()  # where addresses are reused, only this finds a listener
        except OSError as problem:
            raise _unavailable(host, port, problem) from None
        return int(probe.getsockname()[1])


def _unavailable(host: str, port: int, problem: OSError) -> UnavailableError:
    if problem.errno != errno.EADDRINUSE:
        return UnavailableError(f"cannot listen on {host}:{port}", problem.strerror or str(problem))
    hint = "give another one with --port, or leave it out"
    return PortTakenError(f"port {port} is in use by {owner_of(port)}", hint=hint)
