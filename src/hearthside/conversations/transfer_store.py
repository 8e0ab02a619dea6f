"""SQL for whole conversations: read page by page for an export, written in bulk by an import."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.message_store import message_table
from hearthside.conversations.model import Conversation, InlineModel, MessageRole, MessageStatus
from hearthside.conversations.store import conversation_table
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy, WorkspaceCopy
from hearthside.conversations.workspace_store import workspace_table

_c, _m, _w = conversation_table.c, message_table.c, workspace_table.c
_CONVERSATION = (
    _c.id, _c.uid, _c.user_id, _c.workspace_id, _c.title, _c.leaf_id, _c.created_at, _c.updated_at,
)  # fmt: skip


# Reading


async def workspaces(connection: AsyncConnection, user_id: int) -> list[WorkspaceCopy]:
    query = sa.select(_w.uid, _w.name, _w.is_default, _w.created_at, _w.updated_at)
    rows = await connection.execute(query.where(_w.user_id == user_id).order_by(_w.id))
    return [WorkspaceCopy(*row) for row in rows]


async def conversation_ids(connection: AsyncConnection, user_id: int) -> list[int]:
    """All of them, in the order they were made."""
    return list((await connection.execute(sa.select(_c.id).where(_c.user_id == user_id).order_by(_c.id))).scalars())


async def conversations(
    connection: AsyncConnection, user_id: int, ids: Sequence[int]
) -> list[tuple[int, ConversationCopy]]:
    """Those of the ids that are there and the user's, with their ids, in the order of them."""
    leaf = message_table.alias("leaf")
    query = (
        sa.select(_c.id, _c.uid, _c.title, _w.uid, leaf.c.uid, _c.created_at, _c.updated_at, _c.settings)
        .join(workspace_table, _w.id == _c.workspace_id)
        .outerjoin(leaf, leaf.c.id == _c.leaf_id)
        .where(_c.user_id == user_id, _c.id.in_(ids))
        .order_by(_c.id)
    )
    return [_copy(*row) for row in await connection.execute(query)]


def _copy(id_: int, *row: Any) -> tuple[int, ConversationCopy]:
    *known, settings = row
    return id_, ConversationCopy(*known, inline_model=None if settings is None else InlineModel(**settings))


async def messages(
    connection: AsyncConnection, user_id: int, conversation_id: int, *, after_id: int, limit: int
) -> dict[int, MessageCopy]:
    """The page after message `after_id`: by id, in the order of ids, in which a parent stands before its children."""
    page = _messages(user_id).where(_m.conversation_id == conversation_id, _m.id > after_id).limit(limit)
    return {row[0]: _message(row[1:]) for row in await connection.execute(page)}


async def some_messages(connection: AsyncConnection, user_id: int, ids: Sequence[int]) -> dict[int, MessageCopy]:
    """Those of the ids that are there and the user's: likewise."""
    rows = await connection.execute(_messages(user_id).where(_m.id.in_(ids)))
    return {row[0]: _message(row[1:]) for row in rows}


def _messages(user_id: int) -> sa.Select[*tuple[Any, ...]]:
    parent = message_table.alias("parent")
    return (
        sa.select(
            _m.id,
            _m.uid,
            parent.c.uid,
            _m.role,
            _m.content,
            _m.status,
            _m.provider_meta,
            _m.usage,
            _m.created_at,
            _m.metadata,
        )
        .outerjoin(parent, parent.c.id == _m.parent_id)
        .where(_m.user_id == user_id)
        .order_by(_m.id)
    )


def _message(row: Sequence[Any]) -> MessageCopy:
    key, parent, role, content, status, *rest = row
    return MessageCopy(key, parent, MessageRole(role), content, _settled(MessageStatus(status)), *rest)


def _settled(status: MessageStatus) -> MessageStatus:
    """What is being written here is being written nowhere else, and would never end there."""
    return MessageStatus.INTERRUPTED if status is MessageStatus.STREAMING else status


# Writing


@dataclass(frozen=True, slots=True)
class MessageRow:
    id: int
    uid: str
    parent_id: int | None
    copy: MessageCopy


