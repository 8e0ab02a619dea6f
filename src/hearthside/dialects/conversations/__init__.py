"""Document 2's door: conversations at `/`, with cookies, CSRF tokens and server-sent events."""

from typing import Any

from fastapi import FastAPI

from hearthside.dialects.conversations import admin, auth, chat, conversations, health, providers, schemas
from hearthside.dialects.conversations.errors import to_response
from hearthside.dialects.errors import error_table

ROUTERS = (auth.router, admin.router, conversations.router, chat.router, providers.router, health.router)

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": schemas.ErrorOut}, "5XX": {"model": schemas.ErrorOut}}


def install(app: FastAPI) -> None:
    """Adds the routes. This dialect words the errors of its own paths and of all that no other dialect claims."""
    error_table(app).add("", to_response)
    for router in ROUTERS:
        app.include_router(router, responses=ERRORS)
