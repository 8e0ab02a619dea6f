"""Users: themselves, and what an admin may do to them."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, invite_store, session_store, store, token_store
from hearthside.accounts.attempts import Attempts
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.model import NOWHERE, Action, Origin, User, UserStatus
from hearthside.accounts.passwords import KEPT_ELSEWHERE, NOBODYS_HASH, PasswordHasher, checked_password
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, Forbidden, NotFound, Unauthenticated


class Users:
    def __init__(
        self, database: Database, clock: Clock, *, hasher: PasswordHasher, attempts: Attempts, cache: ActorCache
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._cache = cache

    async def get(self, actor: Actor) -> User:
        async with self._database.read() as connection:
            user = await store.user_by_id(connection, actor.user_id)
        if user is None:
            raise Unauthenticated("This account is gone.")
        return user

    async def list(self, actor: Actor) -> list[User]:
        actor.require_admin()
        async with self._database.read() as connection:
            return await store.all_users(connection)

    async def update(
        self, actor: Actor, user_id: int, *, role: Role | None, status: UserStatus | None, origin: Origin = NOWHERE
    ) -> User:
        """Sets role and status (None: as it is).

        A change of rights ends the user's sessions, so that no session id outlives it; disabling also ends their API
        tokens; who is no longer an admin loses the invites that nobody has used yet.
        Errors: Forbidden (admin_required), NotFound (user_not_found), Conflict (last_admin).
        """
        actor.require_admin()
        try:
            async with self._database.write() as connection:
                admins = await store.lock_active_admins(connection)
                before = await store.user_by_id(connection, user_id)
                if before is None:
                    raise NotFound("There is no such user.", code="user_not_found")
                after = replace(before, role=role or before.role, status=status or before.status)
                if after != before:
                    _check_admin_left(admins, after)
                    await self._set_rights(connection, before, after, at=self._clock.now())
                    await self._record(connection, actor, before, after, origin)
        finally:
            self._cache.forget_user(user_id)
        return after

    async def _set_rights(self, connection: AsyncConnection, before: User, after: User, *, at: datetime) -> None:
        # The user's row first: see store.record_login.
        await store.set_rights(connection, after.id, role=after.role, status=after.status)
        await session_store.end_sessions(connection, after.id, at=at)
        if after.status is not UserStatus.ACTIVE:
            await token_store.revoke_tokens(connection, after.id, at=at)
        if _is_admin(before) and not _is_admin(after):
            await invite_store.remove_unused_invites(connection, after.id)

    async def _record(
        self, connection: AsyncConnection, actor: Actor, before: User, after: User, origin: Origin
    ) -> None:
        changes = {"role": (before.role, after.role), "status": (before.status, after.status)}
        await audit_store.record(
            connection,
            Action.USER_UPDATED,
            at=self._clock.now(),
            by=actor.user_id,
            origin=origin,
            target=after.uid,
            detail={name: f"{old} → {new}" for name, (old, new) in changes.items() if old != new},
        )

    async def change_password(self, actor: Actor, *, current: str, new: str, origin: Origin = NOWHERE) -> None:
        """Ends the user's other sessions. Errors: Forbidden (wrong_password, password_elsewhere), Invalid, …"""
        actor.require(Scope.WRITE)
        checked_password(new, "new_password")
        await self._attempts.check_user("password", actor.user_id)
        async with self._database.read() as connection:
            known = await store.password_hash(connection, actor.user_id)
        if known == KEPT_ELSEWHERE:
            raise Forbidden("Supabase keeps your password. Change it there.", code="password_elsewhere")
        if not await self._hasher.verify(current, known or NOBODYS_HASH):
            raise Forbidden("The current password is wrong.", code="wrong_password")
        # Of a token, all sessions are others.
        keep = None if actor.credential is CredentialKind.API_TOKEN else actor.credential_id
        await self.set_password(actor.user_id, new, keep_session=keep, by=actor.user_id, origin=origin)

    async def set_password(
        self, user_id: int, password: str, *, keep_session: int | None, by: int | None, origin: Origin
    ) -> None:
        """Without asking for the current one: for those who have proved their right to it otherwise."""
        password_hash = await self._hasher.hash(checked_password(password))
        now = self._clock.now()
        try:
            async with self._database.write() as connection:
                await store.set_password_hash(connection, user_id, password_hash)
                await session_store.end_sessions(connection, user_id, at=now, but=keep_session)
                user = await store.user_by_id(connection, user_id)
                target = user.uid if user else ""
                await audit_store.record(
                    connection, Action.PASSWORD_CHANGED, at=now, by=by, origin=origin, target=target
                )
        finally:
            self._cache.forget_user(user_id)


def _is_admin(user: User) -> bool:
    return user.role is Role.ADMIN and user.status is UserStatus.ACTIVE


def _check_admin_left(admins: set[int], after: User) -> None:
    if admins == {after.id} and not _is_admin(after):
        raise Conflict("This is the last active admin; make another one first.", code="last_admin")
