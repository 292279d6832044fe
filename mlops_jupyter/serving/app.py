"""The ASGI application of a deployment: FastAPI for what is documented, a plain route for predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .docs import add_docs
from .json_schema import schema_document
from .openapi import VERSION, with_predict
from .predict_route import PATH, PredictRoute, request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from fastapi import Request

    from .router import Router

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


class ModelServer(FastAPI):
    """FastAPI, with predictions taken before its routing and middleware.

    Parameters
    ----------
    router : Router
        The variants, and who gets the next request.
    """

    def __init__(self, router: Router) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        self.models = router
        self._predict = PredictRoute(router)
        self.add_exception_handler(HTTPException, _refuse)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer, at once when it is about predictions."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif scope["path"] == scope.get("root_path", "") + PATH:
            await self._predict(scope, receive, send)
        else:
            await super().__call__(scope, receive, self._with_headers(scope, send))

    def _with_headers(self, scope: MutableMapping[str, Any], send: Send) -> Send:
        """Return a `send` that adds what every answer of this server has."""
        extra: list[tuple[bytes, bytes]] = []
        given = request_id(scope["headers"])
        if given:
            extra.append((b"x-request-id", given))
        if self.models.draining:
            extra.append((b"connection", b"close"))
        if not extra:
            return send

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        return send_with_headers

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the columns of the stable variant."""
        known = get_openapi(title="", version="", openapi_version=VERSION, routes=self.routes)
        stable = self.models.stable()
        return with_predict(known, stable.contract, stable.version)


async def _refuse(_: Request, refusal: Exception) -> JSONResponse:
    """Answer what is not there in the one form that errors have here."""
    assert isinstance(refusal, HTTPException)
    return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)


def create_app(router: Router) -> ModelServer:
    """Return the application that answers for the variants of a router.

    Parameters
    ----------
    router : Router
        The variants of one generation, and who gets the next request.

    Returns
    -------
    ModelServer
        ``POST /predict``; ``GET /health``, ``/ready``, ``/schema``, ``/docs`` and ``/openapi.json``.
    """
    app = ModelServer(router)

    async def health() -> dict[str, Any]:
        """Tell what lives here: it answers as long as the process does."""
        return {"status": "alive", **router.describe()}

    async def ready() -> JSONResponse:
        """Tell whether requests should be sent here."""
        is_ready = router.ready and not router.draining
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)

    async def schema() -> dict[str, Any]:
        """Give the JSON Schema of a request, and of the answer under ``$defs``."""
        stable = router.stable()
        return schema_document(stable.contract, stable.version)

    async def openapi() -> JSONResponse:
        """Give the OpenAPI document."""
        return JSONResponse(app.openapi())

    def title() -> str:
        return f"{router.stable().contract.model} {router.stable().version}"

    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Not yet, or no more"}}
    app.add_api_route("/health", health, tags=["about"], summary="Is it alive?")
    app.add_api_route("/ready", ready, tags=["about"], summary="Is it ready?", responses=not_ready)
    app.add_api_route("/schema", schema, tags=["about"], summary="What does it take?")
    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    add_docs(app, title)
    return app
