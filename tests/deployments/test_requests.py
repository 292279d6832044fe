"""An endpoint over TLS is known by its certificate, and nobody else is told a key."""

from __future__ import annotations

import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops_jupyter.deployments.requests import Endpoint
from mlops_jupyter.errors import UnavailableError

from .certification import write_certificate


@contextlib.contextmanager
def served_with(certificate: str, key: str):
    """Yield the port of a server, and the headers it was sent."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1], heard
        server.shutdown()
        thread.join()


def test_its_own_certificate_is_trusted_whoever_signed_it(tmp_path):
    certificate, key = write_certificate(tmp_path)
    with (
        served_with(certificate, key) as (port, heard),
        Endpoint("127.0.0.1", port, 10, certificate=certificate, secret="mlops_secret") as endpoint,
    ):
        assert endpoint.ask("/health") == (200, {})
    assert heard[0]["authorization"] == "Bearer mlops_secret"


def test_whoever_shows_another_certificate_is_told_nothing_and_said_to_be_so(tmp_path):
    ours, _ = write_certificate(tmp_path, "ours")
    with (
        served_with(*write_certificate(tmp_path, "theirs")) as (port, heard),
        Endpoint("127.0.0.1", port, 10, certificate=ours, secret="mlops_secret") as endpoint,
        pytest.raises(UnavailableError) as raised,
    ):
        endpoint.ask("/health")
    assert heard == []
    assert raised.value.why == f"another certificate answers than that of {ours}"