async def find(connection: AsyncConnection, user_id: int, uids: Collection[str]) -> Conversation | None:
    """The user's conversation with one of these uids, locked: nobody changes its tree until the transaction ends."""
    query = sa.select(*_CONVERSATION).where(_c.uid.in_(uids), _c.user_id == user_id).order_by(_c.id).limit(1)
    row = (await connection.execute(query.with_for_update(key_share=True))).first()
    return None if row is None else Conversation(*row)


async def insert_conversation(
    connection: AsyncConnection, user_id: int, copy: ConversationCopy, *, uid: str, workspace_id: int
) -> Conversation | None:
    """None: another import has just made it."""
    statement = (
        _insert_new(connection, conversation_table)
        .values(
            uid=uid,
            user_id=user_id,
            workspace_id=workspace_id,
            title=copy.title,
            settings=None if copy.inline_model is None else asdict(copy.inline_model),
            created_at=copy.created_at,
            updated_at=copy.updated_at,
        )
        .returning(*_CONVERSATION)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else Conversation(*row)


async def message_ids(connection: AsyncConnection, conversation_id: int) -> dict[str, int]:
    """The ids of a conversation's messages by their uids."""
    rows = await connection.execute(sa.select(_m.uid, _m.id).where(_m.conversation_id == conversation_id))
    return {uid: id_ for uid, id_ in rows}  # noqa: C416 - dict() of rows is unknown to the type checker


async def reserve_message_ids(connection: AsyncConnection, count: int) -> Sequence[int]:
    """Ids that no other message has or will have, rising: known beforehand, so that a page and its parents go in by
    one statement.
    """
    if connection.dialect.name == "postgresql":
        return sorted((await connection.execute(_NEXT_IDS, {"count": count})).scalars())
    last = (await connection.execute(_LAST_ID)).scalar() or 0  # nobody else writes while this transaction lasts
    return range(last + 1, last + 1 + count)


_NEXT_IDS = sa.text("SELECT nextval(pg_get_serial_sequence('message', 'id')) FROM generate_series(1, :count)")
_LAST_ID = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'message'")


async def insert_messages(connection: AsyncConnection, conversation: Conversation, rows: Sequence[MessageRow]) -> None:
    await connection.execute(sa.insert(message_table), [_values(conversation, row) for row in rows])


def _values(conversation: Conversation, row: MessageRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "uid": row.uid,
        "conversation_id": conversation.id,
        "user_id": conversation.user_id,
        "parent_id": row.parent_id,
        "role": row.copy.role,
        "content": row.copy.content,
        "status": _settled(row.copy.status),
        "provider_meta": row.copy.provider_meta,
        "usage": row.copy.usage,
        "metadata": row.copy.metadata,
        "created_at": row.copy.created_at,
    }


async def finish(
    connection: AsyncConnection, conversation_id: int, *, leaf_id: int | None, updated_at: datetime
) -> None:
    await connection.execute(
        sa.update(conversation_table).where(_c.id == conversation_id).values(leaf_id=leaf_id, updated_at=updated_at)
    )


async def workspace_ids(connection: AsyncConnection, user_id: int, uids: Collection[str]) -> dict[str, int]:
    """The ids of those of the user's workspaces that have one of these uids."""
    rows = await connection.execute(sa.select(_w.uid, _w.id).where(_w.user_id == user_id, _w.uid.in_(uids)))
    return {uid: id_ for uid, id_ in rows}  # noqa: C416 - as above


async def insert_workspace(connection: AsyncConnection, user_id: int, copy: WorkspaceCopy, *, uid: str) -> None:
    statement = _insert_new(connection, workspace_table).values(
        uid=uid,
        user_id=user_id,
        name=copy.name,
        is_default=False,
        created_at=copy.created_at,
        updated_at=copy.updated_at,
    )
    await connection.execute(statement)


async def fill_default_workspace(connection: AsyncConnection, workspace_id: int, copy: WorkspaceCopy) -> None:
    """Makes a workspace that holds nothing yet into the copy; one that is in use stays as it is."""
    in_use = sa.exists().where(_c.workspace_id == workspace_id)
    await connection.execute(
        sa.update(workspace_table)
        .where(_w.id == workspace_id, sa.not_(in_use))
        .values(name=copy.name, created_at=copy.created_at, updated_at=copy.updated_at)
    )


def _insert_new(connection: AsyncConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """INSERT … ON CONFLICT DO NOTHING."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
