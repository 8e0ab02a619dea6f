"""Wake-ups: within a process at once, between processes by PostgreSQL or Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from hearthside.kit.remote_wakeups import KEYS_PER_MESSAGE, PostgresWakeups, RedisWakeups, open_wakeups
from hearthside.kit.wakeups import LocalWakeups, Topic, Wakeups

Remote = PostgresWakeups | RedisWakeups
KINDS = [pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("redis", marks=pytest.mark.redis)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def address(request: pytest.FixtureRequest, kind: str) -> sa.URL | str:
    return request.getfixturevalue(f"{kind}_url")


def make(address: sa.URL | str) -> Remote:
    return RedisWakeups(address) if isinstance(address, str) else PostgresWakeups(address)


@asynccontextmanager
async def started(wakeups: Remote) -> AsyncGenerator[Remote]:
    await wakeups.start()
    await wakeups.connected()
    yield wakeups
    await wakeups.close()


def heard_by(wakeups: Wakeups, topic: Topic = Topic.STREAM) -> asyncio.Queue[str]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    wakeups.listen(topic, queue.put_nowait)
    return queue


async def test_a_process_hears_itself_at_once_by_topic() -> None:
    wakeups = LocalWakeups()
    streams, cancels = heard_by(wakeups), heard_by(wakeups, Topic.CANCEL)
    wakeups.send(Topic.STREAM, ["a", "b"])
    wakeups.send(Topic.CANCEL, ["c"])
    assert [streams.get_nowait(), streams.get_nowait()] == ["a", "b"]
    assert cancels.get_nowait() == "c"
    assert streams.empty()
    assert cancels.empty()


async def test_another_process_hears_each_once_and_the_sender_too(address: sa.URL | str) -> None:
    async with started(make(address)) as here, started(make(address)) as there:
        mine, theirs, other_topic = heard_by(here), heard_by(there), heard_by(there, Topic.CANCEL)
        keys = [f"{number:036}" for number in range(2 * KEYS_PER_MESSAGE + 1)]
        here.send(Topic.STREAM, keys)
        assert [mine.get_nowait() for _ in keys] == keys
        assert [await theirs.get() for _ in keys] == keys
        here.send(Topic.CANCEL, ["last"])
        assert await other_topic.get() == "last"
        there.send(Topic.STREAM, ["back"])
        assert await mine.get() == "back"  # an echo of its own keys would have come before
        assert theirs.get_nowait() == "back"
        assert theirs.empty()


async def test_what_is_sent_before_there_is_a_connection_goes_out_with_it(address: sa.URL | str) -> None:
    async with started(make(address)) as there:
        theirs, here = heard_by(there), make(address)
        here.send(Topic.STREAM, ["early"])
        async with started(here):
            assert await theirs.get() == "early"


@pytest.mark.postgres
async def test_a_broken_connection_is_made_anew(postgres_url: sa.URL) -> None:
    async with started(PostgresWakeups(postgres_url)) as here, started(PostgresWakeups(postgres_url)) as there:
        theirs = heard_by(there)
        engine = create_async_engine(postgres_url)
        async with engine.connect() as connection:
            killed = await connection.scalars(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            assert list(killed) == [True, True]
        await engine.dispose()
        while theirs.empty():
            here.send(Topic.STREAM, ["again"])
            await asyncio.sleep(0.02)


def test_the_settings_choose_the_carrier() -> None:
    sqlite, postgres = sa.make_url("sqlite+aiosqlite:///x"), sa.make_url("postgresql+asyncpg://h/d")
    assert isinstance(open_wakeups(sqlite, redis_url=None), LocalWakeups)
    assert isinstance(open_wakeups(postgres, redis_url=None), PostgresWakeups)
    assert isinstance(open_wakeups(postgres, redis_url="redis://h"), RedisWakeups)
    assert isinstance(open_wakeups(sqlite, redis_url="redis://h"), RedisWakeups)
