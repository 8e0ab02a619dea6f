"""The audit log in the database: rows are added and read, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import Action, AuditEntry, Origin
from hearthside.kit.db import BigId, Instant, metadata

# No foreign key: what somebody did stays on record when they are gone.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor_user_id", BigId),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("detail", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    sqlite_autoincrement=True,
)

_TARGET_CHARACTERS = 64
_ADDRESS_CHARACTERS = 64


async def record(
    connection: AsyncConnection,
    action: Action,
    *,
    at: datetime,
    by: int | None,
    origin: Origin,
    target: str = "",
    detail: Mapping[str, str] | None = None,
) -> None:
    """Adds one line: `by` is the acting user's id (None: nobody signed in, or the command line), `target` a uid."""
    values = {
        "at": at,
        "actor_user_id": by,
        "action": action,
        "target": target[:_TARGET_CHARACTERS],
        "address": origin.address[:_ADDRESS_CHARACTERS],
        "detail": dict(detail or {}),
    }
    await connection.execute(sa.insert(audit).values(**values))


async def entries(connection: AsyncConnection, *, before_id: int | None, limit: int) -> list[AuditEntry]:
    """The newest first; those older than the line `before_id`."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit.c.id < before_id)
    return [_entry(row) for row in await connection.execute(query)]


def _entry(row: sa.Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor_user_id=row.actor_user_id,
        action=row.action,
        target=row.target,
        address=row.address,
        detail=row.detail,
    )
