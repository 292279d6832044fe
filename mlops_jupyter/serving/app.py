"""The ASGI application of a deployment.

What is asked for all day is plain ASGI. FastAPI documents it: as it takes as long to import as everything
else together, it is imported when somebody first asks for the documentation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .about import V2, About, is_documentation
from .aside import load_aside
from .gate import Gate
from .metrics.meter import Meter
from .routes import PostRoutes, send_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from fastapi import FastAPI

    from .gate import Reply
    from .router import Router

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


class ModelServer:
    """The application.

    Parameters
    ----------
    gate : Gate
        The way to its variants.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.about = About(gate)
        self._posts = PostRoutes(gate)
        self._documented: FastAPI | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._answer(scope, scope["path"].removeprefix(scope.get("root_path", "")), receive, send)

    async def _answer(self, scope: Any, path: str, receive: Receive, send: Send) -> None:
        if self._posts.takes(path):
            await self._posts(scope, path, receive, send)
            return
        asked = dict(scope["headers"])
        told = scope["method"] in ("GET", "HEAD")
        reply = await self._told(path, asked) if told else self.about.not_by(scope["method"], path, asked)
        if reply is None and not is_documentation(path):
            reply = self.about.unknown(asked)
        if reply is not None:
            await send_reply(send, reply, closing=self.gate.router.draining)
            return
        documented = await self._with_documentation()
        await documented(scope, receive, self._with_headers(asked, send))

    async def _told(self, path: str, asked: dict[bytes, bytes]) -> Reply | None:
        page = self.about.pages.get(path)
        if page is not None:
            return await self.about.reply(page, asked)
        return self.about.v2(path, asked) if path.startswith(V2) else None

    async def _with_documentation(self) -> FastAPI:
        async with self._making:
            if self._documented is None:
                self._documented = await load_aside(self._document)
        return self._documented

    def _document(self) -> FastAPI:
        from .documented import make

        return make(self.about, self.gate.router)

    def _with_headers(self, asked: dict[bytes, bytes], send: Send) -> Send:
        """Return a `send` that adds what every answer of this server has."""
        extra = [(b"x-request-id", self.gate.told_id(asked))]
        if self.gate.router.draining:
            extra.append((b"connection", b"close"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        return send_with_headers


async def _live(receive: Receive, send: Send) -> None:
    """Say that there is nothing to start or to end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def create_app(router: Router, gate: Gate | None = None) -> ModelServer:
    """Return the application that answers for the variants of a router.

    Parameters
    ----------
    router : Router
        The variants of one generation, and who gets the next request.
    gate : Gate, optional
        The way to them; one that lets everybody in and counts for this process alone when left out.

    Returns
    -------
    ModelServer
        ``POST /predict``, ``/invocations``, ``/feedback`` and V2's ``infer``; ``GET /health``, ``/ready``,
        ``/schema``, ``/metrics``, ``/docs`` and ``/openapi.json``.
    """
    return ModelServer(gate or Gate(router, Meter(None, router.stable().contract.model)))
