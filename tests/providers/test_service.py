"""Which providers a user can use, and what happens to their keys."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, NotFound
from hearthside.kit.secret import Secret
from hearthside.providers.changes import ProviderChange
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import MOST_CONFIGS_PER_USER, ProviderDirectory
from hearthside.providers.store import provider_config

ANNA, BEN = 1, 2
KEY = Secret("sk-anna-0123456789")
LOCAL = Endpoint("local", "This machine", WireProtocol.LOCAL, "", None, trusted=True)
OPENAI = Endpoint(
    "openai", "OpenAI", WireProtocol.OPENAI, "https://api.openai.com/v1", Secret("sk-server"), trusted=True
)
LAB = Endpoint("lab", "Lab", WireProtocol.OPENAI, "http://10.0.0.5:8000/v1", None, trusted=True)
OLLAMA = Endpoint("ollama", "Ollama", WireProtocol.OLLAMA, "http://127.0.0.1:11434", None, trusted=True)


class LocalServers:
    def __init__(self, *running: Endpoint) -> None:
        self._running = running

    def candidates(self) -> Sequence[Endpoint]:
        return [OLLAMA]

    def running(self) -> Sequence[Endpoint]:
        return self._running


def directory_of(database: Database, keys: ProviderKeys, *running: Endpoint) -> ProviderDirectory:
    server, local_servers = [LOCAL, OPENAI, LAB], LocalServers(*running)
    return ProviderDirectory(database, ManualClock(), keys, server=server, local_servers=local_servers)


@pytest.fixture
def directory(database: Database) -> ProviderDirectory:
    return directory_of(database, ProviderKeys(bytes(32)))


async def ids(directory: ProviderDirectory, user_id: int) -> list[str]:
    return [endpoint.provider_id for endpoint in await directory.endpoints(user_id)]


async def sealed(database: Database, user_id: int, provider_id: str) -> str | None:
    async with database.read() as connection:
        statement = sa.select(provider_config.c.api_key).where(
            provider_config.c.user_id == user_id, provider_config.c.provider_id == provider_id
        )
        return (await connection.execute(statement)).scalar_one()


async def test_everyone_has_the_servers(directory: ProviderDirectory) -> None:
    assert await directory.endpoints(ANNA) == [LOCAL, OPENAI, LAB]
    assert await directory.endpoint(ANNA, "local") == LOCAL


async def test_local_servers_are_there_while_they_run(database: Database) -> None:
    directory = directory_of(database, ProviderKeys(bytes(32)), OLLAMA)
    assert await ids(directory, ANNA) == ["local", "openai", "lab", "ollama"]
    assert await directory.endpoint(ANNA, "ollama") == OLLAMA


async def test_an_unknown_provider(directory: ProviderDirectory) -> None:
    with pytest.raises(Invalid) as raised:
        await directory.endpoint(ANNA, "nobody")
    assert raised.value.code == "provider_not_found"


async def test_ones_own_shadows_the_servers_and_is_nobody_elses(directory: ProviderDirectory) -> None:
    config = await directory.configure(ANNA, "openai", api_key=KEY, display_name="Mine")
    assert (config.has_api_key, config.key_last_four, config.is_active) == (True, "6789", True)
    own = await directory.endpoint(ANNA, "openai")
    assert own == Endpoint("openai", "Mine", WireProtocol.OPENAI, "https://api.openai.com/v1", KEY, trusted=True)
    assert own in await directory.endpoints(ANNA)
    assert await directory.endpoint(BEN, "openai") == OPENAI
    assert await directory.configs(BEN) == []


async def test_a_known_provider_that_the_server_has_not(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "groq", api_key=KEY)
    groq = await directory.endpoint(ANNA, "groq")
    assert (groq.base_url, groq.trusted) == ("https://api.groq.com/openai/v1", False)
    assert "groq" not in await ids(directory, BEN)


async def test_a_server_of_ones_own(directory: ProviderDirectory) -> None:
    await directory.configure(
        ANNA, "my-claude", api_key=KEY, base_url="https://claude.example/", metadata={"protocol": "anthropic"}
    )
    mine = await directory.endpoint(ANNA, "my-claude")
    assert (mine.protocol, mine.base_url, mine.trusted) == (WireProtocol.ANTHROPIC, "https://claude.example", False)


@pytest.mark.parametrize("provider_id", ["local", "", "Upper", "-x", "a/b", "x" * 65])
async def test_ids_that_cannot_be(directory: ProviderDirectory, provider_id: str) -> None:
    with pytest.raises(Invalid):
        await directory.configure(ANNA, provider_id, api_key=KEY, base_url="https://x.example")


@pytest.mark.parametrize(
    ("provider_id", "base_url", "metadata"),
    [
        ("mine", None, {}),
        ("vllm", None, {}),
        ("mine", "ftp://x.example", {}),
        ("mine", "https://user:pass@x.example", {}),
        ("mine", "https://x.example", {"protocol": "local"}),
        ("mine", "https://x.example", {"protocol": ["openai"]}),
        ("mine", "http://127.0.0.1:8000/v1", {}),
        ("mine", "http://169.254.169.254/", {}),
        ("mine", "http://10.0.0.5:8001/v1", {}),
        ("mine", "https://10.0.0.5:8000/v1", {}),
    ],
)
async def test_configurations_that_cannot_be(
    directory: ProviderDirectory, provider_id: str, base_url: str | None, metadata: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        await directory.configure(ANNA, provider_id, api_key=KEY, base_url=base_url, metadata=metadata)
    assert await directory.configs(ANNA) == []


@pytest.mark.parametrize("base_url", ["http://10.0.0.5:8000/other", "http://127.0.0.1:11434"])
async def test_the_exact_place_of_a_servers_provider_may_be_ones_own_too(
    directory: ProviderDirectory, base_url: str
) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url=base_url)
    assert (await directory.endpoint(ANNA, "mine")).trusted


async def test_a_name_that_hides_a_private_address_stays_untrusted(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url="http://localhost:11434")
    assert not (await directory.endpoint(ANNA, "mine")).trusted


async def test_environment_variables_are_never_expanded(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "groq", api_key=Secret("${GROQ_API_KEY}"))
    assert (await directory.endpoint(ANNA, "groq")).api_key == Secret("${GROQ_API_KEY}")
    with pytest.raises(Invalid):
        await directory.configure(ANNA, "groq", api_key=KEY, base_url="https://${HOST}/v1")


@pytest.mark.parametrize(
    ("base_url", "kept"),
    [
        ("https://api.example/v2", True),
        ("https://API.example:443/", True),
        ("http://api.example/v1", False),
        ("https://api.example:8443/v1", False),
        ("https://evil.example/v1", False),
    ],
)
async def test_a_key_is_bound_to_its_place(
    directory: ProviderDirectory, database: Database, base_url: str, kept: bool
) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url="https://api.example/v1")
    config = await directory.update(ANNA, "mine", ProviderChange(base_url=base_url))
    assert config.has_api_key == kept
    assert config.key_last_four == ("6789" if kept else "")
    assert (await sealed(database, ANNA, "mine") is not None) == kept
    assert (await directory.endpoint(ANNA, "mine")).api_key == (KEY if kept else None)


async def test_a_known_provider_moved_away_loses_its_key(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "groq", api_key=KEY)
    await directory.update(ANNA, "groq", ProviderChange(base_url="https://evil.example/v1"))
    assert "groq" not in await ids(directory, ANNA)


async def test_a_provider_that_needs_a_key_is_not_activated_without_one(
    directory: ProviderDirectory, database: Database
) -> None:
    with pytest.raises(Invalid, match="Groq needs an API key"):
        await directory.configure(ANNA, "groq", api_key=None)
    assert await directory.configs(ANNA) == []
    await directory.configure(ANNA, "groq", api_key=KEY)
    sealed_before = await sealed(database, ANNA, "groq")
    with pytest.raises(Invalid, match="Groq needs an API key"):
        await directory.configure(ANNA, "groq", api_key=None, base_url="https://evil.example/v1")
    assert await sealed(database, ANNA, "groq") == sealed_before


async def test_a_key_that_comes_with_the_new_place_is_kept(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url="https://api.example/v1")
    new = Secret("sk-new-987654321")
    await directory.update(ANNA, "mine", ProviderChange(base_url="https://other.example", api_key=new))
    assert (await directory.endpoint(ANNA, "mine")).api_key == new


async def test_configuring_again_keeps_the_key_where_none_is_given(directory: ProviderDirectory) -> None:
    first = await directory.configure(ANNA, "groq", api_key=KEY)
    again = await directory.configure(ANNA, "groq", api_key=None, display_name="Groq!")
    assert (again.id, again.has_api_key, again.display_name) == (first.id, True, "Groq!")


async def test_null_removes_the_key(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "openai", api_key=KEY)
    config = await directory.update(ANNA, "openai", ProviderChange(api_key=None))
    assert (config.has_api_key, config.key_last_four) == (False, "")
    assert await directory.endpoint(ANNA, "openai") == OPENAI


async def test_what_a_change_does_not_name_stays(directory: ProviderDirectory) -> None:
    before = await directory.configure(
        ANNA, "mine", api_key=KEY, base_url="https://api.example", display_name="Mine", metadata={"a": [1]}
    )
    after = await directory.update(ANNA, "mine", ProviderChange())
    assert after == before
    assert after.metadata == {"a": [1]}


async def test_switched_off_is_unused_until_it_is_switched_on_again(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "openai", api_key=KEY)
    config = await directory.update(ANNA, "openai", ProviderChange(is_active=False))
    assert not config.is_active
    assert await directory.endpoint(ANNA, "openai") == OPENAI
    await directory.update(ANNA, "openai", ProviderChange(is_active=True))
    assert (await directory.endpoint(ANNA, "openai")).api_key == KEY


async def test_deactivated_has_no_key_any_more(directory: ProviderDirectory, database: Database) -> None:
    before = await directory.configure(
        ANNA, "mine", api_key=KEY, base_url="https://x.example", display_name="Mine", metadata={"a": 1}
    )
    config = await directory.deactivate(ANNA, "mine")
    assert config == replace(before, is_active=False, has_api_key=False, key_last_four="")
    assert await directory.configs(ANNA) == [config]
    assert await sealed(database, ANNA, "mine") is None
    assert "mine" not in await ids(directory, ANNA)
    with pytest.raises(NotFound):
        await directory.deactivate(BEN, "mine")


async def test_blanks_around_a_key_are_no_part_of_it(directory: ProviderDirectory) -> None:
    config = await directory.configure(ANNA, "groq", api_key=Secret(f" {KEY.reveal()}\n"))
    assert config.key_last_four == "6789"
    assert (await directory.endpoint(ANNA, "groq")).api_key == KEY


@pytest.mark.parametrize("key", ["  ", "sk\r\nX-Evil: 1", "sk-\u00fc", "sk-\ud800", "sk 1", "x" * 4097])
async def test_keys_that_cannot_be(directory: ProviderDirectory, key: str) -> None:
    with pytest.raises(Invalid) as raised:
        await directory.configure(ANNA, "groq", api_key=Secret(key))
    assert [problem.where for problem in raised.value.fields] == ["body.api_key"]


async def test_what_a_database_cannot_hold_is_made_so_that_it_can(directory: ProviderDirectory) -> None:
    config = await directory.configure(
        ANNA, "groq", api_key=KEY, display_name=" A\0B ", metadata={"k\0": ["\ud800", {"n": None}]}
    )
    assert (config.display_name, config.metadata) == ("AB", {"k": ["\ufffd", {"n": None}]})
    with pytest.raises(Invalid):
        await directory.update(ANNA, "groq", ProviderChange(display_name="x" * 201))


async def test_only_ones_own_can_be_changed(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "groq", api_key=KEY)
    for provider_id in ("groq", "openai", "nobody"):
        with pytest.raises(NotFound) as raised:
            await directory.update(BEN, provider_id, ProviderChange(api_key=None))
        assert raised.value.code == "provider_not_found"


async def test_a_key_copied_to_another_row_in_the_database_does_not_open(
    directory: ProviderDirectory, database: Database
) -> None:
    await directory.configure(ANNA, "groq", api_key=KEY)
    await directory.configure(BEN, "groq", api_key=Secret("sk-ben-0123456789"))
    async with database.write() as connection:
        stolen = sa.select(provider_config.c.api_key).where(provider_config.c.user_id == ANNA).scalar_subquery()
        await connection.execute(
            provider_config.update().where(provider_config.c.user_id == BEN).values(api_key=stolen)
        )
    with pytest.raises(Invalid):
        await directory.endpoint(BEN, "groq")
    assert (await directory.endpoint(ANNA, "groq")).api_key == KEY


async def test_keys_are_encrypted_in_the_database(directory: ProviderDirectory, database: Database) -> None:
    await directory.configure(ANNA, "groq", api_key=KEY)
    stored = await sealed(database, ANNA, "groq")
    assert stored is not None
    assert KEY.reveal() not in stored


async def test_two_at_once_make_one(directory: ProviderDirectory) -> None:
    await asyncio.gather(*(directory.configure(ANNA, "groq", api_key=KEY) for _ in range(5)))
    assert len(await directory.configs(ANNA)) == 1


async def test_there_is_an_end_to_how_many(directory: ProviderDirectory) -> None:
    for number in range(MOST_CONFIGS_PER_USER):
        await directory.configure(ANNA, f"p{number}", api_key=None, base_url="https://x.example")
    with pytest.raises(Invalid, match="may have"):
        await directory.configure(ANNA, "one-more", api_key=None, base_url="https://x.example")
    await directory.configure(ANNA, "p0", api_key=KEY, base_url="https://x.example")
    assert len(await directory.configs(ANNA)) == MOST_CONFIGS_PER_USER
