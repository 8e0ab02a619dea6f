"""Document 0's door: PocketLLM in flat JSON, at `/flat/v1` and, as the settings put it, at `/v1`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from hearthside.dialects.errors import error_table
from hearthside.dialects.pocketllm import auth, chats, models, providers, schemas, shared, transfer, users
from hearthside.dialects.pocketllm.errors import to_response
from hearthside.dialects.uploads import upload_paths

OWN_PREFIX = "/flat/v1"

# `shared` comes last: its `/models/{model_id}` would take `/models/saved`, as `users` would `/users/profile`.
ROUTERS = (auth.router, transfer.router, users.router, chats.router, providers.router, models.router, shared.router)

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": schemas.Failure}, "5XX": {"model": schemas.Failure}}


def install(app: FastAPI, prefixes: Sequence[str] = (OWN_PREFIX,)) -> None:
    """Adds the routes under each of `prefixes`; /openapi.json shows them under the first."""
    routes = APIRouter()
    for router in ROUTERS:
        routes.include_router(router, responses=ERRORS)
    for prefix in prefixes:
        error_table(app).add(prefix, to_response)
        upload_paths(app).add(prefix + transfer.IMPORT_PATH)
        app.include_router(routes, prefix=prefix, include_in_schema=prefix == prefixes[0])
