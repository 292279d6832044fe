"""The page that shows the OpenAPI document: Swagger UI from a package, with no address but relative ones."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from swagger_ui_bundle import swagger_ui_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

_VENDORED = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_WEEK = "public, max-age=604800"
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""
_SCRIPT = """const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1,
  defaultModelRendering: "example",
  onComplete: () => ui.layoutActions.show(["operations", "predict", "predict"], true),
});
"""
_STYLE = """body { margin: 0; }
.swagger-ui .wrapper { max-width: 1100px; }
.swagger-ui .info { margin: 32px 0 8px; }
.swagger-ui .info .base-url, .swagger-ui .info a.link, .swagger-ui .scheme-container,
.swagger-ui .response-col_links, #operations-predict-predict .parameters-container,
.swagger-ui .response-controls { display: none; }
.swagger-ui .opblock-section-header .tab-header { visibility: hidden; }
.swagger-ui .opblock-description table { width: auto; margin-top: 12px; }
.swagger-ui .opblock-description table tbody tr td,
.swagger-ui .opblock-description table thead tr th {
  padding: 4px 24px 4px 0;
  border-bottom: 1px solid #8884;
}
.swagger-ui .opblock-description-wrapper p { margin: 0; }
@media (prefers-color-scheme: dark) {
  html { background: #1c1c1c; }
  .swagger-ui { filter: invert(88%) hue-rotate(180deg); }
  .swagger-ui .microlight { filter: invert(100%) hue-rotate(180deg); }
}
"""


def add_docs(app: FastAPI, title: Callable[[], str]) -> None:
    """Add ``/docs`` and what it needs.

    Parameters
    ----------
    app : FastAPI
        The application; it answers ``/openapi.json``.
    title : callable
        Returns the title of the page.
    """

    async def page() -> Response:
        """Show this page."""
        html = _PAGE.format(title=escape(title()))
        return HTMLResponse(html, headers={"content-security-policy": _POLICY})

    async def asset(name: str) -> Response:
        if name == "page.js":
            return Response(_SCRIPT, media_type="text/javascript")
        if name == "page.css":
            return Response(_STYLE, media_type="text/css")
        if name not in _VENDORED:
            raise HTTPException(404)
        path = swagger_ui_path / name
        return FileResponse(path, media_type=_VENDORED[name], headers={"cache-control": _WEEK})

    async def root() -> Response:
        return RedirectResponse("docs")

    app.add_api_route("/docs", page, include_in_schema=False)
    app.add_api_route("/docs/{name}", asset, include_in_schema=False)
    app.add_api_route("/", root, include_in_schema=False)
