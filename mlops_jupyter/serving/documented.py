"""The documented surface: FastAPI over the same pages, the OpenAPI document, and the page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from .docs import add_docs
from .openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request

    from .about import About, Page
    from .router import Router


def make(about: About, router: Router) -> FastAPI:
    """Return the documented application of a server.

    Parameters
    ----------
    about : About
        Its pages.
    router : Router
        Whose stable variant has the columns that are shown.
    """
    anyio.run(anyio.sleep, 0)  # what it imports at its first use would keep the event loop for 50 ms
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, _refuse)

    def openapi() -> JSONResponse:  # in a thread: it takes some milliseconds
        """Give the OpenAPI document."""
        stable = router.stable()
        return JSONResponse(openapi_document(stable.contract, stable.version, about.pages))

    def title() -> str:
        return f"{router.stable().contract.model} {router.stable().version}"

    for path, page in about.pages.items():
        app.add_api_route(path, _endpoint(about, page), include_in_schema=False)
    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    add_docs(app, title)
    return app


def _endpoint(about: About, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """Return the page as FastAPI calls it; a server that has it as plain ASGI never does."""

    async def endpoint(request: Any) -> Response:
        reply = await about.reply(page, dict(request.headers.raw))
        outcome = reply.outcome
        return Response(outcome.body, outcome.status, media_type=outcome.content_type.decode())

    endpoint.__annotations__["request"] = _request_type()
    return endpoint


def _request_type() -> type:
    from fastapi import Request

    return Request


async def _refuse(_: Request, refusal: Exception) -> JSONResponse:
    """Answer what is not there in the one form that errors have here."""
    assert isinstance(refusal, HTTPException)
    return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)
