"""`hearthside account`, on a database of its own."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hearthside.kit.actor import Actor
from hearthside.kit.db import Database, database_url, metadata
from hearthside.kit.errors import NotFound
from hearthside.portability.commands import Desk, make_commands
from tests.portability.rooms import House, files_of, person

Run = Callable[..., Result]

CONVERSATIONS = [
    {"uuid": "a", "name": "Bread", "chat_messages": [{"uuid": "q", "sender": "human", "text": "How long?"}]},
    {"uuid": "b", "name": "?", "chat_messages": [{"uuid": "e", "sender": "human", "text": ""}]},
    {"name": "nameless", "chat_messages": []},
]


async def actor_of(login: str) -> Actor:
    if login != "ada":
        raise NotFound(f"There is no user {login!r}.", code="user_not_found")
    return person(1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    url = database_url(None, tmp_path)

    async def create() -> None:
        database = Database(url)
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
        await database.close()

    @asynccontextmanager
    async def open_portability() -> AsyncGenerator[Desk]:
        database = Database(url)
        try:
            yield Desk(House.on(database).portability, actor_of)
        finally:
            await database.close()

    asyncio.run(create())
    return lambda *arguments: CliRunner().invoke(make_commands(open_portability), [str(one) for one in arguments])


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(CONVERSATIONS))
    return path


def test_what_is_imported_is_exported_into_a_file_that_is_private(run: Run, given: Path, tmp_path: Path) -> None:
    result = run("import", "ada", given)
    assert result.exit_code == 0, result.output
    assert "Imported 1 conversations with 1 messages (0 had grown, 1 were here already or empty)." in result.stdout
    assert "not imported: conversations.json, conversation 3: it has no uuid" in result.stderr

    file = tmp_path / "ada.zip"
    assert run("export", "ada", file).exit_code == 0
    assert "conversations/000001-bread.md" in files_of(file.read_bytes())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_file_that_is_there_is_replaced_only_when_told_to(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ada.zip"
    file.write_text("precious")
    assert run("export", "ada", file).exit_code == 1
    assert file.read_text() == "precious"
    assert run("export", "ada", file, "--force").exit_code == 0
    assert "hearthside.json" in files_of(file.read_bytes())


@pytest.mark.parametrize("command", ["export", "import"])
def test_an_unknown_user_is_told_and_leaves_no_file(run: Run, given: Path, tmp_path: Path, command: str) -> None:
    file = given if command == "import" else tmp_path / "bob.zip"
    result = run(command, "bob", file)
    assert (result.exit_code, result.stderr) == (1, "hearthside: There is no user 'bob'.\n")
    assert not (tmp_path / "bob.zip").exists()


def test_a_file_that_is_no_archive_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for name, message in (("notes.txt", "This is no archive"), ("missing.zip", "There is no file")):
        result = run("import", "ada", tmp_path / name)
        assert result.exit_code == 1
        assert result.stderr.lstrip().startswith(f"hearthside: {message}")
