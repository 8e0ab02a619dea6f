"""SQL on conversations. Messages, generations, workspaces and the search have their own `*_store.py` beside it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.model import Conversation, InlineModel
from hearthside.conversations.workspace_store import workspace_table
from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid
from hearthside.kit.pages import Key

# `leaf_id` is no foreign key: the messages point here already, and they go with the conversation.
conversation_table = sa.Table(
    "conversation",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("workspace_id", BigId, sa.ForeignKey(workspace_table.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("title", sa.String(500), nullable=False),
    sa.Column("leaf_id", BigId),
    sa.Column("model_config_uid", sa.String(36)),
    sa.Column("settings", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
_c = conversation_table.c
sa.Index("ix_conversation_recent", _c.user_id, _c.updated_at, _c.id)
sa.Index("ix_conversation_workspace", _c.workspace_id, _c.updated_at, _c.id)

_COLUMNS = (
    _c.id, _c.uid, _c.user_id, _c.workspace_id, _c.title, _c.leaf_id, _c.created_at, _c.updated_at,
    _c.model_config_uid, _c.settings,
)  # fmt: skip


def _conversation(row: sa.Row[*tuple[Any, ...]]) -> Conversation:
    *fields, settings = row
    return Conversation(*fields, inline_model=None if settings is None else InlineModel(**settings))


async def insert(
    connection: AsyncConnection, user_id: int, *, workspace_id: int, title: str, now: datetime
) -> Conversation:
    rows = await connection.execute(
        sa.insert(conversation_table)
        .values(uid=new_uid(), user_id=user_id, workspace_id=workspace_id, title=title, created_at=now, updated_at=now)
        .returning(*_COLUMNS)
    )
    return _conversation(rows.one())


async def get(
    connection: AsyncConnection, user_id: int, conversation_id: int, *, lock: bool = False
) -> Conversation | None:
    """`lock`: no other transaction changes its tree until this one ends."""
    query = sa.select(*_COLUMNS).where(_c.id == conversation_id, _c.user_id == user_id)
    row = (await connection.execute(query.with_for_update(key_share=True) if lock else query)).first()
    return None if row is None else _conversation(row)


async def find(connection: AsyncConnection, user_id: int, uid: str) -> Conversation | None:
    query = sa.select(*_COLUMNS).where(_c.uid == uid, _c.user_id == user_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _conversation(row)


async def recent(
    connection: AsyncConnection,
    user_id: int,
    *,
    limit: int,
    before: Key | None = None,
    workspace_id: int | None = None,
    among: sa.Select[tuple[int]] | None = None,
) -> list[Conversation]:
    """Newest updated first; `before`: those after this place in the list; `among`: only those whose ids it selects."""
    query = sa.select(*_COLUMNS).where(_c.user_id == user_id)
    if workspace_id is not None:
        query = query.where(_c.workspace_id == workspace_id)
    if among is not None:
        query = query.where(_c.id.in_(among))
    if before is not None:
        place = sa.tuple_(sa.literal(before.at, Instant), sa.literal(before.id, BigId))
        query = query.where(sa.tuple_(_c.updated_at, _c.id) < place)
    rows = await connection.execute(query.order_by(_c.updated_at.desc(), _c.id.desc()).limit(limit))
    return [_conversation(row) for row in rows]


async def rename(
    connection: AsyncConnection, user_id: int, conversation_id: int, *, title: str, now: datetime
) -> Conversation | None:
    return await _change(connection, user_id, conversation_id, {"title": title}, now=now)


async def set_model(
    connection: AsyncConnection,
    user_id: int,
    conversation_id: int,
    *,
    model_config_uid: str | None,
    inline_model: InlineModel | None,
    now: datetime,
) -> Conversation | None:
    settings = None if inline_model is None else asdict(inline_model)
    values = {"model_config_uid": model_config_uid, "settings": settings}
    return await _change(connection, user_id, conversation_id, values, now=now)


async def forget_model(connection: AsyncConnection, user_id: int, model_config_uid: str) -> None:
    await connection.execute(
        sa.update(conversation_table)
        .where(_c.user_id == user_id, _c.model_config_uid == model_config_uid)
        .values(model_config_uid=None)
    )


async def _change(
    connection: AsyncConnection, user_id: int, conversation_id: int, values: Mapping[str, Any], *, now: datetime
) -> Conversation | None:
    rows = await connection.execute(
        sa.update(conversation_table)
        .where(_c.id == conversation_id, _c.user_id == user_id)
        .values(**values, updated_at=now)
        .returning(*_COLUMNS)
    )
    row = rows.first()
    return None if row is None else _conversation(row)


async def show(connection: AsyncConnection, conversation_id: int, *, leaf_id: int, now: datetime) -> None:
    """Makes the branch that ends with `leaf_id` the one that is shown."""
    await connection.execute(
        sa.update(conversation_table).where(_c.id == conversation_id).values(leaf_id=leaf_id, updated_at=now)
    )


async def touch(connection: AsyncConnection, conversation_id: int, *, now: datetime) -> bool:
    """Notes a change of its messages, and locks it. False: there is no such conversation any more."""
    touched = await connection.execute(
        sa.update(conversation_table).where(_c.id == conversation_id).values(updated_at=now)
    )
    return touched.rowcount == 1


async def lock(connection: AsyncConnection, conversation_id: int) -> None:
    """No other transaction changes it until this one ends. Locked before anything in it, always."""
    await connection.execute(sa.select(_c.id).where(_c.id == conversation_id).with_for_update(key_share=True))


async def delete(connection: AsyncConnection, user_id: int, conversation_id: int) -> bool:
    """Deletes it with its messages and generations."""
    deleted = await connection.execute(
        sa.delete(conversation_table).where(_c.id == conversation_id, _c.user_id == user_id)
    )
    return deleted.rowcount == 1
