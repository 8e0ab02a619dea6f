"""Document 1's "Provider Integrations": configurations, their keys, and what the providers list."""

import pytest

from hearthside.gateway.model import Capabilities, ModelInfo
from hearthside.gateway.providers.scripted import ScriptedProvider, says
from hearthside.kit.errors import Unavailable, UpstreamFailed
from tests.contracts.client import Client
from tests.contracts.envelope.phone import TIME, UUID, Phone, stranger
from tests.contracts.house import House

KEY = "sk-or-CANARY-0123456789-wxyz"
ACTIVATE = {
    "provider": "openrouter",
    "apiKey": KEY,
    "baseUrl": "https://openrouter.ai/api",
    "metadata": {"defaultModel": "gpt-4o-mini"},
}
MINI = ModelInfo("openrouter/gpt-4o-mini", "GPT-4o Mini", Capabilities(max_context_tokens=128_000), 16_384, "Fast chat")
LARGE = ModelInfo("openrouter/gpt-4o", "GPT-4o", Capabilities(), None, None)


async def test_activate(phone: Phone) -> None:
    row = await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    assert row == {
        "id": row["id"],
        "provider": "openrouter",
        "displayName": None,
        "baseUrl": "https://openrouter.ai/api",
        "metadata": {"defaultModel": "gpt-4o-mini"},
        "isActive": True,
        "hasApiKey": True,
        "apiKeyPreview": "wxyz",
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
    }
    assert UUID.fullmatch(row["id"])
    assert TIME.fullmatch(row["createdAt"])
    assert await phone.done("GET", "/providers") == [row]
    again = await phone.done("POST", "/providers/activate", ACTIVATE | {"displayName": "Mine"}, status=201)
    assert again == row | {"displayName": "Mine", "updatedAt": again["updatedAt"]}, "the same one, changed"


async def test_update(phone: Phone) -> None:
    row = await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    for change, expected in [
        ({"displayName": "Router"}, {"displayName": "Router"}),
        ({"apiKey": "sk-or-another-0123456789"}, {"apiKeyPreview": "6789"}),
        ({"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
        ({"isActive": False}, {"isActive": False}),
        ({"isActive": True}, {"isActive": True}),
        ({}, {}),
        ({"apiKey": None}, {"hasApiKey": False, "apiKeyPreview": None}),
    ]:
        changed = await phone.done("PATCH", "/providers/openrouter", change)
        row = row | expected | {"updatedAt": changed["updatedAt"]}
        assert changed == row, change


async def test_a_new_place_loses_the_key(phone: Phone) -> None:
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    moved = await phone.done("PATCH", "/providers/openrouter", {"baseUrl": "https://elsewhere.example/api"})
    assert (moved["hasApiKey"], moved["apiKeyPreview"]) == (False, None)


async def test_deactivate(phone: Phone) -> None:
    row = await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    gone = await phone.done("DELETE", "/providers/openrouter")
    expected = {"isActive": False, "hasApiKey": False, "apiKeyPreview": None, "updatedAt": gone["updatedAt"]}
    assert gone == row | expected
    assert await phone.done("GET", "/providers") == [gone]
    assert (await phone.refused("GET", "/providers/openrouter/models")).status == 404


async def test_models_of_a_provider(server: House, phone: Phone) -> None:
    server.script.provider = ScriptedProvider(says("Hi"), models=[MINI, LARGE])
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    listed = await phone.done("GET", "/providers/openrouter/models")
    assert [one["id"] for one in listed] == ["openrouter/gpt-4o-mini", "openrouter/gpt-4o"]
    assert listed[0] | {"pricing": None} == {
        "id": "openrouter/gpt-4o-mini",
        "name": "GPT-4o Mini",
        "provider": "openrouter",
        "description": "Fast chat",
        "contextWindow": 128_000,
        "maxOutputTokens": 16_384,
        "pricing": None,
    }
    for search, found in [("MINI", 1), ("router/GPT", 2), ("fast CHAT", 1), ("llama", 0), ("", 2), ("%2525", 0)]:
        assert len(await phone.done("GET", f"/providers/openrouter/models?search={search}")) == found, search


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamFailed(
            "OpenRouter refused the API key. Check the key in the provider's settings.", code="provider_auth"
        ),
        Unavailable("OpenRouter cannot be reached.", code="provider_unreachable"),
    ],
)
async def test_a_provider_that_fails_says_why(server: House, phone: Phone, failure: UpstreamFailed) -> None:
    server.script.provider = ScriptedProvider(models=failure)
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    refusal = await phone.refused("GET", "/providers/openrouter/models")
    assert (refusal.status, refusal.message) == (502, failure.message)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"apiKey": KEY}, "provider"),
        (ACTIVATE | {"provider": "local"}, "provider"),
        (ACTIVATE | {"provider": "Not A Name"}, "provider"),
        (ACTIVATE | {"provider": 1}, "provider"),
        ({"provider": "openrouter"}, "apiKey"),
        (ACTIVATE | {"apiKey": ""}, "apiKey"),
        (ACTIVATE | {"apiKey": 1}, "apiKey"),
        ({"provider": "ollama"}, "baseUrl"),
        (ACTIVATE | {"baseUrl": "nonsense"}, "baseUrl"),
        (ACTIVATE | {"baseUrl": "file:///etc/passwd"}, "baseUrl"),
        (ACTIVATE | {"metadata": []}, "metadata"),
        (ACTIVATE | {"displayName": ""}, "displayName"),
        (ACTIVATE | {"api_key": KEY}, "api_key"),
    ],
)
async def test_bad_activation(server: House, phone: Phone, body: object, field: str) -> None:
    before = await server.dump()
    refusal = await phone.refused("POST", "/providers/activate", body)
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"apiKey": ""}, "apiKey"),
        ({"baseUrl": "nonsense"}, "baseUrl"),
        ({"isActive": "yes"}, "isActive"),
        ({"isActive": None}, "isActive"),
        ({"metadata": 1}, "metadata"),
        ({"provider": "openai"}, "provider"),
    ],
)
async def test_bad_update(server: House, phone: Phone, body: object, field: str) -> None:
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    before = await server.dump()
    refusal = await phone.refused("PATCH", "/providers/openrouter", body)
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


