"""SQL on the keys that belong to one conversation alone; they go with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.store import conversation_table
from hearthside.kit.db import BigId, Instant, metadata

chat_key_table = sa.Table(
    "chat_key",
    metadata,
    sa.Column(
        "conversation_id",
        BigId,
        sa.ForeignKey(conversation_table.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("provider_id", sa.String(64), nullable=False),
    sa.Column("origin", sa.String(300), nullable=False),
    sa.Column("api_key", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)
_k = chat_key_table.c
_COLUMNS = (_k.conversation_id, _k.user_id, _k.provider_id, _k.origin, _k.api_key)


@dataclass(frozen=True, slots=True)
class StoredChatKey:
    """`sealed` is the key as it is stored, encrypted; it was given for `origin`."""

    conversation_id: int
    user_id: int
    provider_id: str
    origin: str
    sealed: str


async def get(connection: AsyncConnection, conversation_id: int) -> StoredChatKey | None:
    row = (await connection.execute(sa.select(*_COLUMNS).where(_k.conversation_id == conversation_id))).first()
    return None if row is None else StoredChatKey(*row)


async def put(connection: AsyncConnection, key: StoredChatKey, *, now: datetime) -> None:
    """In the place of the one that is there. The caller has locked the conversation."""
    await delete(connection, key.conversation_id)
    await connection.execute(
        sa.insert(chat_key_table).values(
            conversation_id=key.conversation_id,
            user_id=key.user_id,
            provider_id=key.provider_id,
            origin=key.origin,
            api_key=key.sealed,
            updated_at=now,
        )
    )


async def delete(connection: AsyncConnection, conversation_id: int) -> None:
    await connection.execute(sa.delete(chat_key_table).where(_k.conversation_id == conversation_id))


async def after(connection: AsyncConnection, conversation_id: int, *, limit: int) -> Sequence[StoredChatKey]:
    """Everybody's, by conversation: for a change of the master key."""
    query = sa.select(*_COLUMNS).where(_k.conversation_id > conversation_id).order_by(_k.conversation_id).limit(limit)
    return [StoredChatKey(*row) for row in await connection.execute(query)]


async def reseal(connection: AsyncConnection, key: StoredChatKey, sealed: str) -> bool:
    """False where the key was changed meanwhile."""
    changed = await connection.execute(
        sa.update(chat_key_table)
        .where(_k.conversation_id == key.conversation_id, _k.api_key == key.sealed)
        .values(api_key=sealed)
    )
    return changed.rowcount == 1
