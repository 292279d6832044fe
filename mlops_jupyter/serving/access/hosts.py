"""By which name a deployment on loopback may be called: a page of a stranger's must not speak for its reader.

A browser sends the name that the page's address bears. A name of the attacker's that suddenly points to
127.0.0.1 (DNS rebinding) makes this server the page's own origin, but it stays that name in ``Host``,
together with the port that the browser connects to, which is ours. So what comes through jupyter-server-
proxy can be told from it: that hands on the hub's ``Host``, which bears the hub's port and not ours, and
adds the path it serves us at.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONTEXT = b"x-proxycontextpath"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    name = host.lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def split_host(host: str) -> tuple[str, int | None]:
    """Return name and port of a ``Host``.

    Raises
    ------
    ValueError
        When it is neither ``name`` nor ``name:port``.

    Examples
    --------
    >>> split_host("[::1]:8080"), split_host("churn.example")
    (('[::1]', 8080), ('churn.example', None))
    """
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name, port = host, ""
    if not name or (":" in name and not name.startswith("[")) or (colon and not port.isascii()):
        raise ValueError(host)
    return name.lower().rstrip("."), int(port) if port else None


class Hosts:
    """The names by which a server may be called.

    Parameters
    ----------
    host, port : str, int
        Where it listens; when not on loopback, every name will do.
    names : sequence of str
        Others that will do: those of a proxy of the user's own.
    """

    def __init__(self, host: str, port: int, names: Sequence[str] = ()) -> None:
        self.checked = is_loopback(host)
        self._port = port
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._usual = frozenset(f"{name}:{port}".encode() for name in (host, "localhost", "127.0.0.1"))

    def problem(self, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        """Return status and sentence when a request may not be answered by its ``Host``."""
        sent = headers.get(b"host")
        if sent in self._usual or not self.checked:
            return None
        if not sent:
            return 400, "no Host header"
        try:
            name, port = split_host(sent.decode("ascii"))
        except ValueError:
            return 400, "the Host header is not a name and a port"
        if is_loopback(name) or name in self._names or self._by_jupyter(port, headers):
            return None
        return 421, "not the server of that Host; call it by 127.0.0.1, or allow the name at deploy: --hosts"

    def _by_jupyter(self, port: int | None, headers: Mapping[bytes, bytes]) -> bool:
        """Whether jupyter-server-proxy hands the request on from an origin that is not ours."""
        path = headers.get(_CONTEXT, b"").rstrip(b"/")
        return port != self._port and path.endswith(f"/proxy/{self._port}".encode())
