"""The end of an account: asked for, it ends every way in at once; signing in brings it back, until the grace is over.

The erasing itself is purge.py's.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, deletion_store, invite_store, session_store, store, token_store
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.model import NOWHERE, Action, Cancelled, DeletionState, Origin
from hearthside.accounts.policy import AccountPolicy
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict


class OnDeletion(Protocol):
    """Whoever runs something for people, and has to stop it when they ask to be deleted."""

    async def stop_all(self, connection: AsyncConnection, user_id: int) -> Callable[[], None]:
        """Asks everything that runs for the user to stop, in the transaction of the request.

        What it returns is called after the commit.
        """
        ...


class Deletion:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        policy: AccountPolicy,
        cache: ActorCache,
        runners: Sequence[OnDeletion] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._cache = cache
        self._runners = runners

    async def request(self, actor: Actor, *, origin: Origin = NOWHERE) -> DeletionState:
        """Ends every session, token and unused invite of the account and what runs for it, in one transaction.

        Asked for again, the first request stands. Errors: Conflict (last_admin).
        """
        actor.require(Scope.WRITE)
        try:
            async with self._database.write() as connection:
                await self._check_admin_left(connection, actor)
                state = await self._request_in(connection, actor, origin)
                announcements = [await runner.stop_all(connection, actor.user_id) for runner in self._runners]
        finally:
            self._cache.forget_user(actor.user_id)
        for announce in announcements:
            announce()
        return state

    async def cancel(self, actor: Actor, *, origin: Origin = NOWHERE) -> Cancelled:
        """Keeps the account. Every sign-in does the same, so that there is rarely something left to cancel."""
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            state = await cancel_in(connection, actor.user_id, actor.user_uid, clock=self._clock, origin=origin)
        if state is None:
            return Cancelled(canceled=False)
        return Cancelled(
            canceled=True, previous_requested_at=state.requested_at, previous_scheduled_for=state.scheduled_for
        )

    async def _check_admin_left(self, connection: AsyncConnection, actor: Actor) -> None:
        if await store.lock_active_admins(connection) == {actor.user_id}:
            raise Conflict("You are the last active admin; make another one first.", code="last_admin")

    async def _request_in(self, connection: AsyncConnection, actor: Actor, origin: Origin) -> DeletionState:
        now = self._clock.now()
        # The user's row first: see store.record_login.
        wanted = DeletionState(requested_at=now, scheduled_for=now + self._policy.deletion_grace)
        state = await deletion_store.request(connection, actor.user_id, wanted)
        await session_store.end_sessions(connection, actor.user_id, at=now)
        await token_store.revoke_tokens(connection, actor.user_id, at=now)
        await invite_store.remove_unused_invites(connection, actor.user_id)
        if state == wanted:
            await audit_store.record(
                connection,
                Action.DELETION_REQUESTED,
                at=now,
                by=actor.user_id,
                origin=origin,
                target=actor.user_uid,
            )
        return state


async def cancel_in(
    connection: AsyncConnection, user_id: int, user_uid: str, *, clock: Clock, origin: Origin
) -> DeletionState | None:
    """Cancels a pending deletion in the caller's transaction; None where none is pending."""
    state = await deletion_store.cancel(connection, user_id)
    if state is not None:
        await audit_store.record(
            connection, Action.DELETION_CANCELED, at=clock.now(), by=user_id, origin=origin, target=user_uid
        )
    return state
