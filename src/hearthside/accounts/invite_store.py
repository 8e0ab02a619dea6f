"""Invites, and the token that makes the first admin, in the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import Invite
from hearthside.accounts.store import insert_or_nothing
from hearthside.kit.db import BigId, Instant, metadata

invite = sa.Table(
    "invite",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("code_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_by", BigId, sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_by", BigId, sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True),
    sa.Column("used_at", Instant),
    sqlite_autoincrement=True,
)

# At most one row, with the id 1.
bootstrap = sa.Table(
    "bootstrap",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

_SEEN = [column for column in invite.c if column.name != "code_hash"]


async def add_invite(connection: AsyncConnection, values: Mapping[str, Any]) -> Invite:
    return _invite((await connection.execute(sa.insert(invite).values(**values).returning(*_SEEN))).one())


async def all_invites(connection: AsyncConnection) -> list[Invite]:
    """The newest first."""
    return [_invite(row) for row in await connection.execute(sa.select(*_SEEN).order_by(invite.c.id.desc()))]


async def invite_is_open(connection: AsyncConnection, code_hash: str, *, now: datetime) -> bool:
    query = sa.select(invite.c.id).where(_is_open(code_hash, now))
    return (await connection.execute(query)).first() is not None


async def claim_invite(connection: AsyncConnection, code_hash: str, *, now: datetime) -> int | None:
    """Marks an open invite as used and returns its id; None where there is none (any more).

    One UPDATE that finds and marks: of many who come at once, one gets it.
    """
    statement = sa.update(invite).where(_is_open(code_hash, now)).values(used_at=now).returning(invite.c.id)
    return (await connection.execute(statement)).scalar_one_or_none()


def _is_open(code_hash: str, now: datetime) -> sa.ColumnElement[bool]:
    return (invite.c.code_hash == code_hash) & invite.c.used_at.is_(None) & (invite.c.expires_at > now)


async def set_invite_user(connection: AsyncConnection, invite_id: int, user_id: int) -> None:
    await connection.execute(sa.update(invite).where(invite.c.id == invite_id).values(used_by=user_id))


async def remove_invite(connection: AsyncConnection, invite_id: int) -> int:
    """How many were removed: 1, or 0 where there is none."""
    return (await connection.execute(sa.delete(invite).where(invite.c.id == invite_id))).rowcount


async def remove_unused_invites(connection: AsyncConnection, created_by: int) -> None:
    unused = (invite.c.created_by == created_by) & invite.c.used_at.is_(None)
    await connection.execute(sa.delete(invite).where(unused))


async def add_bootstrap(connection: AsyncConnection, token_hash: str, *, at: datetime) -> bool:
    """Stores the token where none is stored; False where one is."""
    values = {"id": 1, "token_hash": token_hash, "created_at": at}
    statement = insert_or_nothing(connection, bootstrap).values(**values).returning(bootstrap.c.id)
    return (await connection.execute(statement)).first() is not None


async def replace_bootstrap(connection: AsyncConnection, token_hash: str, *, at: datetime) -> None:
    """Stores the token in the place of any other."""
    values = {"token_hash": token_hash, "created_at": at, "used_at": None}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(bootstrap).values(id=1, **values).on_conflict_do_update(index_elements=["id"], set_=values)
    await connection.execute(statement)


async def claim_bootstrap(connection: AsyncConnection, token_hash: str, *, at: datetime) -> bool:
    """Marks the token as used; False where it is another one or was used. Of many who come at once, one gets it."""
    fits = (bootstrap.c.token_hash == token_hash) & bootstrap.c.used_at.is_(None)
    return (await connection.execute(sa.update(bootstrap).where(fits).values(used_at=at))).rowcount == 1


def _invite(row: sa.Row[Any]) -> Invite:
    return Invite(
        id=row.id,
        uid=row.uid,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_by=row.used_by,
        used_at=row.used_at,
    )
