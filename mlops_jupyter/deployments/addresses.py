"""Where an endpoint is reached: its own address, and the one a browser on a hub must use."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import psutil


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """Return the endpoint's own address.

    Examples
    --------
    >>> url_of("127.0.0.1", 8080)
    'http://127.0.0.1:8080'
    """
    scheme = "https" if tls else "http"
    return f"{scheme}://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def proxy_url_of(port: int, *, tls: bool = False) -> str | None:
    """Return the address behind jupyter-server-proxy, or None where there is none.

    On a hub it is a path of the hub's own address; beside a server of one's own it is whole. The proxy speaks
    plain HTTP to ports, so with TLS there is none.
    """
    if tls or importlib.util.find_spec("jupyter_server_proxy") is None:
        return None
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if prefix:
        return f"{prefix.rstrip('/')}/proxy/{port}/"
    server = _our_server()
    return f"{server}proxy/{port}/" if server else None


def _our_server() -> str | None:
    """Return the address of the Jupyter server that started this kernel, else of the only one there is."""
    servers = _running_servers()
    found = servers.get(os.environ.get("JPY_PARENT_PID", ""))
    if found is None and len(servers) == 1:
        (found,) = servers.values()
    return found


def _running_servers() -> dict[str, str]:
    """Return each Jupyter server's address by its process; one that was killed leaves its file behind."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return {}
    found = {}
    for path in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            server = json.loads(path.read_bytes())
            if psutil.pid_exists(server["pid"]):
                found[str(server["pid"])] = str(server["url"])
        except (OSError, ValueError, KeyError):
            continue
    return found
