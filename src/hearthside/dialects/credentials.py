"""Who is asking: from cookie, Authorization or X-API-Key to an Actor that may do what the route is for.

Routes name what they need as the type of an argument (`Reader`, `Writer`, …). A session cookie that changes state must
come with its CSRF token; a token in a header needs none, for no foreign page can make a browser send it.
"""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from hearthside.accounts.model import NewSession, Origin
from hearthside.accounts.resolver import Credentials
from hearthside.dialects.origin import SAFE_METHODS
from hearthside.dialects.services import House, services_of
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.limits import address_key
from hearthside.settings import Settings

CSRF_HEADER = "X-CSRF-Token"


def cookie_name(settings: Settings) -> str:
    """`__Host-`: browsers take it over HTTPS alone and from this very host alone, so no neighbour can plant one."""
    return "__Host-hearthside_session" if settings.https else "hearthside_session"


def read_credentials(connection: HTTPConnection, settings: Settings) -> Credentials:
    """All that the request carries; an Authorization of another scheme than Bearer is not ours and is left alone."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return Credentials(
        cookie=connection.cookies.get(cookie_name(settings)) or None,
        bearer=(token.strip() or None) if scheme.lower() == "bearer" else None,
        api_key=connection.headers.get("x-api-key") or None,
    )


def address_of(request: Request) -> str:
    """The client's address, as dialects/edge.py found it."""
    address: str = request.state.address
    return address


async def origin_of(request: Request) -> Origin:
    """Where the request came from, for sessions and the audit log."""
    return Origin(address=address_of(request), user_agent=request.headers.get("user-agent", ""))


From = Annotated[Origin, Depends(origin_of)]


def set_session_cookie(response: Response, new: NewSession, settings: Settings) -> None:
    left = new.session.expires_at - new.session.created_at
    response.set_cookie(
        cookie_name(settings),
        new.cookie,
        max_age=int(left.total_seconds()),
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.https, httponly=True, samesite="lax")


class Requires:
    """A dependency: the actor, who has `scope`; for changes of state by cookie the CSRF token is checked too.

    Errors: Unauthenticated; Invalid ambiguous_credentials; Forbidden csrf_invalid, scope_missing, admin_required.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, request: Request) -> Actor:
        services = await services_of(request)
        credentials = read_credentials(request, services.settings)
        actor = await services.resolver.resolve(credentials)
        request.state.user_id = actor.user_id
        if request.method not in SAFE_METHODS:
            services.resolver.check_csrf(actor, credentials, request.headers.get(CSRF_HEADER))
        if self._scope is Scope.ADMIN:
            actor.require_admin()
        else:
            actor.require(self._scope)
        return actor


class Throttled:
    """A dependency: the actor, who has `scope` and has not done this too often, from this address or as this user.

    The address is counted before anything is looked up, so that guessing tokens costs the guesser.
    Errors: as Requires, and RateLimited.
    """

    def __init__(self, operation: str, scope: Scope) -> None:
        self._operation = operation
        self._actor = Requires(scope)

    async def __call__(self, request: Request, services: House) -> Actor:
        limiter, settings = services.limiter, services.settings
        by_address = settings.requests_per_minute_per_address
        await limiter.check(f"{self._operation}:address", address_key(address_of(request)), per_minute=by_address)
        actor = await self._actor(request)
        by_user = settings.requests_per_minute_per_user
        await limiter.check(f"{self._operation}:user", str(actor.user_id), per_minute=by_user)
        return actor


Reader = Annotated[Actor, Depends(Requires(Scope.READ))]
Writer = Annotated[Actor, Depends(Requires(Scope.WRITE))]
Generator = Annotated[Actor, Depends(Requires(Scope.GENERATE))]
Administrator = Annotated[Actor, Depends(Requires(Scope.ADMIN))]
