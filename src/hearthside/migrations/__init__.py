"""The schema and its versions.

A fresh database gets the whole schema at once and the newest version's stamp, without loading Alembic (300 ms of the
start-up's second); a test holds the two ways to the same result. An older database is upgraded in one transaction, so
that an interrupted upgrade leaves it as it was and is simply done again. A newer one is refused.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import Database, metadata

VERSIONS = Path(__file__).parent / "versions"

# Alembic's own table, named here so that a current database is recognised without importing Alembic.
_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class SchemaTooNewError(Exception):
    """The database was written by a newer Hearthside."""


def known_versions() -> list[str]:
    """Every version this release can upgrade through, oldest first: the number before `_` of each file's name."""
    return sorted(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


async def migrate(database: Database) -> str:
    """Brings the database to the newest version and returns it. Safe to call from several processes at once.

    Errors: SchemaTooNewError.
    """
    known = known_versions()
    async with database.write() as connection:
        await _one_at_a_time(connection)
        current = await _current(connection)
        if current is None:
            await _create(connection, known[-1])
        elif current not in known:
            raise SchemaTooNewError(
                f"The database has schema {current}; this release knows schemas up to {known[-1]}. A newer Hearthside "
                "wrote it: install that release again, or restore a backup from before the upgrade."
            )
        elif current != known[-1]:
            await connection.run_sync(_upgrade)
    return known[-1]


async def _one_at_a_time(connection: AsyncConnection) -> None:
    # SQLite's BEGIN IMMEDIATE is already exclusive. The number is arbitrary; it only has to be the same everywhere.
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(7_305_171)))


async def _current(connection: AsyncConnection) -> str | None:
    if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(_version.name)):
        return None
    version: str | None = await connection.scalar(sa.select(_version.c.version_num))
    return version


async def _create(connection: AsyncConnection, version: str) -> None:
    await connection.run_sync(metadata.create_all)
    await connection.run_sync(_version.create)
    await connection.execute(_version.insert().values(version_num=version))


def _upgrade(connection: sa.Connection) -> None:
    # Imported late: it costs 300 ms, and only the first start of a new release needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
