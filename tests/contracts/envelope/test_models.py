"""Document 1's "Model Management": imported models and the one default."""

import asyncio
from typing import Any

import pytest

from hearthside.gateway.providers.scripted import ScriptedProvider, says
from tests.contracts.envelope.phone import TIME, UUID, Phone, stranger
from tests.contracts.envelope.test_providers import ACTIVATE, LARGE, MINI
from tests.contracts.house import House

IMPORT: dict[str, Any] = {
    "provider": "openrouter",
    "sharedSettings": {"temperature": 0.7, "systemPrompt": "You are a helpful assistant."},
    "selections": [
        {"id": "openrouter/gpt-4o-mini", "name": "GPT-4o Mini", "description": "Fast reasoning tuned for chat"}
    ],
}
BOTH: dict[str, Any] = IMPORT | {"selections": [{"id": "openrouter/gpt-4o-mini"}, {"id": "openrouter/gpt-4o"}]}


@pytest.fixture
async def router(server: House, phone: Phone) -> Phone:
    """Somebody with a provider; `id` of it is in its row."""
    server.script.provider = ScriptedProvider(says("Hi"), models=[MINI, LARGE])
    await phone.done("POST", "/providers/activate", ACTIVATE, status=201)
    return phone


async def test_import(router: Phone) -> None:
    (provider,) = await router.done("GET", "/providers")
    (row,) = await router.done("POST", "/models/import", IMPORT | {"providerId": provider["id"]}, status=201)
    assert row == {
        "id": row["id"],
        "name": "GPT-4o Mini",
        "displayName": row["displayName"],
        "provider": "openrouter",
        "providerId": provider["id"],
        "model": "openrouter/gpt-4o-mini",
        "baseUrl": "https://openrouter.ai/api",
        "description": "Fast reasoning tuned for chat",
        "metadata": {},
        "systemPrompt": "You are a helpful assistant.",
        "temperature": 0.7,
        "maxTokens": 2048,
        "topP": 1,
        "frequencyPenalty": 0,
        "presencePenalty": 0,
        "additionalParams": {},
        "isDefault": False,
        "isActive": True,
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
    }
    assert UUID.fullmatch(row["id"])
    assert TIME.fullmatch(row["createdAt"])
    assert await router.done("GET", "/models") == [row]
    assert await router.done("GET", f"/models/{row['id']}") == row


async def test_importing_again_keeps_the_row(router: Phone) -> None:
    (first,) = await router.done("POST", "/models/import", IMPORT, status=201)
    selection = {"id": "openrouter/gpt-4o-mini", "name": "Renamed"}
    shared = {"temperature": 0.2, "additionalParams": {"seed": 7}}
    body = IMPORT | {"selections": [selection], "sharedSettings": shared}
    (again,) = await router.done("POST", "/models/import", body, status=201)
    assert (again["id"], again["name"], again["temperature"]) == (first["id"], "Renamed", 0.2)
    assert again["additionalParams"] == {"seed": 7}
    assert len(await router.done("GET", "/models")) == 1


async def test_delete(router: Phone) -> None:
    (row,) = await router.done("POST", "/models/import", IMPORT, status=201)
    assert await router.done("DELETE", f"/models/{row['id']}") == {"message": "Model deleted successfully"}
    assert (await router.refused("GET", f"/models/{row['id']}")).status == 404
    assert (await router.refused("DELETE", f"/models/{row['id']}")).status == 404
    assert await router.done("GET", "/models") == []


async def test_set_default(router: Phone) -> None:
    one, two = await router.done("POST", "/models/import", BOTH, status=201)
    assert not one["isDefault"]
    chosen = await router.done("POST", f"/models/{one['id']}/default", status=201)
    assert (chosen["id"], chosen["isDefault"]) == (one["id"], True)
    await router.done("POST", f"/models/{two['id']}/default", status=201)
    assert await defaults(router) == [two["id"]]
    assert (await router.refused("POST", "/models/00000000-0000-7000-8000-000000000000/default")).status == 404
    assert await defaults(router) == [two["id"]], "a failed one leaves the old default"


async def test_a_default_that_is_deleted_has_a_successor(router: Phone) -> None:
    one, two = await router.done("POST", "/models/import", BOTH, status=201)
    await router.done("POST", f"/models/{one['id']}/default", status=201)
    await router.done("DELETE", f"/models/{one['id']}")
    assert await defaults(router) == [two["id"]]


async def test_there_is_one_default_however_many_are_set_at_once(router: Phone) -> None:
    rows = await router.done("POST", "/models/import", BOTH, status=201)
    paths = [f"/models/{rows[number % 2]['id']}/default" for number in range(50)]
    await asyncio.gather(*(router.done("POST", path, status=201) for path in paths))
    assert len(await defaults(router)) == 1


async def test_models_of_a_provider_that_is_switched_off(server: House, router: Phone) -> None:
    await router.done("PATCH", "/providers/openrouter", {"isActive": False})
    before = await server.dump()
    assert (await router.refused("POST", "/models/import", IMPORT)).status == 400
    assert (await router.refused("POST", "/models/import", IMPORT | {"provider": "unheard-of"})).status == 400
    assert await server.dump() == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": ""}, "provider"),
        ({"providerId": "00000000-0000-7000-8000-000000000000"}, "providerId"),
        ({"selections": []}, "selections"),
        ({"selections": "all"}, "selections"),
        ({"selections": [{"name": "no id"}]}, "selections.0.id"),
        ({"selections": [{"id": "a", "price": 0}]}, "selections.0.price"),
        ({"sharedSettings": {"temperature": 2.1}}, "sharedSettings.temperature"),
        ({"selections": [{"id": "x" * 301}]}, "selections.0.id"),
        ({"sharedSettings": {"maxTokens": 0}}, "sharedSettings.maxTokens"),
        ({"sharedSettings": {"maxTokens": 10_000_001}}, "sharedSettings.maxTokens"),
        ({"sharedSettings": {"topP": -1}}, "sharedSettings.topP"),
        ({"sharedSettings": {"frequencyPenalty": 3}}, "sharedSettings.frequencyPenalty"),
        ({"sharedSettings": {"system_prompt": "x"}}, "sharedSettings.system_prompt"),
        ({"isDefault": True}, "isDefault"),
    ],
)
async def test_bad_import(server: House, router: Phone, change: dict[str, Any], field: str) -> None:
    before = await server.dump()
    refusal = await router.refused("POST", "/models/import", IMPORT | change)
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


async def test_anothers_models_are_not_there(server: House, router: Phone, other: Phone) -> None:
    (row,) = await router.done("POST", "/models/import", IMPORT, status=201)
    before = await server.dump()
    assert await other.done("GET", "/models") == []
    for target in (row["id"], "00000000-0000-7000-8000-000000000000", "1", "nonsense"):
        assert (await other.refused("GET", f"/models/{target}")).status == 404
        assert (await other.refused("DELETE", f"/models/{target}")).status == 404
        assert (await other.refused("POST", f"/models/{target}/default")).status == 404
    assert await server.dump() == before


async def test_nothing_without_a_token(server: House) -> None:
    for method, path, body in [
        ("GET", "/models", None),
        ("POST", "/models/import", IMPORT),
        ("GET", "/models/1", None),
        ("DELETE", "/models/1", None),
        ("POST", "/models/1/default", None),
    ]:
        assert (await stranger(server).refused(method, path, body)).status == 401


async def defaults(phone: Phone) -> list[str]:
    return [row["id"] for row in await phone.done("GET", "/models") if row["isDefault"]]
