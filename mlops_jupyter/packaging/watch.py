"""Watch a fresh process serve a package: what it imports is what the package needs.

Run as a script by the interpreter to be watched, so it knows nothing but the standard library:
``python -I watch.py PACKAGE BODY`` prints JSON: ``{"status", "answer", "distributions"}``.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

# Loaded by uvicorn when they are there, or by the server when they are first needed: never seen by importing.
_SERVER = ("uvicorn", "uvloop", "httptools", "pyarrow", "prometheus_client")
# The server does without it unless it is asked for: gRPC is no part of an image.
_OPTIONAL = ("grpc_door",)
# Taken when it is there, and done without when not: skops imports tools of testing of scikit-learn.
_ABSENT = ("pytest",)


def main() -> None:
    """Load the package named on the command line, let it answer one request, say what was imported."""
    package, body = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    sys.dont_write_bytecode = True
    sys.modules.update(dict.fromkeys(_ABSENT))  # type: ignore[arg-type]  # None: cannot be imported
    sys.path.insert(0, str(package))
    app = importlib.import_module("src.inference").app
    _import_server()
    status, answer = asyncio.run(_ask(app, body))
    document = {"status": status, "answer": answer, "distributions": _distributions()}
    print(json.dumps(document))


def _import_server() -> None:
    """Import every module of the server: what starts workers is needed, though no request reaches it."""
    server = sys.modules["model_server"]
    for module in pkgutil.iter_modules(server.__path__, "model_server."):
        if not module.ispkg and not module.name.endswith((".__main__", ".inference", *_OPTIONAL)):
            importlib.import_module(module.name)
    for name in _SERVER:
        if importlib.util.find_spec(name):
            importlib.import_module(name)


async def _ask(app: Any, body: bytes) -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(received, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(_scope(len(body)), receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content)


def _scope(length: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(length).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def _distributions() -> dict[str, str]:
    """Return the installed distributions whose modules are loaded, with their versions."""
    found: dict[str, str] = {}
    by_top = importlib.metadata.packages_distributions()
    for top in {name.partition(".")[0] for name, module in sys.modules.items() if module}:
        names = by_top.get(top, ())
        for name in names if len(names) < 2 else _owners(top, names):
            found[name] = importlib.metadata.version(name)
    return found


def _owners(top: str, names: Any) -> set[str]:
    """Return which of the distributions that share a namespace own the loaded modules."""
    site = Path(sysconfig.get_paths()["purelib"])
    files = [
        Path(str(module.__file__))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == top and getattr(module, "__file__", None)
    ]
    loaded = {file.relative_to(site).as_posix() for file in files if file.is_relative_to(site)}
    return {
        name for name in names if loaded & {file.as_posix() for file in importlib.metadata.files(name) or ()}
    }


if __name__ == "__main__":
    main()
