"""After the grace of a deletion no byte of the account is left, however often the purge was killed on the way."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import UserStatus
from hearthside.accounts.purge import Erase, Purge
from hearthside.accounts.store import user_account
from hearthside.app import create_app
from hearthside.conversations.erasing import Erasing
from hearthside.kit.clock import SystemClock
from hearthside.kit.db import Database, metadata
from hearthside.kit.errors import Unavailable
from hearthside.kit.events import EventLog
from hearthside.kit.wakeups import LocalWakeups
from hearthside.settings import Settings
from tests.security.canary import NOBODYS, dump, files_with, is_seeded, seed, tables_with

CANARY, BYSTANDER = "qzcanaryvx", "qzbystandervx"


class Death(BaseException):
    """The end of the process, as far as the purge can tell."""


class DyingDatabase(Database):
    """Dies at the `at`-th thing that is done to it: before it is done, or when it is but nobody has heard of it."""

    def __init__(self, url: sa.URL, *, at: int, done: bool) -> None:
        super().__init__(url)
        self._left = at
        self._done = done

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncGenerator[AsyncConnection]:
        self._left -= 1
        async with super().write(durable=durable) as connection:
            yield connection
            if self._left == 0 and not self._done:
                raise Death
        if self._left == 0:
            raise Death

    async def scrub(self) -> None:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise Death
        await super().scrub()
        if self._left == 0:
            raise Death


def purge_of(database: Database, *more: Erase, messages_at_once: int = 2) -> Purge:
    """The purge with the slice that is erased in parts; the whole one is the application's own, below."""
    clock = SystemClock()
    erasing = Erasing(EventLog(database, LocalWakeups(), clock), messages_at_once=messages_at_once)
    return Purge(database, clock, erasers=[*more, erasing.erase, erase_the_rest], compactors=[erasing.compact])


async def erase_the_rest(connection: AsyncConnection, user_id: int) -> None:
    for table in metadata.sorted_tables:
        if "user_id" in table.columns and not table.c.user_id.foreign_keys:
            await connection.execute(sa.delete(table).where(table.c.user_id == user_id))


async def test_nothing_of_the_account_is_left_in_any_table(any_database_url: sa.URL, tmp_path: Path) -> None:
    database = Database(any_database_url)
    await seed(database, CANARY, messages=3)
    await seed(database, BYSTANDER, requested_at=SystemClock().now().replace(year=2999))
    seeded = {name for name in metadata.tables if name not in NOBODYS and is_seeded(name)}
    assert await tables_with(database, CANARY) == await tables_with(database, BYSTANDER) == seeded
    others = await dump(database)
    assert not database.is_sqlite or files_with(tmp_path, CANARY)

    await run_the_application_s_purge(any_database_url, tmp_path)

    assert await tables_with(database, CANARY) == set()
    assert files_with(tmp_path, CANARY) == set()
    after = await dump(database)
    for name, rows in others.items():
        assert [row for row in after[name] if BYSTANDER in row] == [row for row in rows if BYSTANDER in row]
    await database.close()


async def run_the_application_s_purge(url: sa.URL, folder: Path) -> None:
    """With all that the composition root registers."""
    text = url.render_as_string(hide_password=False)
    app = create_app(Settings(data_dir=folder, database_url=text, ollama_url="", lmstudio_url=""))
    async with app.router.lifespan_context(app):
        await app.state.core.purge.run()


async def test_the_audit_log_keeps_what_was_done_but_not_by_whom(database: Database) -> None:
    user_id = await seed(database, CANARY)
    await purge_of(database).run()
    async with database.read() as connection:
        audit = metadata.tables["audit"]
        rows = (await connection.execute(sa.select(audit).order_by(audit.c.id))).all()
    assert [(row.action, row.target, row.address, row.detail) for row in rows] == [
        ("sign_in", "", "", {}),
        ("account_erased", str(user_id), "", {}),
    ]


@pytest.mark.parametrize("done", [False, True], ids=["undone", "done"])
async def test_killed_anywhere_and_run_again_it_ends_the_same(any_database_url: sa.URL, done: bool) -> None:
    database = Database(any_database_url)
    await seed(database, BYSTANDER, requested_at=SystemClock().now().replace(year=2999))
    before = without_audit(await dump(database))
    points = 0
    while True:
        await seed(database, CANARY, messages=5)
        dying = DyingDatabase(any_database_url, at=points + 1, done=done)
        try:
            await purge_of(dying).run()
            break
        except Death:
            points += 1
        finally:
            await dying.close()
        await purge_of(database).run()
        assert await tables_with(database, CANARY) == set(), points
        assert without_audit(await dump(database)) == before, points
    assert points > 8
    await database.close()


def without_audit(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in rows.items() if name != "audit"}


async def test_from_the_first_step_on_the_account_is_gone_for_everybody(any_database_url: sa.URL) -> None:
    database = Database(any_database_url)
    dying = DyingDatabase(any_database_url, at=1, done=True)
    await seed(database, CANARY)
    with pytest.raises(Death):
        await purge_of(dying).run()
    async with database.read() as connection:
        assert (await connection.scalars(sa.select(user_account.c.status))).all() == [UserStatus.ERASING]
    await dying.close()
    await database.close()


async def test_whoever_cannot_be_erased_waits_and_holds_up_nobody(database: Database) -> None:
    first, second = await seed(database, CANARY), await seed(database, BYSTANDER)

    async def fails(connection: AsyncConnection, user_id: int) -> None:
        if user_id == first:
            raise Unavailable("not now")

    assert await purge_of(database, fails).run() == 1
    assert await tables_with(database, CANARY)
    assert not await tables_with(database, BYSTANDER)
    assert await purge_of(database).run() == 1
    assert not await tables_with(database, CANARY)
    assert second != first


async def test_two_processes_at_once_erase_everything_between_them(any_database_url: sa.URL) -> None:
    databases = [Database(any_database_url) for _ in range(3)]
    await seed(databases[0], CANARY, messages=30)
    await asyncio.gather(*(purge_of(database, messages_at_once=1).run() for database in databases))
    await purge_of(databases[0]).run()
    assert not any(without_audit(await dump(databases[0])).values())
    for database in databases:
        await database.close()


async def test_who_is_not_due_stays(database: Database) -> None:
    await seed(database, CANARY, requested_at=SystemClock().now().replace(year=2999))
    before: Any = await dump(database)
    assert await purge_of(database).run() == 0
    assert await dump(database) == before
