"""`hearthside admin`, on a database of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from hearthside.accounts.commands import make_commands
from hearthside.accounts.model import User
from hearthside.accounts.service import Accounts
from hearthside.kit.actor import Role
from hearthside.kit.db import Database, database_url, metadata
from hearthside.kit.errors import Unauthenticated
from tests.accounts.house import HOME, House

Run = Callable[..., Result]


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[House]:
    database = Database(database_url(None, folder))
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        yield House(database)
    finally:
        await database.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    @asynccontextmanager
    async def open_accounts() -> AsyncGenerator[Accounts]:
        async with opened(tmp_path) as house:
            yield house.accounts

    commands = make_commands(open_accounts)
    return lambda *arguments, stdin=None: CliRunner().invoke(commands, list(arguments), input=stdin)


def signed_in(folder: Path, login: str, password: str) -> User:
    async def sign_in() -> User:
        async with opened(folder) as house:
            return (await house.accounts.sign_in(login, password, origin=HOME)).user

    return asyncio.run(sign_in())


def printed_password(result: Result) -> str:
    return result.stdout.splitlines()[-1].rpartition(" ")[2]


def test_a_user_is_made_with_a_password_that_is_printed_once(run: Run, tmp_path: Path) -> None:
    result = run("create-user", "Ada", "--email", "ada@example.org")
    assert result.exit_code == 0
    user = signed_in(tmp_path, "ada@example.org", printed_password(result))
    assert (user.username, user.role) == ("Ada", Role.USER)


def test_a_password_from_standard_input_is_not_shown(run: Run, tmp_path: Path) -> None:
    result = run("create-user", "root", "--admin", "--password-stdin", stdin="a password of one's own\n")
    assert result.exit_code == 0
    assert "a password of one's own" not in result.output
    assert signed_in(tmp_path, "root", "a password of one's own").role is Role.ADMIN


def test_what_is_wrong_is_said_in_words(run: Run) -> None:
    run("create-user", "ada")
    for arguments in (
        ("create-user", "ADA"),
        ("create-user", "a b"),
        ("reset-password", "nobody"),
        ("invite", "--hours", "0"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("hearthside: ")
        assert "Traceback" not in result.output


def test_a_reset_password_is_the_only_one(run: Run, tmp_path: Path) -> None:
    old = printed_password(run("create-user", "ada"))
    new = printed_password(run("reset-password", "ada"))
    assert signed_in(tmp_path, "ada", new).username == "ada"
    with pytest.raises(Unauthenticated):
        signed_in(tmp_path, "ada", old)


def test_an_invite_stands_alone_on_standard_output(run: Run, tmp_path: Path) -> None:
    code = run("invite").stdout.strip()

    async def sign_up() -> User:
        async with opened(tmp_path) as house:
            return await house.accounts.sign_up(
                username="ada", email=None, password="correct horse", invite_code=code, origin=HOME
            )

    assert asyncio.run(sign_up()).username == "ada"


def test_the_database_holds_no_printed_password(run: Run, tmp_path: Path) -> None:
    password = printed_password(run("create-user", "ada"))

    async def rows() -> str:
        async with opened(tmp_path) as house, house.database.read() as connection:
            tables = [await connection.execute(sa.select(table)) for table in metadata.sorted_tables]
            return repr([row for table in tables for row in table])

    assert password not in asyncio.run(rows())
