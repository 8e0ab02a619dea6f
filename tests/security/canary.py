"""Accounts with a canary string in every column of every table, and the search for what is left of it.

Nothing here knows the tables: they are read from the metadata, so that one that is added tomorrow is seeded too, and a
slice that forgets to erase it fails the tests.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import Database, Instant, metadata

NOW = datetime(2025, 6, 1, tzinfo=UTC)

# What belongs to the server and to nobody.
NOBODYS = {"bootstrap"}
# Words of ours and never a person's.
WORDS = {
    "role": "user",
    "status": "active",
    "state": "complete",
    "action": "sign_in",
    "type": "delta",
    "scopes": "read",
}


async def seed(database: Database, canary: str, *, messages: int = 1, requested_at: datetime = NOW) -> int:
    """A user who asked to be deleted, all of whose texts hold `canary` (letters and digits); their id."""
    async with database.write() as connection:
        rows: dict[str, Any] = {}
        for table in sorted(metadata.sorted_tables, key=lambda table: table.name != "user_account"):
            if table.name in NOBODYS:
                continue
            for number in range(messages if table.name == "message" else 1):
                await _add(connection, table, canary, rows, number)
        user = metadata.tables["user_account"]
        due = {"deletion_requested_at": requested_at, "deletion_scheduled_for": requested_at}
        await connection.execute(sa.update(user).where(user.c.id == rows["user_account"].id).values(**due))
    return int(rows["user_account"].id)


async def _add(connection: AsyncConnection, table: sa.Table, canary: str, rows: dict[str, Any], number: int) -> None:
    values = {
        column.name: _value(column, f"{canary}{number or ''}", rows)
        for column in table.columns
        if not (column.name == "id" and column.autoincrement is True) and column.computed is None
    }
    if table.name == "audit":
        values |= {"actor_user_id": rows["user_account"].id, "target": rows["user_account"].uid}
    inserted = await connection.execute(sa.insert(table).values(**values).returning(*table.columns))
    rows[table.name] = inserted.one()


def _value(column: sa.Column[Any], canary: str, rows: Mapping[str, Any]) -> Any:
    for key in column.foreign_keys:
        return rows[key.column.table.name].id
    if column.name == "user_id":
        return rows["user_account"].id
    if column.name in WORDS:
        return WORDS[column.name]
    if column.name == "stream_id":
        return f"{canary}-generation"  # the uid of the generation, below
    if column.name == "uid":
        return f"{canary}-{column.table.name}"[:36]
    return _of_type(column, canary)


def _of_type(column: sa.Column[Any], canary: str) -> Any:
    match column.type:
        case sa.JSON():
            return {canary: [canary]}
        case sa.String() if column.name == "data":
            return json.dumps({"delta": canary})
        case sa.String(length=length):
            return f"{canary} {column.name}"[:length]
        case sa.Boolean():
            return False
        case sa.Integer():
            return 1
        case sa.Float() | sa.Numeric():
            return 1
        case Instant():
            return NOW
        case sa.Date():
            return date(2025, 6, 1)
        case sa.LargeBinary():
            return canary.encode()
        case other:
            raise AssertionError(f"{column}: how is a canary put into {other}?")


async def dump(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    rows: dict[str, list[str]] = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            found = await connection.execute(sa.select(table).order_by(*table.primary_key))
            rows[table.name] = [repr(tuple(row)) for row in found]
    return rows


async def tables_with(database: Database, canary: str) -> set[str]:
    return {name for name, rows in (await dump(database)).items() if any(canary in row for row in rows)}


def files_with(folder: Path, canary: str) -> set[str]:
    """The files of an SQLite database in which the canary's bytes stand."""
    return {file.name for file in folder.glob("*.db*") if canary.encode() in file.read_bytes().lower()}


def is_seeded(name: str) -> bool:
    """Whether some column of the table can hold the canary at all."""
    texts = [
        column
        for column in metadata.tables[name].columns
        if isinstance(column.type, (sa.String, sa.JSON)) and column.name not in WORDS and not column.foreign_keys
    ]
    return any(getattr(column.type, "length", None) is None or column.type.length > 20 for column in texts)
