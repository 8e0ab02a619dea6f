"""What was deleted is still in an SQLite file, until it is scrubbed."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from hearthside.kit.db import Database
from hearthside.kit.errors import Unavailable

CANARY = "qzcanaryvx"


async def deleted_row(url: sa.URL) -> Database:
    """A database from which a row was deleted by an SQLite that does not overwrite what it deletes."""
    database = Database(url)
    async with database.driver() as driver:
        await driver.execute("PRAGMA secure_delete=OFF")
    async with database.write() as connection:
        await connection.execute(sa.text("CREATE TABLE note (text TEXT)"))
        await connection.execute(sa.text("INSERT INTO note VALUES (:text)"), {"text": CANARY * 10_000})
    async with database.write() as connection:
        await connection.execute(sa.text("DELETE FROM note"))
    return database


def files_with_canary(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*.db*") if CANARY.encode() in file.read_bytes()]


async def test_scrubbing_removes_the_bytes_of_deleted_rows(sqlite_url: sa.URL, tmp_path: Path) -> None:
    database = await deleted_row(sqlite_url)
    assert files_with_canary(tmp_path)
    await database.scrub()
    assert files_with_canary(tmp_path) == []
    async with database.write() as connection:
        await connection.execute(sa.text("INSERT INTO note VALUES ('goes on')"))
    await database.close()


async def test_a_reader_in_the_way_is_told_and_nothing_is_lost(sqlite_url: sa.URL, tmp_path: Path) -> None:
    database = await deleted_row(sqlite_url)
    async with database.driver() as driver:
        await driver.execute("PRAGMA busy_timeout=1")
    async with database.read() as reader:
        await reader.execute(sa.text("SELECT * FROM note"))
        with pytest.raises(Unavailable):
            await database.scrub()
    await database.scrub()
    assert files_with_canary(tmp_path) == []
    await database.close()


async def test_postgres_needs_none(postgres_url: sa.URL) -> None:
    database = Database(postgres_url)
    await database.scrub()
    await database.close()
