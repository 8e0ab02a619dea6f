"""`hearthside admin rotate-keys`, as it is typed."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hearthside.cli import app
from hearthside.core import open_database
from hearthside.kit.clock import SystemClock
from hearthside.kit.secret import Secret
from hearthside.providers.assembly import master_keys, provider_keys
from hearthside.providers.service import ProviderDirectory
from hearthside.settings import Settings
from tests.providers.test_service import LocalServers

KEY = Secret("sk-anna-0123456789")
ONE, TWO = (base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))


def rotate(folder: Path, **environment: str) -> Result:
    settings = {"HEARTHSIDE_DATA_DIR": str(folder), "DATABASE_URL": database_url(folder), **environment}
    return CliRunner().invoke(app, ["admin", "rotate-keys"], env=settings)


def database_url(folder: Path) -> str:
    """Said aloud, for the environment of the tests may name another one."""
    return f"sqlite:///{folder}/hearthside.db"


@asynccontextmanager
async def directory(settings: Settings) -> AsyncGenerator[ProviderDirectory]:
    async with open_database(settings) as database:
        keys = provider_keys(master_keys(settings))
        yield ProviderDirectory(database, SystemClock(), keys, server=[], local_servers=LocalServers())


def store(settings: Settings) -> None:
    async def act() -> None:
        async with directory(settings) as providers:
            await providers.configure(1, "groq", api_key=KEY)

    asyncio.run(act())


def stored(settings: Settings) -> Secret | None:
    async def act() -> Secret | None:
        async with directory(settings) as providers:
            return (await providers.endpoint(1, "groq")).api_key

    return asyncio.run(act())


def test_a_new_key_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url(tmp_path))
    store(settings)
    before = (tmp_path / "master.key").read_text()
    result = rotate(tmp_path)
    assert result.exit_code == 0, result.output
    assert "; 1 were changed" in result.output
    assert "Restart the server" in result.output
    assert (tmp_path / "master.key").read_text() != before
    assert not (tmp_path / "master.key.previous").exists()
    assert stored(settings) == KEY


def test_a_new_key_in_the_settings(tmp_path: Path) -> None:
    store(Settings(data_dir=tmp_path, database_url=database_url(tmp_path), master_key=ONE))
    refused = rotate(tmp_path, HEARTHSIDE_MASTER_KEY=ONE)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("hearthside: The master key is in HEARTHSIDE_MASTER_KEY")
    result = rotate(tmp_path, HEARTHSIDE_MASTER_KEY=TWO, HEARTHSIDE_PREVIOUS_MASTER_KEY=ONE)
    assert result.exit_code == 0, result.output
    assert "remove HEARTHSIDE_PREVIOUS_MASTER_KEY" in result.output
    assert stored(Settings(data_dir=tmp_path, database_url=database_url(tmp_path), master_key=TWO)) == KEY
    assert ONE not in result.output + refused.output
    assert TWO not in result.output


@pytest.mark.parametrize("name", ["HEARTHSIDE_MASTER_KEY", "HEARTHSIDE_PREVIOUS_MASTER_KEY"])
def test_a_key_that_is_none(tmp_path: Path, name: str) -> None:
    result = rotate(tmp_path, **{name: "damaged"})
    assert result.exit_code == 1
    assert result.stderr.startswith(f"hearthside: {name} must hold 32 bytes")
    assert "Traceback" not in result.output
