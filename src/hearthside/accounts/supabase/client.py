"""A Supabase project's GoTrue, through the `supabase-auth` client, with its refusals as errors of ours."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from hearthside.accounts.supabase.refusals import to_error
from hearthside.accounts.supabase.transport import http_client
from hearthside.kit.errors import UpstreamFailed
from hearthside.kit.outbound import Outbound
from hearthside.kit.secret import Secret

if TYPE_CHECKING:
    import httpx
    from supabase_auth import AsyncGoTrueClient
    from supabase_auth.types import AuthResponse, User

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grant:
    """The tokens of a sign-in at GoTrue."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int


@dataclass(frozen=True, slots=True)
class Person:
    """A user as GoTrue knows them."""

    uid: str
    email: str | None
    full_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewPerson:
    """`grant` None: they have to confirm their address first. GoTrue then says the same of an address that is taken,
    with a `person` that it has made up."""

    person: Person
    grant: Grant | None


class GoTrue:
    """`url` is the project's; GoTrue answers under `/auth/v1` there. What is raised: see refusals.py."""

    def __init__(self, url: str, outbound: Outbound, *, anon_key: Secret, service_role_key: Secret) -> None:
        self.url = url.rstrip("/") + "/auth/v1"
        self._outbound = outbound
        self._anon_key = anon_key
        self._service_role_key = service_role_key
        self._http: httpx.AsyncClient | None = None

    async def sign_up(self, email: str, password: str, *, full_name: str | None) -> NewPerson:
        data = {"full_name": full_name} if full_name else {}
        client = self._client(self._anon_key)
        answer = await _told(client.sign_up({"email": email, "password": password, "options": {"data": data}}))
        if answer.user is None:
            raise to_error(None)
        return NewPerson(_person(answer.user), _grant(answer) if answer.session else None)

    async def sign_in(self, email: str, password: str) -> Grant:
        client = self._client(self._anon_key)
        return _grant(await _told(client.sign_in_with_password({"email": email, "password": password})))

    async def refresh(self, refresh_token: str) -> Grant:
        return _grant(await _told(self._client(self._anon_key).refresh_session(refresh_token)))

    async def person(self, access_token: str) -> Person:
        """Whose token it is, as GoTrue has it now."""
        answer = await _told(self._client(self._anon_key).get_user(access_token))
        if answer is None:
            raise to_error(None)
        return _person(answer.user)

    async def sign_out(self, access_token: str) -> None:
        """Ends the session of this token at GoTrue; one that has ended is none to end."""
        await _told(self._client(self._anon_key).admin.sign_out(access_token, "local"))

    async def delete_user(self, uid: str) -> None:
        """One who is not there (any more) is none to delete."""
        from supabase_auth.errors import AuthError  # noqa: PLC0415 - of the extra

        try:
            await self._client(self._service_role_key).admin.delete_user(uid)
        except AuthError as error:
            if error.code != "user_not_found":
                raise UpstreamFailed("Supabase does not delete the user.", code="identity_error") from error

    def _client(self, key: Secret) -> "AsyncGoTrueClient":
        """A fresh one each time: it remembers whoever signed in last. The connection behind it is the same."""
        from supabase_auth import AsyncGoTrueClient  # noqa: PLC0415 - of the extra, and slow to import

        self._http = self._http or http_client(self._outbound)
        headers = {"apikey": key.reveal(), "Authorization": f"Bearer {key.reveal()}"}
        return AsyncGoTrueClient(
            url=self.url, headers=headers, http_client=self._http, auto_refresh_token=False, persist_session=False
        )


async def _told(answer: Awaitable[T]) -> T:
    from pydantic import ValidationError  # noqa: PLC0415 - with the client alone
    from supabase_auth.errors import AuthError  # noqa: PLC0415 - of the extra

    try:
        return await answer
    except AuthError as error:
        raise to_error(error) from error
    except ValidationError as error:  # the client's own model of what GoTrue answers
        raise to_error(None) from error


def _grant(answer: "AuthResponse") -> Grant:
    session = answer.session
    if session is None:
        raise to_error(None)
    return Grant(session.access_token, session.refresh_token, expires_in_seconds=session.expires_in)


def _person(user: "User") -> Person:
    name = user.user_metadata.get("full_name") or user.user_metadata.get("name")
    return Person(
        uid=user.id,
        email=user.email or None,
        full_name=name if isinstance(name, str) else None,
        created_at=user.created_at,
    )
