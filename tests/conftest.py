"""Fixtures for every test: an empty database of each kind, and a Redis.

A missing server fails the tests that need it. HEARTHSIDE_TEST_SKIP=postgres,redis skips them instead, on purpose.
"""

import asyncio
import importlib
import os
import pkgutil
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
import sqlalchemy as sa
from xdist.scheduler import LoadScopeScheduling

import hearthside
from hearthside.kit.db import Database, database_url, metadata
from tests.servers import PostgresDatabases, PostgresServer, RedisServer, ServerUnavailable

# How long an example takes says nothing about the code on a machine that does other things too.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("house")

Server = TypeVar("Server", PostgresServer, RedisServer)


class FaultsTogether(LoadScopeScheduling):
    """Tests of tests/faults run one after another on one worker: they kill servers and wait. The rest go anywhere.

    xdist's own --dist loadgroup would say the same by a mark, but groups nothing under pytest 9.2:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """

    def _split_scope(self, nodeid: str) -> str:
        return "faults" if nodeid.startswith("tests/faults/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FaultsTogether:
    return FaultsTogether(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run in which every test was skipped has shown nothing, and fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    ran = reporter is None or any(reporter.stats.get(outcome) for outcome in ("passed", "failed", "error", "xfailed"))
    if exitstatus == pytest.ExitCode.OK and not ran and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def import_tables() -> None:
    """Imports every module that defines tables, so that all of them are on `metadata`."""
    for module in pkgutil.walk_packages(hearthside.__path__, "hearthside."):
        name = module.name.rpartition(".")[2]
        if name in {"store", "events"} or name.endswith("_store"):
            importlib.import_module(module.name)


async def _create_schema(url: sa.URL) -> None:
    database = Database(url)
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    await database.close()


def _start(kind: str, server: Callable[[], Server]) -> Server:
    if kind in os.environ.get("HEARTHSIDE_TEST_SKIP", "").split(","):
        pytest.skip(f"HEARTHSIDE_TEST_SKIP names {kind}")
    try:
        return server()
    except ServerUnavailable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresDatabases]:
    """Databases on the server of DATABASE_URL (its role must be allowed to create some), else on one of our own."""
    import_tables()
    given = os.environ.get("DATABASE_URL", "")
    server = None if given.startswith("postgres") else _start("postgres", PostgresServer)
    databases = PostgresDatabases(database_url(given, Path()) if server is None else server.url, _create_schema)
    yield databases
    if server is None:
        asyncio.run(databases.drop_template())
    else:
        server.close()


@pytest.fixture(scope="session")
def redis_server() -> Generator[RedisServer]:
    server = _start("redis", RedisServer)
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis. REDIS_URL is not looked at: these tests flush what they use."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture
async def postgres_url(postgres: PostgresDatabases) -> AsyncGenerator[sa.URL]:
    """An empty PostgreSQL database with the whole schema."""
    url = await postgres.create()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def sqlite_url(tmp_path: Path) -> sa.URL:
    """An empty SQLite file with the whole schema."""
    import_tables()
    url = database_url(None, tmp_path)
    await _create_schema(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_database_url(request: pytest.FixtureRequest) -> sa.URL:
    """Each kind of database in turn: empty, with the whole schema."""
    url: sa.URL = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(any_database_url: sa.URL) -> AsyncGenerator[Database]:
    """Each kind of database in turn, open, empty, with the whole schema."""
    database = Database(any_database_url)
    yield database
    await database.close()
