"""Document 1's door: PocketLLM with the response envelope, at `/envelope/v1` and, as the settings put it, at `/v1`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from hearthside.dialects.envelope import answers, auth, chats, docs, models, providers, users
from hearthside.dialects.envelope.errors import to_response
from hearthside.dialects.errors import error_table

OWN_PREFIX = "/envelope/v1"

ROUTERS = (auth.router, users.router, chats.router, models.router, providers.router)

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": answers.Failure}, "5XX": {"model": answers.Failure}}


def install(app: FastAPI, prefixes: Sequence[str] = (OWN_PREFIX,)) -> None:
    """Adds the routes under each of `prefixes`; /openapi.json and Swagger UI show them under the first."""
    routes = APIRouter()
    for router in ROUTERS:
        routes.include_router(router, responses=ERRORS)
    for prefix in (*prefixes, docs.PATH):
        error_table(app).add(prefix, to_response, request_ids=answers.REQUEST_ID)
    for prefix in prefixes:
        app.include_router(routes, prefix=prefix, include_in_schema=prefix == prefixes[0])
    shown = APIRouter()
    shown.include_router(routes, prefix=prefixes[0])
    docs.install(app, shown)
