"""API tokens: what programs come with."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, token_store
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.model import NOWHERE, Action, ApiToken, Origin
from hearthside.accounts.names import checked_label, is_uid
from hearthside.kit.actor import Actor, CredentialKind, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound
from hearthside.kit.ids import digest, new_secret, new_uid

PREFIX = "hs_"
LONGEST_DAYS = 3650
MOST_PER_USER = 100


class ApiTokens:
    def __init__(self, database: Database, clock: Clock, *, cache: ActorCache) -> None:
        self._database = database
        self._clock = clock
        self._cache = cache

    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        scopes: frozenset[Scope],
        expires_in_days: int | None,
        origin: Origin = NOWHERE,
    ) -> tuple[str, ApiToken]:
        """The token, shown this once, and what is kept of it.

        It can do no more than its maker and, made by another token, lives no longer than that one.
        Errors: Invalid, Forbidden (scope_missing), Conflict (too_many_tokens).
        """
        actor.require(Scope.WRITE)
        _check_scopes(actor, scopes)
        name = checked_label(name, "name")
        secret, now = new_secret(PREFIX), self._clock.now()
        values = {
            "uid": new_uid(),
            "user_id": actor.user_id,
            "name": name,
            "token_hash": digest(secret),
            "last_four": secret[-4:],
            "created_at": now,
        }
        wanted = _expiry(now, expires_in_days)
        async with self._database.write() as connection:
            if await token_store.count_unrevoked(connection, actor.user_id) >= MOST_PER_USER:
                raise Conflict(f"{MOST_PER_USER} tokens are enough; revoke one first.", code="too_many_tokens")
            expires_at = await self._within_maker(connection, actor, wanted)
            token = await token_store.add_api_token(connection, values | {"expires_at": expires_at}, scopes=scopes)
            await audit_store.record(
                connection, Action.API_TOKEN_CREATED, at=now, by=actor.user_id, origin=origin, target=token.uid
            )
        return secret, token

    async def _within_maker(
        self, connection: AsyncConnection, actor: Actor, wanted: datetime | None
    ) -> datetime | None:
        """The expiry that was asked for, or the maker's own where that is a token that ends earlier."""
        if actor.credential is not CredentialKind.API_TOKEN:
            return wanted
        own = await token_store.token_expiry(connection, actor.credential_id)
        return min((moment for moment in (own, wanted) if moment), default=None)

    async def list(self, actor: Actor) -> list[ApiToken]:
        """The actor's own tokens that are not revoked, the newest first."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            return await token_store.unrevoked_tokens(connection, actor.user_id)

    async def revoke(self, actor: Actor, uid: str, *, origin: Origin = NOWHERE) -> None:
        """Errors: NotFound (token_not_found)."""
        actor.require(Scope.WRITE)
        if not is_uid(uid):
            raise _no_such_token()
        now = self._clock.now()
        try:
            async with self._database.write() as connection:
                if not await token_store.revoke_token_by_uid(connection, uid, user_id=actor.user_id, at=now):
                    raise _no_such_token()
                await audit_store.record(
                    connection, Action.API_TOKEN_REVOKED, at=now, by=actor.user_id, origin=origin, target=uid
                )
        finally:
            self._cache.forget_user(actor.user_id)


def _no_such_token() -> NotFound:
    return NotFound("There is no such token.", code="token_not_found")


def _check_scopes(actor: Actor, scopes: frozenset[Scope]) -> None:
    if not scopes:
        raise Invalid("A token needs at least one scope.", fields=[FieldProblem("scopes", "must not be empty")])
    if not scopes <= actor.scopes:
        beyond = ", ".join(sorted(scopes - actor.scopes))
        raise Forbidden(f"You cannot give a token what you may not do yourself: {beyond}.", code="scope_missing")


def _expiry(now: datetime, days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST_DAYS:
        wanted = f"must be 1 to {LONGEST_DAYS}, or null for no end"
        raise Invalid(f"expires_in_days {wanted}.", fields=[FieldProblem("expires_in_days", wanted)])
    return now + timedelta(days=days)
