"""The deletion of accounts in the database: asked for, taken back, due, done.

An account that is due becomes `erasing`, from which there is no way back; emptied of all that was the person's, its row
is `erased`; the row itself goes last.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.audit_store import audit
from hearthside.accounts.invite_store import invite
from hearthside.accounts.model import Action, DeletionState, UserStatus
from hearthside.accounts.profile_store import profile
from hearthside.accounts.session_store import session
from hearthside.accounts.store import deletion_state, user_account
from hearthside.accounts.token_store import api_token

_u, _a = user_account.c, audit.c
_IS_GOING = _u.status.in_([UserStatus.ERASING, UserStatus.ERASED])

# What the person did to somebody or something else: that stays on record.
_ABOUT_OTHERS = (Action.USER_UPDATED, Action.INVITE_CREATED, Action.INVITE_DELETED)


async def request(connection: AsyncConnection, user_id: int, wanted: DeletionState) -> DeletionState:
    """Notes the request and locks the user's row; where one is pending already, that one stays."""
    values = {"deletion_requested_at": wanted.requested_at, "deletion_scheduled_for": wanted.scheduled_for}
    unasked = (_u.id == user_id) & _u.deletion_requested_at.is_(None)
    await connection.execute(sa.update(user_account).where(unasked).values(**values))
    return await pending(connection, user_id) or wanted


async def pending(connection: AsyncConnection, user_id: int) -> DeletionState | None:
    """The deletion that is to come, if any; the user's row is locked until the transaction ends."""
    columns = (_u.deletion_requested_at, _u.deletion_scheduled_for)
    query = sa.select(*columns).where(_u.id == user_id, ~_IS_GOING).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return deletion_state(row) if row else None


async def cancel(connection: AsyncConnection, user_id: int) -> DeletionState | None:
    """The deletion that was pending and is no more; None where there was none."""
    state = await pending(connection, user_id)
    if state is not None:
        cleared = {"deletion_requested_at": None, "deletion_scheduled_for": None}
        await connection.execute(sa.update(user_account).where(_u.id == user_id).values(**cleared))
    return state


async def claim_due(connection: AsyncConnection, *, now: datetime) -> None:
    """From here on there is no way back for those whose time has come."""
    due = (_u.deletion_scheduled_for <= now) & ~_IS_GOING
    await connection.execute(sa.update(user_account).where(due).values(status=UserStatus.ERASING))


async def in_state(connection: AsyncConnection, status: UserStatus) -> list[tuple[int, str]]:
    """(id, uid) of the users in that state."""
    rows = await connection.execute(sa.select(_u.id, _u.uid).where(_u.status == status).order_by(_u.id))
    return [(row.id, row.uid) for row in rows]


async def lock_erasing(connection: AsyncConnection, user_id: int) -> bool:
    """Keeps other processes off this user until the transaction ends; False: one is at it, or it is done."""
    query = sa.select(_u.id).where(_u.id == user_id, _u.status == UserStatus.ERASING).with_for_update(skip_locked=True)
    return (await connection.execute(query)).first() is not None


async def erase(connection: AsyncConnection, user_id: int, uid: str) -> None:
    """Removes all that accounts keep of a user, but for a row that says nothing any more."""
    await _erase_from_audit(connection, user_id, uid)
    for table, owner in ((session, session.c.user_id), (api_token, api_token.c.user_id), (profile, profile.c.user_id)):
        await connection.execute(sa.delete(table).where(owner == user_id))
    await connection.execute(sa.delete(invite).where((invite.c.created_by == user_id) | (invite.c.used_by == user_id)))
    emptied = dict.fromkeys(("username", "username_key", "email", "email_key", "display_name", "last_login_at"))
    values = {"uid": f"erased-{user_id}", "password_hash": "", "status": UserStatus.ERASED}
    await connection.execute(sa.update(user_account).where(_u.id == user_id).values(**emptied, **values))


async def _erase_from_audit(connection: AsyncConnection, user_id: int, uid: str) -> None:
    """What was done and when stays on record; from where and to what of theirs does not."""
    theirs = (_a.actor_user_id == user_id) | (_a.target == uid)
    await connection.execute(sa.update(audit).where(theirs).values(address="", detail={}))
    own = (_a.target == uid) | ((_a.actor_user_id == user_id) & _a.action.not_in(_ABOUT_OTHERS))
    await connection.execute(sa.update(audit).where(own).values(target=""))


async def remove_erased(connection: AsyncConnection, user_ids: Collection[int]) -> list[int]:
    """Removes the emptied rows of these users; returns those that were still there."""
    erased = _u.id.in_(user_ids) & (_u.status == UserStatus.ERASED)
    return list((await connection.execute(sa.delete(user_account).where(erased).returning(_u.id))).scalars())
