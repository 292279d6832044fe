"""What a server tells of itself: a few paths to get, none of which needs more than what is loaded already."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import orjson

from .access.doorkeeper import Refused
from .call import Outcome
from .dialects.v2_metadata import v2_get
from .json_schema import schema_document
from .router import is_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .access.keys import Scope
    from .gate import Gate, Reply

    Tell = Callable[[], Outcome]


V2 = "/v2"
DOCS = ("/", "/docs", "/openapi.json")


@dataclass(frozen=True)
class Page:
    """One of them.

    Parameters
    ----------
    tell : callable
        Makes the answer.
    summary, text : str
        For the documentation.
    scope : str, optional
        What a key must allow, where keys are asked for; everybody may see it without one.
    slow : bool
        Whether making it would keep the event loop.
    """

    tell: Tell
    summary: str
    text: str
    scope: Scope | None = None
    slow: bool = False


class About:
    """The pages of one server.

    Parameters
    ----------
    gate : Gate
        The way to its variants.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.pages = {
            "/health": Page(self._health, "Is it alive?", "What lives here; it answers while it lives."),
            "/ready": Page(self._ready, "Is it ready?", "Whether requests should be sent here."),
            "/schema": Page(
                self._schema, "What does it take?",
                "The JSON Schema of a request, and of the answer under `$defs`.",
            ),
            "/metrics": Page(
                self._metrics, "How is it doing?",
                "Counts and durations of all workers, in the text format of Prometheus.", "operate",
                slow=True,
            ),
            "/ping": Page(
                lambda: self._mlflow("/ping"), "MLflow: is it ready?",
                "As MLflow's scoring server answers its clients.",
            ),
            "/version": Page(
                lambda: self._mlflow("/version"), "MLflow: which release does it answer like?",
                "As MLflow's scoring server answers its clients; this is not the version of the model.",
            ),
        }  # fmt: skip

    async def reply(self, page: Page, asked: Mapping[bytes, bytes]) -> Reply:
        """Answer a request for one of the pages."""
        begun = perf_counter()
        if page.scope is not None:
            try:
                self._gate.admit(asked, page.scope)
            except Refused as refused:
                return self._gate.turn_away(refused, asked, "json", begun)
        outcome = await asyncio.to_thread(page.tell) if page.slow else page.tell()
        return self._gate.told(outcome, asked)

    def not_by(self, method: str, path: str, asked: Mapping[bytes, bytes]) -> Reply | None:
        """Answer what is asked of a page by another method than GET, None when nothing is there."""
        if path not in self.pages and not (path.startswith(V2) and self.v2(path, asked)):
            return None
        outcome = _json({"error": f"{method[:20]} is not for {path[:100]}; use GET"}, 405)
        outcome.headers = ((b"allow", b"GET, HEAD"),)
        return self._gate.told(outcome, asked)

    def unknown(self, asked: Mapping[bytes, bytes]) -> Reply:
        """Answer what is asked of a path where nothing is."""
        return self._gate.told(_json({"error": "Not Found"}, 404), asked)

    def v2(self, path: str, asked: Mapping[bytes, bytes]) -> Reply | None:
        """Answer a GET below ``/v2``, None when nothing is there."""
        outcome = v2_get(path, self._gate)
        return None if outcome is None else self._gate.told(outcome, asked)

    def _mlflow(self, path: Literal["/ping", "/version"]) -> Outcome:
        from .dialects.mlflow import mlflow_get  # with what reads CSV, which few ask for

        return mlflow_get(path, ready=is_ready(self._gate.router))

    def _health(self) -> Outcome:
        return _json({"status": "alive", **self._gate.router.describe()})

    def _ready(self) -> Outcome:
        ready = is_ready(self._gate.router)
        return _json({"ready": ready}, 200 if ready else 503)

    def _schema(self) -> Outcome:
        stable = self._gate.router.stable()
        return _json(schema_document(stable.contract, stable.version))

    def _metrics(self) -> Outcome:
        from .metrics.exposition import CONTENT_TYPE, exposition

        return Outcome(200, exposition(self._gate.meter.folder or self._gate.meter), CONTENT_TYPE)


def is_documentation(path: str) -> bool:
    """Return whether a path is of the documentation, which takes long to load."""
    return path in DOCS or path.startswith("/docs/")


def _json(document: dict[str, Any], status: int = 200) -> Outcome:
    return Outcome(status, orjson.dumps(document))
