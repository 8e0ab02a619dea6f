"""A thin GoTrue at `/auth/v1`: the clients of Supabase (`@supabase/auth-js` and the like) sign people up, in and out at
this server. It speaks of e-mail addresses and passwords alone; what else GoTrue can do is refused in its words.
"""

from typing import Any

from fastapi import FastAPI

from hearthside.dialects.errors import error_table
from hearthside.dialects.gotrue import auth, general, schemas, users
from hearthside.dialects.gotrue.errors import to_response

OWN_PREFIX = "/auth/v1"

ROUTERS = (auth.router, users.router, general.router)

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": schemas.Failure}, "5XX": {"model": schemas.Failure}}


def install(app: FastAPI) -> None:
    """Adds the routes, and words the errors of their paths."""
    error_table(app).add(OWN_PREFIX, to_response)
    for router in ROUTERS:
        app.include_router(router, prefix=OWN_PREFIX, responses=ERRORS)
