"""Where two dialects have the same operation at the same path, the form of the token decides which of them answers.

API tokens look different from access tokens (`hs_…`), so the decision needs no look into the database: whether the
token is worth anything is for the route to find out.
"""

from collections.abc import MutableMapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from hearthside.accounts.api_tokens import PREFIX


def carries_api_token(scope: Scope) -> bool:
    """Whether a request comes with an API token, in either of the headers that take one."""
    headers = Headers(scope=scope)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return bearer.startswith(PREFIX) or headers.get("x-api-key", "").startswith(PREFIX)


class ForApiTokens(APIRoute):
    """A route (`APIRouter(route_class=ForApiTokens)`) that is not there for requests without an API token.

    Installed before the other dialect's, it takes its own and leaves the rest to that one.
    """

    def matches(self, scope: Scope) -> tuple[Match, MutableMapping[str, Any]]:
        return super().matches(scope) if carries_api_token(scope) else (Match.NONE, {})
