"""SQL on workspaces."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.model import Workspace
from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid

workspace_table = sa.Table(
    "workspace",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_workspace_user", workspace_table.c.user_id, workspace_table.c.id)
_IS_DEFAULT = workspace_table.c.is_default.is_(True)
sa.Index(
    "ux_workspace_default",
    workspace_table.c.user_id,
    unique=True,
    sqlite_where=_IS_DEFAULT,
    postgresql_where=_IS_DEFAULT,
)

_w = workspace_table.c
_COLUMNS = (_w.id, _w.uid, _w.user_id, _w.name, _w.created_at, _w.updated_at)


async def insert(
    connection: AsyncConnection, user_id: int, *, name: str, now: datetime, is_default: bool = False
) -> Workspace:
    rows = await connection.execute(
        sa.insert(workspace_table)
        .values(uid=new_uid(), user_id=user_id, name=name, is_default=is_default, created_at=now, updated_at=now)
        .returning(*_COLUMNS)
    )
    return Workspace(*rows.one())


async def ensure_default(connection: AsyncConnection, user_id: int, *, name: str, now: datetime) -> Workspace:
    """The user's default workspace, made when it is first asked for."""
    query = sa.select(*_COLUMNS).where(_w.user_id == user_id, _IS_DEFAULT)
    row = (await connection.execute(query)).first()
    if row is None:
        insert_ = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        values = {"uid": new_uid(), "user_id": user_id, "name": name, "is_default": True}
        await connection.execute(
            insert_(workspace_table).values(**values, created_at=now, updated_at=now).on_conflict_do_nothing()
        )
        row = (await connection.execute(query)).one()
    return Workspace(*row)


async def lock_user(connection: AsyncConnection, user_id: int) -> None:
    """Until the transaction ends, others that lock the same user wait: the user's default workspace stands for them."""
    await connection.execute(sa.select(_w.id).where(_w.user_id == user_id, _IS_DEFAULT).with_for_update(key_share=True))


async def get(connection: AsyncConnection, user_id: int, workspace_id: int) -> Workspace | None:
    rows = await connection.execute(sa.select(*_COLUMNS).where(_w.id == workspace_id, _w.user_id == user_id))
    row = rows.first()
    return None if row is None else Workspace(*row)


async def of_user(connection: AsyncConnection, user_id: int) -> list[Workspace]:
    rows = await connection.execute(sa.select(*_COLUMNS).where(_w.user_id == user_id).order_by(_w.id))
    return [Workspace(*row) for row in rows]


async def rename(
    connection: AsyncConnection, user_id: int, workspace_id: int, *, name: str, now: datetime
) -> Workspace | None:
    rows = await connection.execute(
        sa.update(workspace_table)
        .where(_w.id == workspace_id, _w.user_id == user_id)
        .values(name=name, updated_at=now)
        .returning(*_COLUMNS)
    )
    row = rows.first()
    return None if row is None else Workspace(*row)


async def delete(connection: AsyncConnection, user_id: int, workspace_id: int) -> bool:
    """Deletes it with its conversations; False for the default one, another user's, or none."""
    deleted = await connection.execute(
        sa.delete(workspace_table).where(_w.id == workspace_id, _w.user_id == user_id, sa.not_(_IS_DEFAULT))
    )
    return deleted.rowcount == 1
