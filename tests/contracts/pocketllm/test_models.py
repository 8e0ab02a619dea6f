"""/v1/models: what all providers offer, and what a user has saved of it."""

import asyncio
from typing import Any

from hearthside.gateway.providers.scripted import ScriptedProvider
from hearthside.kit.errors import Unavailable
from tests.contracts.house import House
from tests.contracts.pocketllm.app import NOBODY, TIME, UUID, App

FIELDS = {
    "id", "user_id", "provider_id", "provider", "name", "model", "display_name", "description", "is_default",
    "is_active", "settings", "created_at", "updated_at",
}  # fmt: skip
DEFAULT_SETTINGS = {
    "temperature": 0.7,
    "max_tokens": 2048,
    "top_p": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "system_prompt": None,
    "metadata": None,
}


async def test_all_providers_together(app: App) -> None:
    await app.saved()
    models = await app.done("GET", "/models")
    assert [(model["provider"], model["id"]) for model in models] == [
        ("lmstudio", "llama-3.2-3b-instruct"),
        ("openai", "llama-3.2-3b-instruct"),
    ]
    assert models[0]["context_window"] == 4096
    assert await app.done("GET", "/models?q=nothing-like-it") == []


async def test_import(app: App) -> None:
    (provider,) = [
        (await app.done("POST", "/providers/activate", {"provider": "openai", "api_key": "sk-test"}))["provider"]
    ]
    body = {"provider": "openai", "models": ["llama-3.2-3b-instruct", "not-on-the-list"]}
    saved = await app.done("POST", "/models/import", body)
    assert [one["model"] for one in saved] == body["models"]
    listed, named = saved
    assert set(listed) == FIELDS
    assert UUID.fullmatch(listed["id"])
    assert TIME.fullmatch(listed["created_at"])
    assert (listed["provider"], listed["provider_id"]) == ("openai", provider["id"])
    assert (listed["name"], listed["is_active"], listed["settings"]) == ("Llama 3.2 3B", True, DEFAULT_SETTINGS)
    assert named["name"] == "not-on-the-list"
    again = await app.done("POST", "/models/import", body)
    assert [one["id"] for one in again] == [one["id"] for one in saved], "one row per user, provider and model"
    assert await app.done("GET", "/models/saved") == again


async def test_import_all_that_is_listed(app: App) -> None:
    await app.saved()
    (saved,) = await app.done("POST", "/models/import", {"provider": "openai"})
    assert saved["model"] == "llama-3.2-3b-instruct"


async def test_import_of_what_cannot_be(server: House, app: App) -> None:
    assert (await app.refused("POST", "/models/import", {"provider": "groq"}))[0] == 404
    await app.done("POST", "/providers/activate", {"provider": "openai", "api_key": "sk-test"})
    server.script.provider = ScriptedProvider(models=Unavailable("OpenAI is away.", code="provider_unreachable"))
    assert (await app.refused("POST", "/models/import", {"provider": "openai"}))[0] == 503
    await app.done("PATCH", "/providers/openai", {"is_active": False})
    assert (await app.refused("POST", "/models/import", {"provider": "openai", "models": ["x"]}))[0] == 400
    assert await app.done("GET", "/models/saved") == []


async def test_get_and_delete(app: App) -> None:
    model = await app.saved()
    saved = await app.done("GET", f"/models/{model}")
    assert saved["id"] == model
    await app.done("DELETE", f"/models/{model}", status=204)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/default")):
        assert await app.refused(method, f"/models/{model}{path}") == (404, "There is no such saved model.")
    assert await app.done("GET", "/models/saved") == []


async def test_the_default(app: App) -> None:
    first, second = await app.saved("one"), await app.saved("two")
    for chosen, body in ((first, {"is_default": True}), (second, None)):
        saved = await app.done("POST", f"/models/{chosen}/default", body)
        assert set(saved) == FIELDS
        assert (saved["id"], saved["is_default"]) == (chosen, True)
        assert await defaults(app) == [chosen]


async def test_a_default_that_cannot_be_set_leaves_the_old_one(app: App, other: App) -> None:
    mine, foreign = await app.saved(), await other.saved()
    await app.done("POST", f"/models/{mine}/default")
    for wrong in (foreign, NOBODY, "nonsense"):
        assert (await app.refused("POST", f"/models/{wrong}/default", {"is_default": True}))[0] == 404
    assert (await app.refused("POST", f"/models/{mine}/default", {"is_default": False}))[0] == 422
    assert await defaults(app) == [mine]
    assert await defaults(other) == []


async def test_fifty_at_once_leave_one_default(app: App) -> None:
    models = [await app.saved(f"model-{number}") for number in range(10)]
    replies = await asyncio.gather(*(app.send("POST", f"/models/{models[n % 10]}/default") for n in range(50)))
    assert {reply.status for reply in replies} == {200}
    assert len(await defaults(app)) == 1


async def test_the_default_falls_to_the_one_used_last(app: App) -> None:
    first, second, third = [await app.saved(name) for name in ("one", "two", "three")]
    for chosen in (first, second, third):
        await app.done("POST", f"/models/{chosen}/default")
    await app.done("DELETE", f"/models/{third}", status=204)
    assert await defaults(app) == [second]


async def defaults(app: App) -> list[str]:
    saved: list[dict[str, Any]] = await app.done("GET", "/models/saved")
    return [one["id"] for one in saved if one["is_default"]]