async def test_metadata_is_kept_as_far_as_json_can_be_stored(phone: Phone) -> None:
    body = ACTIVATE | {"metadata": {"a\0": ["b\0", {"c": "\ud83d\ude00"}, 1.5, None]}}
    row = await phone.done("POST", "/providers/activate", body, status=201)
    assert row["metadata"] == {"a": ["b", {"c": "😀"}, 1.5, None]}
    data = b'{"metadata": {"a": [NaN]}}'
    headers = {"Content-Type": "application/json"}
    refusal = await phone.refused("PATCH", "/providers/openrouter", data=data, headers=headers)
    assert (refusal.status, set(refusal.fields)) == (400, {"metadata"})


async def test_private_places_are_not_for_users(phone: Phone) -> None:
    for base_url in ("http://127.0.0.1:8000", "http://169.254.169.254", "http://10.0.0.1", "http://[::1]:9"):
        body = {"provider": "mine", "apiKey": KEY, "baseUrl": base_url}
        assert (await phone.refused("POST", "/providers/activate", body)).status == 400, base_url


async def test_anothers_provider_is_not_there(server: House, phone: Phone, other: Phone) -> None:
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    before = await server.dump()
    assert await other.done("GET", "/providers") == []
    assert (await other.refused("PATCH", "/providers/openrouter", {"isActive": False})).status == 404
    assert (await other.refused("DELETE", "/providers/openrouter")).status == 404
    assert (await other.refused("GET", "/providers/openrouter/models")).status == 404
    assert await server.dump() == before


async def test_the_same_providers_by_any_door(server: House, phone: Phone) -> None:
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    browser = Client(server.url, dict(phone.client.session.headers))
    server.clients.append(browser)
    assert "openrouter" in [one["provider_id"] for one in await browser.done("GET", "/providers")]


async def test_nothing_without_a_token(server: House) -> None:
    for method, path, body in [
        ("GET", "/providers", None),
        ("POST", "/providers/activate", ACTIVATE),
        ("PATCH", "/providers/openrouter", {}),
        ("DELETE", "/providers/openrouter", None),
        ("GET", "/providers/openrouter/models", None),
    ]:
        assert (await stranger(server).refused(method, path, body)).status == 401
