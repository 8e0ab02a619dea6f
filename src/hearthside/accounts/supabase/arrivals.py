"""People and sessions of GoTrue's that are seen here for the first time: their rows are made."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, session_store, store
from hearthside.accounts.model import AccountStatus, Action, Origin, User, UserStatus
from hearthside.accounts.names import DISPLAY_NAME_CHARACTERS, checked_display_name, compared
from hearthside.accounts.passwords import KEPT_ELSEWHERE
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.sessions import Opened, Sessions, check_alive, inactive
from hearthside.accounts.supabase.client import GoTrue, Person
from hearthside.accounts.supabase.tokens import SupabaseClaims
from hearthside.kit.actor import Role
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, Forbidden, Invalid, Unauthenticated
from hearthside.settings import SignUp

# GoTrue tells times of sign-ins to the second.
_PRECISION = timedelta(seconds=1)


class Arrivals:
    def __init__(
        self, database: Database, clock: Clock, *, gotrue: GoTrue, sessions: Sessions, policy: AccountPolicy
    ) -> None:
        self._database = database
        self._clock = clock
        self._gotrue = gotrue
        self._sessions = sessions
        self._policy = policy

    async def session(self, claims: SupabaseClaims, access_token: str, origin: Origin) -> Opened:
        """The session of a token that has been checked, made where it was never seen.

        Errors: Unauthenticated (session_expired, user_inactive), Forbidden (sign_up_closed), Conflict (email_exists).
        """
        async with self._database.read() as connection:
            known = await self._known(connection, claims)
        if known is not None:
            return known
        user = await self.user(claims, access_token, origin)
        async with self._database.write() as connection:
            return await self._open(connection, user.id, claims, origin)

    async def user(self, claims: SupabaseClaims, access_token: str, origin: Origin) -> User:
        """The user, made where they were never seen. GoTrue is asked about a new one: a token outlives its user."""
        async with self._database.read() as connection:
            user = await store.user_by_uid(connection, claims.user_uid)
        if user is not None:
            return user
        if self._policy.sign_up is not SignUp.OPEN:
            raise Forbidden("Signing up is closed on this server.", code="sign_up_closed")
        person = await self._gotrue.person(access_token)
        if person.uid != claims.user_uid or person.email is None:
            raise Unauthenticated("Only accounts with an e-mail address can be used here.")
        async with self._database.write() as connection:
            return await self._add(connection, person, origin)

    async def _known(self, connection: AsyncConnection, claims: SupabaseClaims) -> Opened | None:
        holder = await session_store.holder_by_uid(connection, claims.session_uid)
        if holder is None:
            return None
        if holder.user_uid != claims.user_uid:
            raise Unauthenticated("This access token is not valid here.")
        session = check_alive(holder, now=self._clock.now(), policy=self._policy).session
        user = await store.user_by_id(connection, session.user_id)
        if user is None:
            raise inactive()
        return Opened(session, user, AccountStatus())

    async def _open(self, connection: AsyncConnection, user_id: int, claims: SupabaseClaims, origin: Origin) -> Opened:
        """A session lives from when it began. One that is older than the wish to be deleted does not undo that."""
        user = await store.lock_user(connection, user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise inactive()
        # Somebody with the same token may have been first.
        known = await self._known(connection, claims)
        if known is not None:
            return known
        gone = user.deletion is not None and claims.began_at + _PRECISION <= user.deletion.requested_at
        if gone or claims.began_at + self._policy.session_life <= self._clock.now():
            raise Unauthenticated("Your session has ended. Sign in again.", code="session_expired")
        return await self._sessions.open(
            connection, user, origin, cookie_hash=None, uid=claims.session_uid, began_at=claims.began_at
        )

    async def _add(self, connection: AsyncConnection, person: Person, origin: Origin) -> User:
        now = self._clock.now()
        values = {
            "uid": person.uid,
            "email": person.email,
            "email_key": compared(person.email or ""),
            "display_name": _display_name(person),
            "password_hash": KEPT_ELSEWHERE,
            "role": Role.USER,
            "status": UserStatus.ACTIVE,
            "created_at": now,
        }
        user = await store.add_user(connection, values)
        if user is not None:
            await audit_store.record(connection, Action.SIGN_UP, at=now, by=user.id, origin=origin, target=user.uid)
            return user
        user = await store.user_by_uid(connection, person.uid)
        if user is None:
            raise Conflict("This e-mail address belongs to another account of this server.", code="email_exists")
        return user


def _display_name(person: Person) -> str | None:
    try:
        return checked_display_name((person.full_name or "")[:DISPLAY_NAME_CHARACTERS])
    except Invalid:
        return None
