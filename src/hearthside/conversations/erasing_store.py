"""SQL that removes what a user has here, a part at a time."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.generation_store import generation_table
from hearthside.conversations.message_store import message_table
from hearthside.conversations.store import conversation_table
from hearthside.conversations.workspace_store import workspace_table

_c, _g, _m, _w = conversation_table.c, generation_table.c, message_table.c, workspace_table.c


async def some_conversations(connection: AsyncConnection, user_id: int, *, limit: int) -> Sequence[int]:
    return (await connection.scalars(sa.select(_c.id).where(_c.user_id == user_id).limit(limit))).all()


async def delete_messages(connection: AsyncConnection, conversation_ids: Sequence[int], *, limit: int) -> int:
    """How many were deleted; fewer than `limit`: none is left."""
    some = sa.select(_m.id).where(_m.conversation_id.in_(conversation_ids)).limit(limit)
    return (await connection.execute(sa.delete(message_table).where(_m.id.in_(some)))).rowcount


async def generation_uids(connection: AsyncConnection, conversation_ids: Sequence[int]) -> Sequence[str]:
    return (await connection.scalars(sa.select(_g.uid).where(_g.conversation_id.in_(conversation_ids)))).all()


async def delete_conversations(connection: AsyncConnection, conversation_ids: Sequence[int]) -> None:
    await connection.execute(sa.delete(conversation_table).where(_c.id.in_(conversation_ids)))


async def delete_workspaces(connection: AsyncConnection, user_id: int) -> None:
    await connection.execute(sa.delete(workspace_table).where(_w.user_id == user_id))
