"""The two ways to a schema lead to the same one; older is upgraded, newer is refused, interrupted is done again."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from hearthside import migrations
from hearthside.kit.db import Database, metadata
from hearthside.migrations import SchemaTooNewError, known_versions, migrate


@pytest.fixture
async def bare(any_database_url: sa.URL, tmp_path: Path) -> AsyncGenerator[Database]:
    """A database with nothing in it."""
    is_sqlite = any_database_url.get_backend_name() == "sqlite"
    database = Database(any_database_url.set(database=str(tmp_path / "bare.db")) if is_sqlite else any_database_url)
    if not is_sqlite:
        async with database.write() as connection:
            for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
                await connection.execute(sa.text(statement))
    yield database
    await database.close()


def by_alembic(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def pieces(sql: str) -> list[str]:
    return sorted(piece.strip(" )") for piece in " ".join(sql.split()).split(", "))


def shape(connection: sa.Connection) -> list[Any]:
    """Everything the database itself knows of its schema; the order of a table's constraints means nothing."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(sa.text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
        return sorted((kind, name, pieces(sql or "")) for kind, name, sql in rows)
    columns = sa.text(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length,"
        " generation_expression FROM information_schema.columns WHERE table_schema = 'public'"
    )
    indexes = sa.text("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    keys = sa.text(
        "SELECT conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
    )
    return [sorted(map(repr, connection.execute(query))) for query in (columns, indexes, keys)]


async def run(database: Database, act: Callable[[sa.Connection], Any]) -> Any:
    async with database.write() as connection:
        return await connection.run_sync(act)


def empty(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
        return
    kinds = {"table": "TABLE", "view": "VIEW"}
    for kind, name in connection.execute(
        sa.text("SELECT type, name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'")
    ).all():
        connection.execute(sa.text(f"DROP {kinds[kind]} {name}"))
    metadata.drop_all(connection)
    connection.execute(sa.text("DROP TABLE alembic_version"))


async def test_a_fresh_schema_is_what_the_migrations_make(bare: Database) -> None:
    assert await migrate(bare) == known_versions()[-1]
    fresh = await run(bare, shape)
    await run(bare, empty)
    await run(bare, by_alembic)
    assert await run(bare, shape) == fresh


def is_in_metadata(_object: Any, name: str | None, *_: Any) -> bool:
    """The full-text indexes are made by DDL of their own; the test above holds them together."""
    return name is None or not (name == "search" or "_search" in name)


async def test_no_table_was_changed_without_a_migration(bare: Database) -> None:
    await run(bare, by_alembic)

    def difference(connection: sa.Connection) -> list[Any]:
        options = {"include_object": is_in_metadata, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert await run(bare, difference) == []


async def test_a_current_schema_is_left_alone(bare: Database) -> None:
    await migrate(bare)
    before = await run(bare, shape)
    assert await migrate(bare) == known_versions()[-1]
    assert await run(bare, shape) == before


async def test_a_newer_schema_is_refused_and_left_as_it_is(bare: Database) -> None:
    await migrate(bare)
    await run(bare, lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    before = await run(bare, shape)
    with pytest.raises(SchemaTooNewError, match="9999"):
        await migrate(bare)
    assert await run(bare, shape) == before


async def test_an_interrupted_start_leaves_nothing_half_made(bare: Database) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    sa.event.listen(metadata, "after_create", stumble)
    try:
        with pytest.raises(RuntimeError, match="the power went"):
            await migrate(bare)
    finally:
        sa.event.remove(metadata, "after_create", stumble)
    assert await run(bare, lambda connection: sa.inspect(connection).get_table_names()) == []
    assert await migrate(bare) == known_versions()[-1]
