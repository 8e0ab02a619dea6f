"""The tables of the event log, and the SQL on them: for `kit.events` alone."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import Instant, metadata


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """Event `seq` (1, 2, 3, … without a gap) of a stream. `data` is a JSON object."""

    seq: int
    type: str
    data: Mapping[str, Any]


# `data` is JSON as text and not a JSON column: nothing looks inside it, and JSONB refuses U+0000.
event_table = sa.Table(
    "event",
    metadata,
    sa.Column("stream_id", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("ts", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# `closing_seq` is the first of the events that the closing transaction wrote: those before it go when they are purged.
event_stream_table = sa.Table(
    "event_stream",
    metadata,
    sa.Column("stream_id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("closing_seq", sa.Integer),
    sa.Column("closed_at", Instant),
    sa.Column("purged", sa.Boolean, nullable=False, default=False),
    sqlite_with_rowid=False,
)
sa.Index(
    "ix_event_stream_unpurged",
    event_stream_table.c.closed_at,
    sqlite_where=event_stream_table.c.purged.is_(False),
    postgresql_where=event_stream_table.c.purged.is_(False),
)

_stream, _event = event_stream_table.c, event_table.c
_IDS_PER_STATEMENT = 5000  # both databases take some 32,000 parameters
_INSERT_EVENT = {
    "sqlite": sqlite.insert(event_table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(event_table).on_conflict_do_nothing(),
}


async def create_stream(connection: AsyncConnection, stream_id: str, *, owner: str) -> None:
    await connection.execute(sa.insert(event_stream_table).values(stream_id=stream_id, owner=owner, epoch=1))


async def take_over(connection: AsyncConnection, stream_id: str, *, owner: str) -> tuple[int, int] | None:
    """Raises the epoch of an open stream; (epoch, last seq), or None where there is no such open stream.

    The UPDATE waits for a flush of the old owner that is under way (it holds the row shared) and shuts out all later
    ones, so the last seq that is read after it is the last one there is.
    """
    raised = await connection.execute(
        sa.update(event_stream_table)
        .where(_stream.stream_id == stream_id, _stream.closed_at.is_(None))
        .values(owner=owner, epoch=_stream.epoch + 1)
        .returning(_stream.epoch)
    )
    epoch = raised.scalar()
    if epoch is None:
        return None
    last = await connection.scalar(sa.select(sa.func.max(_event.seq)).where(_event.stream_id == stream_id))
    return epoch, last or 0


# The fence and the rows in one statement: a row goes in only where its stream is open and still this owner's. What is
# there already is this owner's own, of a commit whose answer got lost, and counts as written.
_APPEND_SQLITE = """
INSERT INTO event (stream_id, seq, type, data, ts)
SELECT s.stream_id, json_extract(r.value, '$[1]'), json_extract(r.value, '$[2]'), json_extract(r.value, '$[3]'), ?2
FROM json_each(?1) AS r JOIN event_stream AS s ON s.stream_id = json_extract(r.value, '$[0]')
WHERE s.owner = json_extract(r.value, '$[4]') AND s.epoch = json_extract(r.value, '$[5]') AND s.closed_at IS NULL
ON CONFLICT (stream_id, seq) DO UPDATE SET type = excluded.type
RETURNING stream_id
"""
# All who lock several streams do it in the order of their ids.
_APPEND_POSTGRESQL = """
WITH r AS (
    SELECT value->>0 AS stream_id, (value->>1)::int AS seq, value->>2 AS type, value->>3 AS data, value->>4 AS owner,
           (value->>5)::int AS epoch
    FROM json_array_elements($1::json)
), s AS (
    SELECT stream_id, owner, epoch FROM event_stream
    WHERE stream_id IN (SELECT stream_id FROM r) AND closed_at IS NULL ORDER BY stream_id FOR SHARE
)
INSERT INTO event (stream_id, seq, type, data, ts)
SELECT r.stream_id, r.seq, r.type, r.data, $2 FROM r JOIN s USING (stream_id, owner, epoch)
ON CONFLICT (stream_id, seq) DO UPDATE SET type = excluded.type
RETURNING stream_id
"""

Row = tuple[str, int, str, Mapping[str, Any], str, int]


def to_row(stream_id: str, event: LoggedEvent, *, owner: str, epoch: int) -> Row:
    return stream_id, event.seq, event.type, event.data, owner, epoch


async def append(driver: Any, rows: Sequence[Row], *, on_sqlite: bool, now: datetime) -> set[str]:
    """Writes events of any number of streams, as a transaction of its own, on `Database.driver`.

    Returns the streams that it wrote to; the others have another owner, or are closed, or gone.
    """
    packed = json.dumps(rows)
    if on_sqlite:
        stored = now.replace(tzinfo=None).isoformat(" ", "microseconds")  # as Instant does
        written = await driver.execute_fetchall(_APPEND_SQLITE, (packed, stored))
    else:
        written = await driver.fetch(_APPEND_POSTGRESQL, packed, now)
    return {row[0] for row in written}


async def insert_events(
    connection: AsyncConnection, events: Sequence[tuple[str, LoggedEvent]], *, now: datetime
) -> None:
    """Appends. What is there already is left alone: it is this owner's own, of a commit whose answer got lost."""
    rows = [
        {"stream_id": stream_id, "seq": event.seq, "type": event.type, "data": json.dumps(event.data), "ts": now}
        for stream_id, event in events
    ]
    await connection.execute(_INSERT_EVENT[connection.dialect.name], rows)


