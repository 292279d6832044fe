"""Where an endpoint is reached: its own address, and the one a browser on a hub must use."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path


def url_of(host: str, port: int) -> str:
    """Return the endpoint's own address.

    Examples
    --------
    >>> url_of("127.0.0.1", 8080)
    'http://127.0.0.1:8080'
    """
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def proxy_url_of(port: int) -> str | None:
    """Return the address behind jupyter-server-proxy, or None where there is none.

    On a hub it is a path of the hub's own address; beside a server of one's own it is whole.
    """
    if importlib.util.find_spec("jupyter_server_proxy") is None:
        return None
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if prefix:
        return f"{prefix.rstrip('/')}/proxy/{port}/"
    server = _our_server()
    return f"{server}proxy/{port}/" if server else None


def _our_server() -> str | None:
    """Return the address of the Jupyter server that started this kernel, else of the only one there is."""
    servers = {str(server.get("pid")): server.get("url") for server in _running_servers()}
    found = servers.get(os.environ.get("JPY_PARENT_PID", ""))
    if found is None and len(servers) == 1:
        (found,) = servers.values()
    return found


def _running_servers() -> list[dict[str, str]]:
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return []
    found = []
    for path in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            found.append(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return found
