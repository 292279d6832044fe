"""Speaking to an endpoint as any client does."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any, Self

from mlops_jupyter.errors import UnavailableError

from .certificates import same_certificate
from .folder import read_address, read_certificate
from .keys import owners_secret

if TYPE_CHECKING:
    from pathlib import Path

PROBE = "x-mlops-probe"  # not a caller's request: not counted as one


class Endpoint:
    """One kept connection to one endpoint.

    Parameters
    ----------
    host, port : str, int
        Where it listens.
    timeout : float
        Seconds to wait for an answer.
    certificate : str, optional
        The PEM file of its certificate, when it speaks HTTPS: none but that one is trusted, whatever name it
        is for and whoever signed it.
    secret : str, optional
        Of the key to call with.
    """

    def __init__(
        self, host: str, port: int, timeout: float, *, certificate: str | None = None, secret: str = ""
    ) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        if certificate:
            self._connection = _Pinned(host, port, certificate, timeout)
        self._where = f"{host}:{port}"
        self._always = {"authorization": f"Bearer {secret}"} if secret else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of one answer.

        Raises
        ------
        UnavailableError
            When nothing answers.
        """
        sent = self._always | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["content-type"] = "application/json"
        for attempt in (1, 2):  # a kept connection may have been closed by a generation that drains
            try:
                self._connection.request("GET" if body is None else "POST", path, body, sent)
                response = self._connection.getresponse()
                return response.status, _json(response.read())
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as problem:
                self._connection.close()
                if attempt == 2:
                    raise self._silent(problem) from None
            except (OSError, http.client.HTTPException) as problem:
                self._connection.close()
                raise self._silent(problem) from None
        raise AssertionError("the second attempt returns or raises")

    def _silent(self, problem: Exception) -> UnavailableError:
        why = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        return UnavailableError(f"nothing answers at {self._where}", why, "mlops status says more")


def open_endpoint(folder: Path, timeout: float) -> Endpoint:
    """Return a connection to what serves in a deployment's folder, with the owner's key.

    Raises
    ------
    RefusedError
        When nothing has been live there yet.
    """
    host, port = read_address(folder)
    secret, certificate = owners_secret(folder), read_certificate(folder)
    return Endpoint(host, port, timeout, certificate=certificate, secret=secret)


class _Pinned(http.client.HTTPSConnection):
    """A connection to a server that is known by its certificate.

    The name in it is that of the outside, and we call 127.0.0.1; who signed it may be nobody we know.
    """

    def __init__(self, host: str, port: int, certificate: str, timeout: float) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(host, port, timeout=timeout, context=context)
        self._certificate = certificate

    def connect(self) -> None:
        super().connect()
        shown = self.sock.getpeercert(binary_form=True)
        if not same_certificate(self._certificate, shown or b""):
            self.close()
            raise ssl.SSLError(
                ssl.SSL_ERROR_SSL, f"another certificate answers than that of {self._certificate}"
            )


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {"error": data[:200].decode(errors="replace")}
