"""Sessions and their refresh tokens in the database.

A session and the refresh tokens that descend from its sign-in are one family: they end together, by the session's
`ended_at`. Ended rows stay for a while, so that an old token is known to be an old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import Session, UserStatus
from hearthside.accounts.store import user_account
from hearthside.kit.actor import Role
from hearthside.kit.db import BigId, Instant, metadata

# `token_hash` is that of the cookie; a session that was made for a token pair has none.
# `network` is the address as limits see it (kit.limits.address_key).
session = sa.Table(
    "session",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, sa.ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("token_hash", sa.String(64), unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("user_agent", sa.String(300), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("network", sa.String(64), nullable=False),
    sqlite_autoincrement=True,
)

# `used_at` is set once, when the token was exchanged for its child.
refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("session_id", BigId, sa.ForeignKey("session.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sqlite_autoincrement=True,
)

_SEEN = [column for column in session.c if column.name not in {"token_hash", "ended_at", "network"}]


@dataclass(frozen=True, slots=True)
class Holder:
    """A session with what decides whether it still counts, and for whom."""

    session: Session
    ended: bool
    user_uid: str
    role: Role
    status: UserStatus


@dataclass(frozen=True, slots=True)
class StoredRefresh:
    id: int
    session_id: int
    used_at: datetime | None


async def add_session(connection: AsyncConnection, values: Mapping[str, Any]) -> Session:
    row = (await connection.execute(sa.insert(session).values(**values).returning(*_SEEN))).one()
    return _session(row)


async def holder_by_cookie(connection: AsyncConnection, token_hash: str) -> Holder | None:
    return await _holder(connection, session.c.token_hash == token_hash)


async def holder_by_uid(connection: AsyncConnection, uid: str) -> Holder | None:
    return await _holder(connection, session.c.uid == uid)


async def holder_by_id(connection: AsyncConnection, session_id: int) -> Holder | None:
    return await _holder(connection, session.c.id == session_id)


async def _holder(connection: AsyncConnection, where: sa.ColumnElement[bool]) -> Holder | None:
    owner = [user_account.c.uid.label("user_uid"), user_account.c.role, user_account.c.status]
    query = sa.select(*_SEEN, session.c.ended_at, *owner).join(user_account, user_account.c.id == session.c.user_id)
    row = (await connection.execute(query.where(where))).one_or_none()
    if row is None:
        return None
    return Holder(
        session=_session(row),
        ended=row.ended_at is not None,
        user_uid=row.user_uid,
        role=Role(row.role),
        status=UserStatus(row.status),
    )


async def cookie_hash(connection: AsyncConnection, session_id: int) -> str | None:
    query = sa.select(session.c.token_hash).where(session.c.id == session_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def live_sessions(
    connection: AsyncConnection, user_id: int, *, now: datetime, seen_after: datetime
) -> list[Session]:
    """The sessions of a user that still count, the latest seen first."""
    lives = session.c.ended_at.is_(None) & (session.c.expires_at > now) & (session.c.last_seen_at > seen_after)
    query = sa.select(*_SEEN).where(session.c.user_id == user_id, lives).order_by(session.c.last_seen_at.desc())
    return [_session(row) for row in await connection.execute(query)]


async def network_is_known(connection: AsyncConnection, user_id: int, network: str) -> bool:
    """Whether the user has signed in from there before (as far back as sessions are kept)."""
    query = sa.select(session.c.id).where(session.c.user_id == user_id, session.c.network == network).limit(1)
    return (await connection.execute(query)).first() is not None


async def end_session(connection: AsyncConnection, session_id: int, *, at: datetime) -> int:
    """How many were ended: 1, or 0 where it had ended before."""
    return await _end(connection, session.c.id == session_id, at=at)


async def end_session_by_uid(connection: AsyncConnection, uid: str, *, user_id: int, at: datetime) -> int:
    return await _end(connection, (session.c.uid == uid) & (session.c.user_id == user_id), at=at)


async def end_sessions(connection: AsyncConnection, user_id: int, *, at: datetime, but: int | None = None) -> int:
    """Ends all sessions of a user, but for the one with the id `but`."""
    return await _end(connection, (session.c.user_id == user_id) & (session.c.id != (but or 0)), at=at)


async def _end(connection: AsyncConnection, where: sa.ColumnElement[bool], *, at: datetime) -> int:
    statement = sa.update(session).where(where, session.c.ended_at.is_(None)).values(ended_at=at)
    return (await connection.execute(statement)).rowcount


async def touch_sessions(connection: AsyncConnection, seen: Mapping[int, datetime]) -> None:
    """Stores when sessions (by id) were last seen; never moves a time back."""
    statement = sa.update(session).where(
        session.c.id == sa.bindparam("of"), session.c.last_seen_at < sa.bindparam("at", type_=Instant)
    )
    rows = [{"of": session_id, "at": at} for session_id, at in sorted(seen.items())]
    await connection.execute(statement.values(last_seen_at=sa.bindparam("at", type_=Instant)), rows)


async def remove_dead_sessions(connection: AsyncConnection, user_id: int, *, before: datetime) -> None:
    """Forgets the sessions of a user that ended or expired before then, with their refresh tokens."""
    dead = sa.or_(session.c.expires_at < before, session.c.ended_at < before)
    await connection.execute(sa.delete(session).where(session.c.user_id == user_id, dead))


async def add_refresh_token(connection: AsyncConnection, session_id: int, token_hash: str, *, at: datetime) -> None:
    values = {"session_id": session_id, "token_hash": token_hash, "created_at": at}
    await connection.execute(sa.insert(refresh_token).values(**values))


async def lock_refresh_token(connection: AsyncConnection, token_hash: str) -> StoredRefresh | None:
    """The token, locked until the transaction ends (SQLite has one writer at a time anyway)."""
    columns = [refresh_token.c.id, refresh_token.c.session_id, refresh_token.c.used_at]
    query = sa.select(*columns).where(refresh_token.c.token_hash == token_hash).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return StoredRefresh(id=row.id, session_id=row.session_id, used_at=row.used_at) if row else None


async def use_refresh_token(connection: AsyncConnection, token_id: int, *, at: datetime) -> None:
    await connection.execute(sa.update(refresh_token).where(refresh_token.c.id == token_id).values(used_at=at))


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        id=row.id,
        uid=row.uid,
        user_id=row.user_id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        user_agent=row.user_agent,
        address=row.address,
    )
