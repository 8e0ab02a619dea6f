"""SQL on generations. A running one belongs to the process whose `owner` and `epoch` stand in its row.

Where several processes share a database (PostgreSQL) the owner shows that it lives by a heartbeat in the database's own
time. On SQLite there is one process: whatever another owner left running was left by one that is dead.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.model import Generation, GenerationState, ReplyChoice
from hearthside.conversations.store import conversation_table
from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid

# `claimed`: somebody asked to see the reply. A retry starts one unclaimed, and the next who asks for a reply gets that.
generation_table = sa.Table(
    "generation",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("conversation_id", BigId, sa.ForeignKey(conversation_table.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("prompt_id", BigId, nullable=False),
    sa.Column("message_id", BigId, nullable=False),
    sa.Column("provider_id", sa.String(64), nullable=False),
    sa.Column("model", sa.String(500), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("heartbeat_at", Instant, nullable=False, default=sa.func.now()),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("claimed", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sqlite_autoincrement=True,
)
_g = generation_table.c
_IS_RUNNING = _g.state == sa.literal_column(f"'{GenerationState.RUNNING}'")
_RUNNING_ONLY: dict[str, Any] = {"sqlite_where": _IS_RUNNING, "postgresql_where": _IS_RUNNING}
sa.Index("ix_generation_conversation", _g.conversation_id, _g.id)
sa.Index("ix_generation_message", _g.message_id, _g.id)
sa.Index("ix_generation_running", _g.state, _g.user_id, **_RUNNING_ONLY)
sa.Index("ux_generation_running_message", _g.message_id, unique=True, **_RUNNING_ONLY)

_COLUMNS = (
    _g.id, _g.uid, _g.user_id, _g.conversation_id, _g.prompt_id, _g.message_id, _g.provider_id, _g.model, _g.state,
    _g.error_code, _g.error_message, _g.owner, _g.epoch, _g.created_at, _g.finished_at,
)  # fmt: skip


def _generation(row: sa.Row[*tuple[Any, ...]]) -> Generation:
    return replace(Generation(*row), state=GenerationState(row.state))


async def insert(
    connection: AsyncConnection,
    *,
    user_id: int,
    conversation_id: int,
    prompt_id: int,
    message_id: int,
    choice: ReplyChoice,
    owner: str,
    claimed: bool,
    now: datetime,
) -> Generation:
    rows = await connection.execute(
        sa.insert(generation_table)
        .values(
            uid=new_uid(),
            user_id=user_id,
            conversation_id=conversation_id,
            prompt_id=prompt_id,
            message_id=message_id,
            provider_id=choice.provider_id,
            model=choice.model,
            state=GenerationState.RUNNING,
            owner=owner,
            epoch=1,
            claimed=claimed,
            created_at=now,
        )
        .returning(*_COLUMNS)
    )
    return _generation(rows.one())


async def find(connection: AsyncConnection, user_id: int, uid: str) -> Generation | None:
    return await _first(connection, _g.uid == uid, _g.user_id == user_id)


async def get(connection: AsyncConnection, generation_id: int) -> Generation | None:
    return await _first(connection, _g.id == generation_id)


async def running_for(connection: AsyncConnection, conversation_id: int, *, leaf_id: int) -> Generation | None:
    """The newest one that is filling this message, or answering it."""
    return await _first(
        connection,
        _g.conversation_id == conversation_id,
        _IS_RUNNING,
        sa.or_(_g.message_id == leaf_id, _g.prompt_id == leaf_id),
    )


async def claim(connection: AsyncConnection, *, message_id: int, since: datetime) -> Generation | None:
    """The one that filled this message, if nobody has asked for it yet and it finished after `since`: claimed now."""
    rows = await connection.execute(
        sa.update(generation_table)
        .where(_g.message_id == message_id, _g.claimed.is_(False), _g.finished_at > since)
        .values(claimed=True)
        .returning(*_COLUMNS)
    )
    row = rows.first()
    return None if row is None else _generation(row)


async def mark_claimed(connection: AsyncConnection, generation_id: int) -> None:
    await connection.execute(sa.update(generation_table).where(_g.id == generation_id).values(claimed=True))


async def count_running(connection: AsyncConnection, user_id: int) -> int:
    return (
        await connection.scalar(
            sa.select(sa.func.count()).select_from(generation_table).where(_g.user_id == user_id, _IS_RUNNING)
        )
    ) or 0


async def end(
    connection: AsyncConnection,
    generation: Generation,
    *,
    state: GenerationState,
    error: tuple[str, str] | None,
    now: datetime,
) -> bool:
    """False where it is not running, or not this owner's in this epoch."""
    code, message = error or (None, None)
    ended = await connection.execute(
        sa.update(generation_table)
        .where(_g.id == generation.id, _g.owner == generation.owner, _g.epoch == generation.epoch, _IS_RUNNING)
        .values(state=state, error_code=code, error_message=message, finished_at=now)
    )
    return ended.rowcount == 1


