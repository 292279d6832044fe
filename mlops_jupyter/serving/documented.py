"""The documentation by FastAPI: the OpenAPI document, and the page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .docs import add_docs
from .openapi import openapi_document

if TYPE_CHECKING:
    from fastapi import Request

    from .about import About
    from .router import Router


def make(about: About, router: Router) -> FastAPI:
    """Return the application that documents a server.

    Parameters
    ----------
    about : About
        The pages to document beside predictions; the server itself answers them.
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

    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    add_docs(app, title)
    return app


async def _refuse(_: Request, refusal: Exception) -> JSONResponse:
    """Answer what is not there in the one form that errors have here."""
    assert isinstance(refusal, HTTPException)
    return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)
