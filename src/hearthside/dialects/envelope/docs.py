"""Swagger UI at /api/docs, for this dialect's routes alone; all its files come from this server.

They are those of the package `fastapi-swagger`, which carries the maker's build. Nothing of the package is imported.
"""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

import hearthside
from hearthside.kit.errors import NotFound

PATH = "/api/docs"
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hearthside API</title>
<link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
# Swagger UI puts styles on elements and draws its icons from data: URLs; scripts and requests stay with this server.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}


def install(app: FastAPI, documented: APIRouter) -> None:
    """`documented` holds the routes that are shown, at the paths under which the application has them."""
    app.include_router(_router(documented))


def _router(documented: APIRouter) -> APIRouter:
    router = APIRouter(prefix=PATH, include_in_schema=False)
    # Made when it is first asked for: it costs more than starting the server does.
    document = cache(lambda: _openapi(documented))

    @router.get("")
    async def page() -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        return HTMLResponse(_PAGE, headers=_HEADERS)

    @router.get("/start.js")
    async def start() -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        return Response(_START, media_type="text/javascript", headers=_HEADERS)

    @router.get("/openapi.json")
    async def openapi() -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        return JSONResponse(document())

    @router.get("/{name}")
    async def file(name: str) -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        if name not in FILES:
            raise NotFound("There is nothing at this path.")
        return FileResponse(_file(name), media_type=FILES[name], headers=_HEADERS)

    return router


def _file(name: str) -> Path:
    return Path(str(distribution("fastapi-swagger").locate_file(f"fastapi_swagger/resources/{name}")))


def _openapi(documented: APIRouter) -> dict[str, Any]:
    document = get_openapi(title="Hearthside", version=hearthside.__version__, routes=documented.routes)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    return document
