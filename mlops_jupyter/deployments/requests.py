"""Speaking to an endpoint as any client does."""

from __future__ import annotations

import http.client
import json
from typing import Any, Self

from mlops_jupyter.errors import UnavailableError

PROBE = "x-mlops-probe"  # not a caller's request: not counted as one


class Endpoint:
    """One kept connection to one endpoint.

    Parameters
    ----------
    host, port : str, int
        Where it listens.
    timeout : float
        Seconds to wait for an answer.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        self._where = f"{host}:{port}"

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
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
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


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {"error": data[:200].decode(errors="replace")}
