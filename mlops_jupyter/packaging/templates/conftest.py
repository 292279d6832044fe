"""Calls to the packaged server, in this process: no port, no client library."""

import asyncio
import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def app():
    from src.inference import app

    return app


@pytest.fixture
def post(app):
    """Send a JSON body to a path and return the status and the answer."""
    return lambda path, body: asyncio.run(_call(app, path, json.dumps(body).encode()))


@pytest.fixture(scope="session")
def golden():
    """Rows, and what the model answered to them where it was trained."""
    return json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))


async def _call(app, path, body):
    sent = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        return next(received, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content)
