"""SQL on messages: the nodes of a conversation's tree."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.model import Conversation, Message, MessageRole, MessageStatus
from hearthside.conversations.store import conversation_table
from hearthside.conversations.tree import Tree
from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

# `parent_id` is no foreign key: nothing deletes a message but the end of its conversation, and checking a million rows
# for children then would need an index for nothing else. `user_id` repeats the conversation's: the search is by user.
message_table = sa.Table(
    "message",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("conversation_id", BigId, sa.ForeignKey(conversation_table.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("parent_id", BigId),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("provider_meta", _JSON),
    sa.Column("usage", _JSON),
    sa.Column("metadata", _JSON),
    sa.Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
_m = message_table.c
sa.Index("ix_message_tree", _m.conversation_id, _m.id, _m.parent_id)

_COLUMNS = (
    _m.id, _m.uid, _m.conversation_id, _m.parent_id, _m.role, _m.content, _m.status, _m.provider_meta, _m.usage,
    _m.created_at, _m.metadata,
)  # fmt: skip


def _message(row: sa.Row[*tuple[Any, ...]]) -> Message:
    return Message(
        id=row.id,
        uid=row.uid,
        conversation_id=row.conversation_id,
        parent_id=row.parent_id,
        role=MessageRole(row.role),
        content=row.content,
        status=MessageStatus(row.status),
        provider_meta=row.provider_meta,
        usage=row.usage,
        created_at=row.created_at,
        metadata=row.metadata,
    )


async def insert(
    connection: AsyncConnection,
    conversation: Conversation,
    *,
    parent_id: int | None,
    role: MessageRole,
    content: str,
    now: datetime,
    status: MessageStatus = MessageStatus.COMPLETE,
    provider_meta: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Message:
    rows = await connection.execute(
        sa.insert(message_table)
        .values(
            uid=new_uid(),
            conversation_id=conversation.id,
            user_id=conversation.user_id,
            parent_id=parent_id,
            role=role,
            content=content,
            status=status,
            provider_meta=provider_meta,
            metadata=metadata,
            created_at=now,
        )
        .returning(*_COLUMNS)
    )
    return _message(rows.one())


async def tree(connection: AsyncConnection, conversation_id: int) -> Tree:
    rows = await connection.execute(
        sa.select(_m.id, _m.parent_id).where(_m.conversation_id == conversation_id).order_by(_m.id)
    )
    return {row.id: row.parent_id for row in rows}


async def empty_ids(connection: AsyncConnection, conversation_id: int) -> set[int]:
    """Replies without any text: those that have just begun, or came to nothing."""
    rows = await connection.execute(sa.select(_m.id).where(_m.conversation_id == conversation_id, _m.content == ""))
    return set(rows.scalars())


async def get(connection: AsyncConnection, conversation_id: int, message_id: int) -> Message | None:
    rows = await connection.execute(
        sa.select(*_COLUMNS).where(_m.id == message_id, _m.conversation_id == conversation_id)
    )
    row = rows.first()
    return None if row is None else _message(row)


async def some(connection: AsyncConnection, message_ids: Iterable[int]) -> list[Message]:
    """In the order of their ids, in which a parent stands before its children."""
    rows = await connection.execute(sa.select(*_COLUMNS).where(_m.id.in_(list(message_ids))).order_by(_m.id))
    return [_message(row) for row in rows]


async def begin(connection: AsyncConnection, message_id: int, *, provider_meta: Mapping[str, Any]) -> None:
    """A message that is there already is being written again; what it holds stays."""
    await connection.execute(
        sa.update(message_table)
        .where(_m.id == message_id)
        .values(status=MessageStatus.STREAMING, provider_meta=provider_meta)
    )


async def end(
    connection: AsyncConnection,
    message_id: int,
    *,
    content: str,
    status: MessageStatus,
    provider_meta: Mapping[str, Any],
    usage: Mapping[str, int] | None,
) -> None:
    await connection.execute(
        sa.update(message_table)
        .where(_m.id == message_id)
        .values(content=content, status=status, provider_meta=provider_meta, usage=usage)
    )
