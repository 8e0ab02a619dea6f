"""What a provider would be, to try it before anything is stored."""

import pytest

from hearthside.kit.addresses import AddressRefused
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid
from hearthside.kit.secret import Secret
from hearthside.providers.changes import ProviderChange
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import WireProtocol
from hearthside.providers.service import ProviderDirectory
from tests.providers.test_service import ANNA, KEY, OPENAI, directory_of

NEW = Secret("sk-new-0123456789")


@pytest.fixture
def directory(database: Database) -> ProviderDirectory:
    return directory_of(database, ProviderKeys(bytes(32)))


async def test_a_known_provider_with_a_key(directory: ProviderDirectory) -> None:
    endpoint = await directory.trial(ANNA, "groq", api_key=NEW)
    assert (endpoint.base_url, endpoint.api_key) == ("https://api.groq.com/openai/v1", NEW)
    assert await directory.configs(ANNA) == [], "nothing is stored"


async def test_a_server_of_ones_own(directory: ProviderDirectory) -> None:
    endpoint = await directory.trial(
        ANNA, "mine", api_key=NEW, base_url="https://x.example/v1", metadata={"protocol": "anthropic"}
    )
    assert (endpoint.protocol, endpoint.base_url) == (WireProtocol.ANTHROPIC, "https://x.example/v1")
    assert not endpoint.trusted


async def test_what_is_stored_is_tried_even_if_it_is_switched_off(directory: ProviderDirectory) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url="https://x.example/v1")
    await directory.update(ANNA, "mine", ProviderChange(is_active=False))
    endpoint = await directory.trial(ANNA, "mine")
    assert (endpoint.base_url, endpoint.api_key) == ("https://x.example/v1", KEY)
    assert (await directory.trial(ANNA, "mine", api_key=NEW)).base_url == "https://x.example/v1"


async def test_the_servers_own(directory: ProviderDirectory) -> None:
    assert await directory.trial(ANNA, "openai") == OPENAI


@pytest.mark.parametrize("base_url", ["https://evil.example/v1", "http://x.example/v1", "https://x.example:444"])
async def test_a_stored_key_goes_nowhere_else(directory: ProviderDirectory, base_url: str) -> None:
    await directory.configure(ANNA, "mine", api_key=KEY, base_url="https://x.example/v1")
    assert (await directory.trial(ANNA, "mine", base_url=base_url)).api_key is None
    assert (await directory.trial(ANNA, "mine", base_url="https://x.example/v2")).api_key == KEY


async def test_the_servers_key_goes_nowhere_else(directory: ProviderDirectory) -> None:
    assert (await directory.trial(ANNA, "openai", base_url="https://evil.example/v1")).api_key is None


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://169.254.169.254/"])
async def test_private_addresses(directory: ProviderDirectory, base_url: str) -> None:
    with pytest.raises(AddressRefused):
        await directory.trial(ANNA, "mine", api_key=NEW, base_url=base_url)


@pytest.mark.parametrize(
    ("provider_id", "options"),
    [
        ("nobody", {}),
        ("mine", {"api_key": NEW}),
        ("local", {"api_key": NEW}),
        ("groq", {"api_key": Secret("a b")}),
        ("mine", {"base_url": "https://x.example", "metadata": {"protocol": "local"}}),
    ],
)
async def test_what_cannot_be_tried(directory: ProviderDirectory, provider_id: str, options: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await directory.trial(ANNA, provider_id, **options)  # type: ignore[arg-type]