async def request_cancel(connection: AsyncConnection, user_id: int, uid: str) -> bool:
    """Notes the wish in the row, where the owner finds it even if nothing else reaches it. False: none is running."""
    asked = await connection.execute(
        sa.update(generation_table)
        .where(_g.uid == uid, _g.user_id == user_id, _IS_RUNNING)
        .values(cancel_requested=True)
    )
    return asked.rowcount == 1


async def request_cancel_all(connection: AsyncConnection, user_id: int) -> list[str]:
    """The same for all of a user's; the uids of those that run."""
    asked = await connection.execute(
        sa.update(generation_table)
        .where(_g.user_id == user_id, _IS_RUNNING)
        .values(cancel_requested=True)
        .returning(_g.uid)
    )
    return list(asked.scalars())


async def beat(connection: AsyncConnection, owner: str, *, uids: Collection[str]) -> dict[str, bool]:
    """Renews the leases of those that `owner` runs: of each still its own, whether its cancellation was asked for."""
    rows = await connection.execute(
        sa.update(generation_table)
        .where(_g.uid.in_(uids), _g.owner == owner, _IS_RUNNING)
        .values(heartbeat_at=sa.func.now())
        .returning(_g.uid, _g.cancel_requested)
    )
    return {row.uid: row.cancel_requested for row in rows}


async def dead(connection: AsyncConnection, *, owner: str, lease_seconds: float) -> list[Generation]:
    """Running ones whose owner is dead, oldest first."""
    is_dead = _is_dead(connection, owner, lease_seconds)
    rows = await connection.execute(sa.select(*_COLUMNS).where(_IS_RUNNING, is_dead).order_by(_g.id))
    return [_generation(row) for row in rows]


async def take_over(
    connection: AsyncConnection, generation: Generation, *, owner: str, lease_seconds: float
) -> Generation | None:
    """Makes a dead one's owner this one, in a new epoch. None: somebody else did, or its owner lives after all."""
    rows = await connection.execute(
        sa.update(generation_table)
        .where(
            _g.id == generation.id,
            _g.epoch == generation.epoch,
            _IS_RUNNING,
            _is_dead(connection, owner, lease_seconds),
        )
        .values(owner=owner, epoch=_g.epoch + 1, heartbeat_at=sa.func.now())
        .returning(*_COLUMNS)
    )
    row = rows.first()
    return None if row is None else _generation(row)


async def uids(
    connection: AsyncConnection, user_id: int, *, conversation_id: int | None = None, workspace_id: int | None = None
) -> dict[str, bool]:
    """Every generation of a user's conversation or workspace, and whether it runs: what goes when that goes."""
    query = sa.select(_g.uid, _g.state).where(_g.user_id == user_id)
    if conversation_id is not None:
        query = query.where(_g.conversation_id == conversation_id)
    if workspace_id is not None:
        conversations = conversation_table.c
        inside = sa.select(conversations.id).where(conversations.workspace_id == workspace_id)
        query = query.where(_g.conversation_id.in_(inside))
    return {row.uid: row.state == GenerationState.RUNNING for row in await connection.execute(query)}


def _is_dead(connection: AsyncConnection, owner: str, lease_seconds: float) -> sa.ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        return _g.heartbeat_at < sa.func.now() - timedelta(seconds=lease_seconds)
    return _g.owner != owner


async def _first(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> Generation | None:
    rows = await connection.execute(sa.select(*_COLUMNS).where(*conditions).order_by(_g.id.desc()).limit(1))
    row = rows.first()
    return None if row is None else _generation(row)
