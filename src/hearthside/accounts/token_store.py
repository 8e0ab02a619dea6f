"""API tokens in the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import ApiToken, UserStatus
from hearthside.accounts.store import user_account
from hearthside.kit.actor import Role, Scope
from hearthside.kit.db import BigId, Instant, metadata

# `scopes` holds the words, separated by blanks.
api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, sa.ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.String(100), nullable=False),
    sa.Column("last_four", sa.String(4), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sqlite_autoincrement=True,
)

_SEEN = [column for column in api_token.c if column.name not in {"token_hash", "revoked_at"}]


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A token with what decides whether it still counts, and for whom."""

    token: ApiToken
    revoked: bool
    user_uid: str
    role: Role
    status: UserStatus


async def add_api_token(
    connection: AsyncConnection, values: Mapping[str, Any], *, scopes: frozenset[Scope]
) -> ApiToken:
    statement = sa.insert(api_token).values(**values, scopes=" ".join(sorted(scopes))).returning(*_SEEN)
    return _token((await connection.execute(statement)).one())


async def token_holder(connection: AsyncConnection, token_hash: str) -> TokenHolder | None:
    owner = [user_account.c.uid.label("user_uid"), user_account.c.role, user_account.c.status]
    query = sa.select(*_SEEN, api_token.c.revoked_at, *owner).where(api_token.c.token_hash == token_hash)
    row = (await connection.execute(query.join(user_account, user_account.c.id == api_token.c.user_id))).one_or_none()
    if row is None:
        return None
    return TokenHolder(
        token=_token(row),
        revoked=row.revoked_at is not None,
        user_uid=row.user_uid,
        role=Role(row.role),
        status=UserStatus(row.status),
    )


async def unrevoked_tokens(connection: AsyncConnection, user_id: int) -> list[ApiToken]:
    """The newest first; those that have expired are among them, so that people see why a program was refused."""
    query = sa.select(*_SEEN).where(api_token.c.user_id == user_id, api_token.c.revoked_at.is_(None))
    return [_token(row) for row in await connection.execute(query.order_by(api_token.c.id.desc()))]


async def count_unrevoked(connection: AsyncConnection, user_id: int) -> int:
    query = sa.select(sa.func.count()).where(api_token.c.user_id == user_id, api_token.c.revoked_at.is_(None))
    return (await connection.execute(query)).scalar_one()


async def token_expiry(connection: AsyncConnection, token_id: int) -> datetime | None:
    return (await connection.execute(sa.select(api_token.c.expires_at).where(api_token.c.id == token_id))).scalar()


async def revoke_token(connection: AsyncConnection, token_id: int, *, at: datetime) -> int:
    """How many were revoked: 1, or 0 where it had been before."""
    return await _revoke(connection, api_token.c.id == token_id, at=at)


async def revoke_token_by_uid(connection: AsyncConnection, uid: str, *, user_id: int, at: datetime) -> int:
    return await _revoke(connection, (api_token.c.uid == uid) & (api_token.c.user_id == user_id), at=at)


async def revoke_tokens(connection: AsyncConnection, user_id: int, *, at: datetime) -> int:
    return await _revoke(connection, api_token.c.user_id == user_id, at=at)


async def _revoke(connection: AsyncConnection, where: sa.ColumnElement[bool], *, at: datetime) -> int:
    statement = sa.update(api_token).where(where, api_token.c.revoked_at.is_(None)).values(revoked_at=at)
    return (await connection.execute(statement)).rowcount


async def touch_tokens(connection: AsyncConnection, used: Mapping[int, datetime]) -> None:
    """Stores when tokens (by id) were last used."""
    statement = sa.update(api_token).where(api_token.c.id == sa.bindparam("of"))
    rows = [{"of": token_id, "at": at} for token_id, at in sorted(used.items())]
    await connection.execute(statement.values(last_used_at=sa.bindparam("at", type_=Instant)), rows)


def _token(row: sa.Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        uid=row.uid,
        user_id=row.user_id,
        name=row.name,
        scopes=frozenset(Scope(word) for word in row.scopes.split()),
        last_four=row.last_four,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )
