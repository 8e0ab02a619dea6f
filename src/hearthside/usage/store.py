"""SQL on what was used: one row for each user and day, added to in place."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import BigId, metadata
from hearthside.usage.model import DayUsage

usage_day_table = sa.Table(
    "usage_day",
    metadata,
    sa.Column("user_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("messages", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
)
sa.Index("ix_usage_day_day", usage_day_table.c.day)

_COUNTERS = ("requests", "messages", "input_tokens", "output_tokens")
_COLUMNS = (usage_day_table.c.user_id, usage_day_table.c.day, *(usage_day_table.c[name] for name in _COUNTERS))


async def add(connection: AsyncConnection, usage: DayUsage) -> DayUsage:
    """Adds to the user's day and returns what it is now; the row is locked until the transaction ends."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    counts = {name: getattr(usage, name) for name in _COUNTERS}
    row = await connection.execute(
        insert(usage_day_table)
        .values(user_id=usage.user_id, day=usage.day, **counts)
        .on_conflict_do_update(
            index_elements=["user_id", "day"],
            set_={name: usage_day_table.c[name] + counts[name] for name in _COUNTERS},
        )
        .returning(*_COLUMNS)
    )
    return DayUsage(*row.one())


async def get(connection: AsyncConnection, user_id: int, *, day: date) -> DayUsage:
    """All zeros where there is nothing yet."""
    rows = await connection.execute(
        sa.select(*_COLUMNS).where(usage_day_table.c.user_id == user_id, usage_day_table.c.day == day)
    )
    row = rows.first()
    return DayUsage(user_id, day) if row is None else DayUsage(*row)


async def between(connection: AsyncConnection, *, first: date, last: date) -> list[DayUsage]:
    """Every user's days from `first` to `last`, both included, by day and user."""
    rows = await connection.execute(
        sa.select(*_COLUMNS)
        .where(usage_day_table.c.day.between(first, last))
        .order_by(usage_day_table.c.day, usage_day_table.c.user_id)
    )
    return [DayUsage(*row) for row in rows]


async def delete(connection: AsyncConnection, user_id: int) -> None:
    """Everything that is kept of a user."""
    await connection.execute(sa.delete(usage_day_table).where(usage_day_table.c.user_id == user_id))
