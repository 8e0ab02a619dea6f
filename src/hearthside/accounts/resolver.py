"""Any credential becomes an Actor: browser cookie, access token or API token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hearthside.accounts import session_store, token_store
from hearthside.accounts.access_tokens import AccessClaims, AccessTokens
from hearthside.accounts.api_tokens import PREFIX
from hearthside.accounts.cache import LIFE_SECONDS, ActorCache
from hearthside.accounts.model import UserStatus
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.presence import Presence
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.accounts.session_store import Holder
from hearthside.accounts.sessions import check_alive, inactive
from hearthside.accounts.token_store import TokenHolder
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Forbidden, Invalid, Unauthenticated
from hearthside.kit.ids import digest


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request came with. `bearer` and `api_key` each take an access token or an API token."""

    cookie: str | None = None
    bearer: str | None = None
    api_key: str | None = None


class TokenReader(Protocol):
    """Whoever knows whose access tokens are: the identity provider."""

    async def claims(self, access_token: str) -> AccessClaims: ...


class _OwnTokens:
    def __init__(self, signer: AccessTokens) -> None:
        self._signer = signer

    async def claims(self, access_token: str) -> AccessClaims:
        return self._signer.read(access_token)


@dataclass(frozen=True, slots=True)
class _Found:
    """An actor, and the moment at which the credential ends by itself."""

    actor: Actor
    until: datetime | None


class Resolver:
    """`tokens` None: only this server's own access tokens are taken."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        signer: AccessTokens,
        secrets: SessionSecrets,
        policy: AccountPolicy,
        cache: ActorCache,
        presence: Presence,
        tokens: TokenReader | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens or _OwnTokens(signer)
        self._secrets = secrets
        self._policy = policy
        self._cache = cache
        self._presence = presence

    async def resolve(self, credentials: Credentials) -> Actor:
        """Who is asking. Remembered for 5 s at most; what this server itself revokes is gone at once.

        Errors: Unauthenticated (auth_required, session_expired, user_inactive), Invalid (ambiguous_credentials);
        a database that cannot be reached is Unavailable, never Unauthenticated.
        """
        credential, is_cookie = _only_one(credentials)
        key = digest(f"cookie {credential}" if is_cookie else f"token {credential}")
        actor = self._cache.get(key)
        if actor is None:
            actor = await self._look_up(key, credential, is_cookie=is_cookie)
        return actor

    def check_csrf(self, actor: Actor, credentials: Credentials, token: str | None) -> None:
        """For requests that change state: an actor who came with a cookie must also show its CSRF token.

        Errors: Forbidden (csrf_invalid).
        """
        if actor.credential is not CredentialKind.SESSION:
            return
        cookie = credentials.cookie
        if not cookie or not token or not self._secrets.is_csrf_token(token, cookie=cookie):
            raise Forbidden("The CSRF token is missing or wrong. Reload the page.", code="csrf_invalid")

    async def _look_up(self, key: str, credential: str, *, is_cookie: bool) -> Actor:
        version = self._cache.version
        if is_cookie:
            found = await self._by_cookie(credential)
        elif credential.startswith(PREFIX):
            found = await self._by_api_token(credential)
        else:
            found = await self._by_access_token(credential)
        left = (found.until - self._clock.now()).total_seconds() if found.until else LIFE_SECONDS
        self._cache.put(key, found.actor, version=version, seconds=left)
        self._presence.note(found.actor)
        return found.actor

    async def _by_cookie(self, cookie: str) -> _Found:
        async with self._database.read() as connection:
            holder = await session_store.holder_by_cookie(connection, digest(cookie))
        return self._session_actor(holder, CredentialKind.SESSION)

    async def _by_access_token(self, token: str) -> _Found:
        claims = await self._tokens.claims(token)
        async with self._database.read() as connection:
            holder = await session_store.holder_by_uid(connection, claims.session_uid)
        if holder is not None and holder.user_uid != claims.user_uid:
            raise Unauthenticated("This access token is not valid here.")
        found = self._session_actor(holder, CredentialKind.ACCESS_TOKEN)
        return _Found(found.actor, min(claims.expires_at, found.until or claims.expires_at))

    def _session_actor(self, holder: Holder | None, kind: CredentialKind) -> _Found:
        alive = check_alive(holder, now=self._clock.now(), policy=self._policy)
        session = alive.session
        actor = Actor(
            user_id=session.user_id,
            user_uid=alive.user_uid,
            role=alive.role,
            credential=kind,
            credential_id=session.id,
            scopes=_within_role(frozenset(Scope), alive.role),
        )
        return _Found(actor, min(session.expires_at, session.last_seen_at + self._policy.session_idle))

    async def _by_api_token(self, token: str) -> _Found:
        async with self._database.read() as connection:
            holder = await token_store.token_holder(connection, digest(token))
        return self._token_actor(holder)

    def _token_actor(self, holder: TokenHolder | None) -> _Found:
        if holder is not None and holder.status is not UserStatus.ACTIVE:
            raise inactive()
        if holder is None or holder.revoked:
            raise Unauthenticated("This API token is not valid (any more).")
        token = holder.token
        if token.expires_at is not None and token.expires_at <= self._clock.now():
            raise Unauthenticated("This API token has expired.", code="session_expired")
        actor = Actor(
            user_id=token.user_id,
            user_uid=holder.user_uid,
            role=holder.role,
            credential=CredentialKind.API_TOKEN,
            credential_id=token.id,
            scopes=_within_role(token.scopes, holder.role),
        )
        return _Found(actor, token.expires_at)


def _only_one(credentials: Credentials) -> tuple[str, bool]:
    """The one credential and whether it is the cookie; the same token in both headers counts as one."""
    tokens = {token for token in (credentials.bearer, credentials.api_key) if token}
    if len(tokens) + bool(credentials.cookie) > 1:
        raise Invalid("Send one credential: a cookie, or a token.", code="ambiguous_credentials")
    if credentials.cookie:
        return credentials.cookie, True
    if tokens:
        return tokens.pop(), False
    raise Unauthenticated("Sign in first.")


def _within_role(scopes: frozenset[Scope], role: Role) -> frozenset[Scope]:
    """A token keeps its scopes when its maker stops being an admin, but they no longer make it one's."""
    return scopes if role is Role.ADMIN else scopes - {Scope.ADMIN}
