"""The database: one door to SQLite and to PostgreSQL, with the settings that were measured.

SQLite: WAL, one writer connection that also checkpoints, a pool of readers that cannot write. A write transaction
starts with BEGIN IMMEDIATE: aiosqlite's own transactions lost 302 of 400 concurrent read-modify-writes in silence.
Writes are synchronous=FULL (an acknowledged write survives power loss) unless the caller says `durable=False`.
PostgreSQL: one pool; statement_timeout 30 s, idle_in_transaction_session_timeout 60 s.

Stores take the connection that `read()` and `write()` yield; they never open one. Never hold one while streaming.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator

from hearthside.kit.errors import StorageFull, Unavailable

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_DISK_FULL = "The disk that holds the database is full. Free some space and try again."

# SQLite only numbers rows by itself in a column declared exactly INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Longer than the idle_in_transaction_session_timeout of _postgres_engine.
_SETTLE_SECONDS = 90
_SETTLE_PAUSE_SECONDS = 0.05


class Instant(TypeDecorator[datetime]):
    """An aware UTC time. Naive times are refused on the way in; what comes out is always aware UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was about to be stored; times are aware and in UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Reads and writes, each a transaction of its own."""

    def __init__(self, url: sa.URL, *, readers: int = 4, pool_size: int = 15) -> None:
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, size=1, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(url, size=readers, begin="BEGIN", query_only=True)
        else:
            self._writer = self._reader = _postgres_engine(url, pool_size)

    @property
    def url(self) -> sa.URL:
        return self._writer.url

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A consistent view; on SQLite it cannot write."""
        with _translated():
            async with self._reader.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        `durable=False` is for batches that may be lost in a power failure (never in a crash of the process).
        """
        with _translated():
            async with self._writer.connect() as connection:
                await self._set_durability(connection, durable=durable)
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def driver(self, *, durable: bool = True) -> AsyncGenerator[Any]:
        """The driver's own writing connection (aiosqlite's or asyncpg's): each statement on it is its own transaction.

        For the hottest statements only. On SQLite every call is a hop to the driver's thread; SQLAlchemy makes twelve
        for a transaction of two statements. What the driver raises, but for a lost connection, is not translated.
        """
        with _translated():
            async with self._writer.connect() as connection:
                await self._set_durability(connection, durable=durable)
                raw = await connection.get_raw_connection()
                yield raw.driver_connection

    async def _set_durability(self, connection: AsyncConnection, *, durable: bool) -> None:
        wanted = "FULL" if durable else "NORMAL"
        if not self.is_sqlite or connection.sync_connection is None:
            return
        info = connection.sync_connection.info
        if info.get("synchronous") != wanted:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.execute(f"PRAGMA synchronous={wanted}")
            info["synchronous"] = wanted

    async def settled(self) -> None:
        """Returns when every transaction that had written or locked a row by now, in any process, has ended.

        Errors: Unavailable where one does not; PostgreSQL ends those that idle after a minute.
        """
        async with self.write() as connection:
            if self.is_sqlite:
                await connection.execute(sa.text("SELECT 1"))  # its turn to write has come: there is one at a time
                return
            mine = (await connection.execute(sa.text("SELECT pg_current_xact_id()::text::bigint"))).scalar_one()
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while await self._oldest_transaction() <= mine:  # noqa: ASYNC110 - other processes end them
                    await asyncio.sleep(_SETTLE_PAUSE_SECONDS)
        except TimeoutError:
            message = "A transaction in the database does not end. Try again in a minute."
            raise Unavailable(message, code="database_unavailable") from None

    async def _oldest_transaction(self) -> int:
        query = sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        async with self.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def scrub(self) -> None:
        """Rids the files of the bytes of deleted rows. On SQLite writing waits meanwhile, and the disk must hold the
        database once more: VACUUM writes it anew, without them. PostgreSQL does so by itself, with autovacuum.

        Not left to SQLite's secure_delete: builds differ in it, and each write of everybody's would pay for it.
        """
        if not self.is_sqlite:
            return
        try:
            async with self.driver() as driver:
                await driver.execute("VACUUM")
                async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                    is_busy, *_ = await cursor.fetchone()
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise StorageFull(_DISK_FULL) from error
            raise Unavailable("The database cannot be cleaned up just now.", code="database_unavailable") from error
        if is_busy:
            raise Unavailable("A long read is in the way of cleaning up the database.", code="database_unavailable")

    async def close(self) -> None:
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def database_url(text: str | None, data_dir: Path) -> sa.URL:
    """The setting as SQLAlchemy's URL with the right driver; None means SQLite in the data folder."""
    if not text:
        return sa.URL.create("sqlite+aiosqlite", database=str(data_dir / "hearthside.db"))
    url = sa.make_url(text)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg"}
    driver = drivers.get(url.get_backend_name() if "+" in url.drivername else url.drivername)
    if driver is None:
        raise ValueError(f"DATABASE_URL names {url.drivername!r}; sqlite and postgresql are supported")
    return url.set(drivername=driver)


def _sqlite_engine(url: sa.URL, *, size: int, begin: str, query_only: bool = False) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=size, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(dbapi_connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = dbapi_connection.cursor()
        for pragma in ("journal_mode=WAL", "busy_timeout=10000", "foreign_keys=ON", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: sa.Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: sa.URL, pool_size: int) -> AsyncEngine:
    server_settings = {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"server_settings": server_settings, "timeout": 5},
    )


class _translated:  # noqa: N801 - reads as a verb where it is used
    """Turns failures of the database itself into errors that say so; what a statement did wrong passes through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DBAPIError) and "full" in str(error.orig):
            raise StorageFull(_DISK_FULL) from error
        if _is_outage(error):
            raise Unavailable(
                "The database cannot be reached just now. Try again in a moment.",
                code="database_unavailable",
                retry_after_seconds=2,
            ) from error


def _is_outage(error: BaseException | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, (OperationalError, InterfaceError, PoolTimeout, ConnectionError, TimeoutError))
