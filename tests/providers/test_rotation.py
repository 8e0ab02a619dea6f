"""A new master key: whatever happens halfway, every stored key can be read, and in the end only with the new one."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, Unavailable
from hearthside.kit.keys import MasterKeys
from hearthside.kit.secret import Secret
from hearthside.providers import store
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.renewal import KeyRenewal
from hearthside.providers.rotation import KeyRotation
from hearthside.providers.service import ProviderDirectory
from hearthside.providers.store import provider_config
from tests.providers.test_service import LocalServers

USERS = range(1, 121)  # more than are renewed in one transaction, twice over


def secret_of(user_id: int) -> Secret:
    return Secret(f"sk-user-{user_id}-0123456789")


def provider_keys(folder: Path) -> ProviderKeys:
    master = MasterKeys(folder)
    return ProviderKeys.following(lambda: master.derived("provider-keys"))


def server(database: Database, folder: Path) -> ProviderDirectory:
    return ProviderDirectory(database, ManualClock(), provider_keys(folder), server=[], local_servers=LocalServers())


def rotation(database: Database, folder: Path, *more: Callable[[], Awaitable[int]]) -> KeyRotation:
    """`more` runs before each round of the real work."""
    renewal = KeyRenewal(database, ManualClock(), provider_keys(folder))
    return KeyRotation(database, MasterKeys(folder), [*more, renewal.run])


async def fill(directory: ProviderDirectory, users: range = USERS) -> None:
    for user_id in users:
        await directory.configure(user_id, "groq", api_key=secret_of(user_id))


async def check_all(directory: ProviderDirectory, users: range = USERS) -> None:
    for user_id in users:
        assert (await directory.endpoint(user_id, "groq")).api_key == secret_of(user_id)


async def key_ids(database: Database) -> set[str]:
    async with database.read() as connection:
        stored = await connection.scalars(sa.select(provider_config.c.api_key))
        return {str(one).split(".")[1] for one in stored}


async def test_everything_is_encrypted_anew(database: Database, tmp_path: Path) -> None:
    await fill(server(database, tmp_path))
    before = await key_ids(database)
    assert await rotation(database, tmp_path).run() == len(USERS)
    after = await key_ids(database)
    assert len(after) == 1
    assert not after & before
    assert not (tmp_path / "master.key.previous").exists()
    await check_all(server(database, tmp_path))


async def test_a_running_server_goes_along(database: Database, tmp_path: Path) -> None:
    """It reads what was renewed, and what it is given afterwards it does not encrypt with a key that is gone."""
    running = server(database, tmp_path)
    await fill(running, range(1, 4))
    await rotation(database, tmp_path).run()
    await check_all(running, range(1, 4))
    await fill(running, range(4, 6))
    await check_all(server(database, tmp_path), range(1, 6))
    assert len(await key_ids(database)) == 1


async def test_a_key_stored_while_it_runs_is_not_lost(database: Database, tmp_path: Path) -> None:
    running = server(database, tmp_path)
    await fill(running, range(1, 4))

    async def somebody_comes() -> int:
        await running.configure(9, "groq", api_key=secret_of(9))
        return 0

    await rotation(database, tmp_path, somebody_comes).run()
    await check_all(server(database, tmp_path), range(9, 10))


@pytest.mark.postgres
async def test_a_transaction_that_had_read_the_old_key_is_waited_for(postgres_url: sa.URL, tmp_path: Path) -> None:
    """On SQLite there is one writer, so that it is over by then."""
    database = Database(postgres_url)
    directory = server(database, tmp_path)
    await fill(directory, range(1, 3))
    old = ProviderKeys(*MasterKeys(tmp_path).derived("provider-keys"))
    order: list[str] = []

    async def renewing() -> int:
        order.append("renewing")
        return 0

    async with database.write() as connection:
        await store.add_blank(connection, 9, "groq", now=ManualClock().now())
        running = asyncio.create_task(rotation(database, tmp_path, renewing).run())
        while not (tmp_path / "master.key.previous").exists():
            await asyncio.sleep(0)
        for _ in range(20):
            await check_all(directory, range(1, 3))  # time enough to go on, for one that does not wait
        stale = old.encrypt(secret_of(9), user_id=9, provider_id="groq")
        nines = provider_config.update().where(provider_config.c.user_id == 9)
        await connection.execute(nines.values(api_key=stale, is_active=True))
        order.append("committing")
    assert await running == 3
    assert order[:2] == ["committing", "renewing"]
    await check_all(server(database, tmp_path), range(9, 10))
    await database.close()


async def test_broken_off_it_leaves_everything_readable_and_goes_on(database: Database, tmp_path: Path) -> None:
    directory = server(database, tmp_path)
    await fill(directory, range(1, 4))

    class PowerCut(Exception): ...

    async def power_cut() -> int:
        await KeyRenewal(database, ManualClock(), provider_keys(tmp_path)).run()
        raise PowerCut

    with pytest.raises(PowerCut):
        await rotation(database, tmp_path, power_cut).run()
    await directory.configure(4, "groq", api_key=secret_of(4))
    for reader in (directory, server(database, tmp_path)):
        await check_all(reader, range(1, 5))
    assert await rotation(database, tmp_path).run() == 0
    await check_all(server(database, tmp_path), range(1, 5))


async def test_kill_9_halfway(database: Database, tmp_path: Path) -> None:
    await fill(server(database, tmp_path))
    before = await key_ids(database)
    command = [sys.executable, "-m", "tests.providers.rotating", database.url.render_as_string(False), str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"halfway\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    halfway = await key_ids(database)
    assert len(halfway) == 2
    assert before < halfway
    await check_all(server(database, tmp_path))
    assert 0 < await rotation(database, tmp_path).run() < len(USERS)
    assert len(await key_ids(database)) == 1
    assert not (tmp_path / "master.key.previous").exists()
    await check_all(server(database, tmp_path))


async def test_a_server_that_does_not_go_along_is_not_raced_for_ever(database: Database, tmp_path: Path) -> None:
    """One whose key is in its environment, and is the old one."""
    stubborn = ProviderKeys(*MasterKeys(tmp_path).derived("provider-keys"))
    directory = ProviderDirectory(database, ManualClock(), stubborn, server=[], local_servers=LocalServers())

    async def somebody_comes() -> int:
        await directory.configure(1, "groq", api_key=secret_of(1))
        return 0

    with pytest.raises(Unavailable, match="Restart it"):
        await rotation(database, tmp_path, somebody_comes).run()
    assert (tmp_path / "master.key.previous").exists()
    await check_all(server(database, tmp_path), range(1, 2))


async def test_what_does_not_open_is_left_and_does_not_stand_in_the_way(database: Database, tmp_path: Path) -> None:
    await fill(server(database, tmp_path), range(1, 3))
    foreign = ProviderKeys(bytes([9]) * 32).encrypt(secret_of(1), user_id=1, provider_id="groq")
    async with database.write() as connection:
        await connection.execute(provider_config.update().where(provider_config.c.user_id == 1).values(api_key=foreign))
    assert await rotation(database, tmp_path).run() == 1
    assert not (tmp_path / "master.key.previous").exists()
    with pytest.raises(Invalid):
        await server(database, tmp_path).endpoint(1, "groq")


async def test_renewing_changes_nothing_but_the_key(database: Database, tmp_path: Path) -> None:
    directory = server(database, tmp_path)
    before = await directory.configure(1, "groq", api_key=secret_of(1))
    await rotation(database, tmp_path).run()
    assert await directory.configs(1) == [before]
