"""Sessions: begun by a sign-in, listed as devices, ended one by one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, session_store, store, token_store
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.deletion import cancel_in
from hearthside.accounts.model import (
    NOWHERE,
    AccountStatus,
    Action,
    NewSession,
    Origin,
    Session,
    User,
    UserStatus,
)
from hearthside.accounts.names import cut_user_agent, is_uid
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.accounts.session_store import Holder
from hearthside.kit.actor import Actor, CredentialKind, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, NotFound, Unauthenticated
from hearthside.kit.ids import digest, new_secret, new_uid
from hearthside.kit.limits import address_key


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just made, and its user as of now."""

    session: Session
    user: User
    account_status: AccountStatus


class Sessions:
    def __init__(
        self, database: Database, clock: Clock, *, secrets: SessionSecrets, policy: AccountPolicy, cache: ActorCache
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._policy = policy
        self._cache = cache

    async def start(self, user: User, origin: Origin) -> NewSession:
        """A session for somebody who has just proved who they are. Errors: Unauthenticated (user_inactive)."""
        async with self._database.write() as connection:
            return await self.start_in(connection, user, origin)

    async def start_in(
        self, connection: AsyncConnection, user: User, origin: Origin, *, password_hash: str | None = None
    ) -> NewSession:
        """A session with a cookie, in the caller's transaction."""
        cookie = new_secret()
        cookie_hash = digest(cookie)
        opened = await self.open(connection, user, origin, cookie_hash=cookie_hash, password_hash=password_hash)
        return NewSession(
            opened.session,
            opened.user,
            cookie=cookie,
            csrf_token=self._secrets.csrf_token(cookie_hash),
            account_status=opened.account_status,
        )

    async def open(
        self,
        connection: AsyncConnection,
        user: User,
        origin: Origin,
        *,
        cookie_hash: str | None,
        password_hash: str | None = None,
        uid: str | None = None,
        began_at: datetime | None = None,
    ) -> Opened:
        """Every way of signing in ends here. `password_hash` is the one that was verified, where one was; `uid` and
        `began_at` are those of a session that was begun elsewhere.

        A deletion of the account that is pending is cancelled.
        """
        now = self._clock.now()
        if not await store.record_login(connection, user.id, at=now, hashed=password_hash):
            raise Unauthenticated("This account has changed just now. Sign in again.", code="user_inactive")
        canceled = await cancel_in(connection, user.id, user.uid, clock=self._clock, origin=origin)
        await session_store.remove_dead_sessions(connection, user.id, before=now - self._policy.session_life)
        row = self._new_row(user, origin, now=now, began_at=began_at or now)
        values = row | {"uid": uid or new_uid(), "token_hash": cookie_hash}
        session = await session_store.add_session(connection, values)
        await audit_store.record(connection, Action.SIGN_IN, at=now, by=user.id, origin=origin, target=user.uid)
        current = await store.user_by_id(connection, user.id)
        return Opened(session, current or user, AccountStatus(canceled=canceled))

    def _new_row(self, user: User, origin: Origin, *, now: datetime, began_at: datetime) -> dict[str, object]:
        return {
            "user_id": user.id,
            "created_at": began_at,
            "last_seen_at": now,
            "expires_at": began_at + self._policy.session_life,
            "user_agent": cut_user_agent(origin.user_agent),
            "address": origin.address[:64],
            "network": address_key(origin.address)[:64],
        }

    async def sign_out(self, actor: Actor, origin: Origin = NOWHERE) -> int:
        """Ends the credential that the actor came with; returns how many were ended (0: it had ended before)."""
        now = self._clock.now()
        end = token_store.revoke_token if actor.credential is CredentialKind.API_TOKEN else session_store.end_session
        try:
            async with self._database.write() as connection:
                ended = await end(connection, actor.credential_id, at=now)
                await audit_store.record(
                    connection, Action.SIGN_OUT, at=now, by=actor.user_id, origin=origin, target=actor.user_uid
                )
        finally:
            self._cache.forget_user(actor.user_id)
        return ended

    async def csrf_token(self, actor: Actor) -> str:
        """The token that goes with the actor's cookie. Errors: Invalid where they did not come with a cookie."""
        async with self._database.read() as connection:
            cookie_hash = await session_store.cookie_hash(connection, actor.credential_id)
        if actor.credential is not CredentialKind.SESSION or cookie_hash is None:
            raise Invalid("Only sessions of a browser have a CSRF token.")
        return self._secrets.csrf_token(cookie_hash)

    async def list(self, actor: Actor) -> list[Session]:
        """The actor's own sessions that have not ended, the latest seen first."""
        actor.require(Scope.READ)
        now = self._clock.now()
        async with self._database.read() as connection:
            return await session_store.live_sessions(
                connection, actor.user_id, now=now, seen_after=now - self._policy.session_idle
            )

    async def end(self, actor: Actor, uid: str, origin: Origin = NOWHERE) -> None:
        """Errors: NotFound (session_not_found)."""
        actor.require(Scope.WRITE)
        if not is_uid(uid):
            raise _no_such_session()
        now = self._clock.now()
        try:
            async with self._database.write() as connection:
                if not await session_store.end_session_by_uid(connection, uid, user_id=actor.user_id, at=now):
                    raise _no_such_session()
                await audit_store.record(
                    connection, Action.SESSION_ENDED, at=now, by=actor.user_id, origin=origin, target=uid
                )
        finally:
            self._cache.forget_user(actor.user_id)

    async def end_others(self, actor: Actor, origin: Origin = NOWHERE) -> int:
        """Ends all sessions of the actor but the one that they came with; how many."""
        actor.require(Scope.WRITE)
        own = None if actor.credential is CredentialKind.API_TOKEN else actor.credential_id
        now = self._clock.now()
        try:
            async with self._database.write() as connection:
                ended = await session_store.end_sessions(connection, actor.user_id, at=now, but=own)
                await audit_store.record(
                    connection, Action.SESSION_ENDED, at=now, by=actor.user_id, origin=origin, target=actor.user_uid
                )
        finally:
            self._cache.forget_user(actor.user_id)
        return ended


def check_alive(holder: Holder | None, *, now: datetime, policy: AccountPolicy) -> Holder:
    """The holder, if their session still counts. Errors: Unauthenticated (session_expired, user_inactive)."""
    if holder is not None and holder.status is not UserStatus.ACTIVE:
        raise inactive()
    if (
        holder is None
        or holder.ended
        or holder.session.expires_at <= now
        or holder.session.last_seen_at + policy.session_idle <= now
    ):
        raise Unauthenticated("Your session has ended. Sign in again.", code="session_expired")
    return holder


def _no_such_session() -> NotFound:
    return NotFound("There is no such session.", code="session_not_found")


def inactive() -> Unauthenticated:
    return Unauthenticated("This account is disabled. Ask an admin of this server.", code="user_inactive")
