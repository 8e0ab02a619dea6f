"""Invites: codes with which one person each may sign up."""

from datetime import timedelta

from hearthside.accounts import audit_store, invite_store
from hearthside.accounts.model import NOWHERE, Action, Invite, Origin
from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import FieldProblem, Invalid, NotFound
from hearthside.kit.ids import digest, new_secret, new_uid

PREFIX = "hsi_"
LONGEST_HOURS = 24 * 30


class Invites:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, actor: Actor, *, expires_in_hours: int, origin: Origin = NOWHERE) -> tuple[str, Invite]:
        """The code, shown this once, and what is kept of it. Errors: Forbidden (admin_required), Invalid."""
        actor.require_admin()
        return await self.issue(by=actor.user_id, expires_in_hours=expires_in_hours, origin=origin)

    async def issue(self, *, by: int | None, expires_in_hours: int, origin: Origin) -> tuple[str, Invite]:
        """Without asking for a right: `by` None is the command line."""
        if not 1 <= expires_in_hours <= LONGEST_HOURS:
            wanted = f"must be 1 to {LONGEST_HOURS}"
            problem = FieldProblem(where="expires_in_hours", message=wanted)
            raise Invalid(f"expires_in_hours {wanted}.", fields=[problem])
        code, now = new_secret(PREFIX), self._clock.now()
        values = {
            "uid": new_uid(),
            "code_hash": digest(code),
            "created_by": by,
            "created_at": now,
            "expires_at": now + timedelta(hours=expires_in_hours),
        }
        async with self._database.write() as connection:
            invite = await invite_store.add_invite(connection, values)
            await audit_store.record(connection, Action.INVITE_CREATED, at=now, by=by, origin=origin, target=invite.uid)
        return code, invite

    async def list(self, actor: Actor) -> list[Invite]:
        actor.require_admin()
        async with self._database.read() as connection:
            return await invite_store.all_invites(connection)

    async def delete(self, actor: Actor, invite_id: int, *, origin: Origin = NOWHERE) -> None:
        """Errors: Forbidden (admin_required), NotFound (invite_not_found)."""
        actor.require_admin()
        async with self._database.write() as connection:
            if not await invite_store.remove_invite(connection, invite_id):
                raise NotFound("There is no such invite.", code="invite_not_found")
            await audit_store.record(
                connection,
                Action.INVITE_DELETED,
                at=self._clock.now(),
                by=actor.user_id,
                origin=origin,
                target=str(invite_id),
            )