async def close_stream(
    connection: AsyncConnection, stream_id: str, *, owner: str, epoch: int, closing_seq: int, now: datetime
) -> bool:
    """False where another owner has the stream, or it is closed."""
    closed = await connection.execute(
        sa.update(event_stream_table)
        .where(
            _stream.stream_id == stream_id,
            _stream.owner == owner,
            _stream.epoch == epoch,
            _stream.closed_at.is_(None),
        )
        .values(closed_at=now, closing_seq=closing_seq)
    )
    return closed.rowcount == 1


async def events_after(connection: AsyncConnection, stream_id: str, *, after: int, limit: int) -> list[LoggedEvent]:
    rows = await connection.execute(
        sa.select(_event.seq, _event.type, _event.data)
        .where(_event.stream_id == stream_id, _event.seq > after)
        .order_by(_event.seq)
        .limit(limit)
    )
    return [LoggedEvent(seq, kind, json.loads(data)) for seq, kind, data in rows]


async def is_open(connection: AsyncConnection, stream_id: str) -> bool:
    """False where the stream is closed, or where there is none."""
    found = await connection.scalar(
        sa.select(_stream.stream_id).where(_stream.stream_id == stream_id, _stream.closed_at.is_(None))
    )
    return found is not None


async def purge_closed(connection: AsyncConnection, *, before: datetime, limit: int) -> int:
    """Deletes what came before the closing events of up to `limit` streams that were closed before `before`."""
    ids = (
        await connection.scalars(
            sa.select(_stream.stream_id)
            .where(_stream.purged.is_(False), _stream.closed_at < before)
            .order_by(_stream.closed_at)
            .limit(limit)
        )
    ).all()
    closing = sa.select(_stream.closing_seq).where(_stream.stream_id == _event.stream_id).scalar_subquery()
    await connection.execute(sa.delete(event_table).where(_event.stream_id.in_(ids), _event.seq < closing))
    await connection.execute(sa.update(event_stream_table).where(_stream.stream_id.in_(ids)).values(purged=True))
    return len(ids)


async def delete_streams(connection: AsyncConnection, stream_ids: Collection[str]) -> None:
    ids = sorted(stream_ids)
    for start in range(0, len(ids), _IDS_PER_STATEMENT):
        some = ids[start : start + _IDS_PER_STATEMENT]
        mine = _stream.stream_id.in_(some)
        await connection.execute(sa.select(_stream.stream_id).where(mine).order_by(_stream.stream_id).with_for_update())
        await connection.execute(sa.delete(event_stream_table).where(mine))
        await connection.execute(sa.delete(event_table).where(_event.stream_id.in_(some)))
