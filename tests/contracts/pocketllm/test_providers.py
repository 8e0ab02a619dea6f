"""/v1/providers: a user's own, their keys, and what they list."""

from typing import Any

import pytest

from hearthside.gateway.model import Capabilities, ModelInfo
from hearthside.gateway.providers.scripted import ScriptedProvider, says
from hearthside.kit.errors import HearthsideError, Unavailable, UpstreamFailed
from hearthside.usage.model import TokenPrices
from tests.contracts.house import LLAMA, House
from tests.contracts.pocketllm.app import TIME, UUID, App

KEY = "sk-canary-0123456789abcdef"
FIELDS = {
    "id", "user_id", "provider", "display_name", "base_url", "metadata", "has_api_key", "api_key_preview", "is_active",
    "created_at", "updated_at",
}  # fmt: skip


async def activated(app: App, **changes: Any) -> dict[str, Any]:
    body = {"provider": "openai", "api_key": KEY} | changes
    answer = await app.done("POST", "/providers/activate", body)
    assert set(answer) == {"provider"}
    provider: dict[str, Any] = answer["provider"]
    return provider


async def test_activate(app: App) -> None:
    given = {"base_url": "https://api.example.com/v1", "metadata": {"team": "red"}, "display_name": "My OpenAI"}
    provider = await activated(app, **given)
    assert set(provider) == FIELDS
    assert UUID.fullmatch(provider["id"])
    assert provider["user_id"] == (await app.done("GET", "/users/profile"))["id"]
    assert {name: provider[name] for name in given} == given
    assert (provider["has_api_key"], provider["api_key_preview"], provider["is_active"]) == (True, "cdef", True)
    assert TIME.fullmatch(provider["created_at"])
    assert await app.done("GET", "/providers") == [provider]


async def test_activate_again_keeps_the_id(app: App) -> None:
    first = await activated(app)
    second = await activated(app, provider="OpenAI", api_key="sk-another-key-9999")
    assert (second["id"], second["provider"], second["api_key_preview"]) == (first["id"], "openai", "9999")


async def test_what_cannot_be_activated(app: App) -> None:
    for body, about in [
        ({"provider": "openai"}, "key"),
        ({"provider": "my-own-server", "api_key": KEY}, "base_url"),
        ({"provider": "local", "api_key": KEY}, "local"),
        ({"provider": "openai", "api_key": KEY, "base_url": "ftp://example.com"}, "http"),
        ({"provider": "openai", "api_key": KEY, "base_url": "http://169.254.169.254/latest"}, "address"),
    ]:
        status, why = await app.refused("POST", "/providers/activate", body)
        assert status in {400, 422}, body
        assert about in why.lower(), (body, why)
    assert await app.done("GET", "/providers") == []


async def test_update(app: App) -> None:
    provider = await activated(app)
    path = "/providers/openai"
    assert (await app.done("PATCH", path, {"display_name": "Mine"}))["display_name"] == "Mine"
    rotated = await app.done("PATCH", path, {"api_key": "sk-rotated-key-7777"})
    assert (rotated["api_key_preview"], rotated["display_name"], rotated["id"]) == ("7777", "Mine", provider["id"])
    off = await app.done("PATCH", path, {"is_active": False})
    assert (off["is_active"], off["has_api_key"]) == (False, True)
    removed = await app.done("PATCH", path, {"api_key": None})
    assert (removed["has_api_key"], removed["api_key_preview"]) == (False, None)


async def test_a_key_stays_at_its_place(app: App) -> None:
    await activated(app)
    moved = await app.done("PATCH", "/providers/openai", {"base_url": "https://elsewhere.example.com/v1"})
    assert (moved["has_api_key"], moved["api_key_preview"]) == (False, None)


async def test_deactivate(app: App) -> None:
    await activated(app)
    await app.done("DELETE", "/providers/openai", status=204)
    (kept,) = await app.done("GET", "/providers")
    assert (kept["is_active"], kept["has_api_key"], kept["api_key_preview"]) == (False, False, None)
    assert await app.done("GET", "/providers/openai/models") == []


async def test_one_that_is_not_configured(app: App) -> None:
    assert (await app.refused("PATCH", "/providers/groq", {"display_name": "x"}))[0] == 404
    assert (await app.refused("DELETE", "/providers/groq"))[0] == 404
    assert await app.done("GET", "/providers/groq/models") == []


async def test_the_catalogue_of_a_provider(server: House, app: App) -> None:
    mini = ModelInfo(
        "gpt-4o-mini",
        "GPT-4o mini",
        Capabilities(vision=True, max_context_tokens=128_000),
        max_output_tokens=16_384,
        description="Small and quick",
        prices=TokenPrices(input_usd=0.15, output_usd=0.6),  # type: ignore[arg-type] - floats do here
    )
    server.script.provider = ScriptedProvider(says("Hi"), models=[mini, LLAMA])
    await activated(app)
    models = await app.done("GET", "/providers/openai/models")
    assert [model["id"] for model in models] == ["gpt-4o-mini", "llama-3.2-3b-instruct"]
    assert models[0] == {
        "provider": "openai",
        "id": "gpt-4o-mini",
        "name": "GPT-4o mini",
        "description": "Small and quick",
        "context_window": 128_000,
        "max_output_tokens": 16_384,
        "pricing": {"currency": "USD", "input": 0.15, "output": 0.6, "cached_input": None},
        "is_active": True,
        "metadata": {"capabilities": {"streaming": True, "vision": True, "tools": False, "json_mode": False}},
    }
    for query, found in [("MINI", 1), ("quick", 1), ("llama", 1), ("gpt-9", 0)]:
        assert len(await app.done("GET", f"/providers/openai/models?q={query}")) == found, query


@pytest.mark.parametrize("path", ["/providers/openai/models", "/models"])
async def test_a_provider_that_does_not_answer_is_named(server: House, app: App, path: str) -> None:
    await activated(app)
    server.script.provider = ScriptedProvider(models=Unavailable("OpenAI is away.", code="provider_unreachable"))
    reply = await app.send("GET", path)
    assert (reply.status, reply.json) == (200, [])
    assert "openai" in reply.headers["X-Catalogue-Incomplete"].split(",")


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (None, "fine"),
        (UpstreamFailed("OpenAI refuses the key.", code="provider_auth"), "key_refused"),
        (Unavailable("OpenAI cannot be reached.", code="provider_unreachable"), "unreachable"),
    ],
)
async def test_a_key_is_tried(server: House, app: App, failure: HearthsideError | None, verdict: str) -> None:
    await activated(app)
    server.script.provider = ScriptedProvider(models=failure or [LLAMA])
    for body in (None, {}, {"api_key": KEY}):
        answer = await app.done("POST", "/providers/openai/test", body)
        assert set(answer) == {"ok", "verdict", "message", "models", "key_proven"}
        assert (answer["ok"], answer["verdict"]) == (failure is None, verdict)
        assert answer["message"]
        assert KEY not in str(answer)
    assert (await app.refused("POST", "/providers/nobodys-own/test"))[0] in {404, 422}
