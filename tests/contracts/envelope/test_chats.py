"""Document 1's "Chats": chats and the model that answers in each."""

from typing import Any

import pytest

from tests.contracts.envelope.phone import TIME, UUID, Phone, stranger
from tests.contracts.house import House

KEY = "sk-CANARY-0123456789-wxyz"
CONFIG: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4",
    "apiKey": KEY,
    "systemPrompt": "You are a helpful assistant",
    "temperature": 0.7,
    "maxTokens": 1000,
}
SHOWN = {name: value for name, value in CONFIG.items() if name != "apiKey"}
LLAMA = {"provider": "lmstudio", "model": "llama-3.2-3b-instruct"}
NOBODYS = "00000000-0000-7000-8000-000000000000"


async def test_create(phone: Phone) -> None:
    chat = await phone.done("POST", "/chats", {"title": "New Chat", "model_config": CONFIG}, status=201)
    assert chat == {
        "id": chat["id"],
        "user_id": (await phone.done("GET", "/users/profile"))["id"],
        "title": "New Chat",
        "model_config": SHOWN,
        "created_at": chat["created_at"],
        "updated_at": chat["updated_at"],
    }
    assert UUID.fullmatch(chat["id"])
    assert TIME.fullmatch(chat["created_at"])
    assert await phone.done("GET", f"/chats/{chat['id']}") == chat


async def test_create_without_a_model(phone: Phone) -> None:
    chat = await phone.done("POST", "/chats", {"title": "New Chat"}, status=201)
    assert chat["model_config"] is None


async def test_list(phone: Phone) -> None:
    assert await phone.done("GET", "/chats") == []
    first = await phone.done("POST", "/chats", {"title": "My Chat", "model_config": CONFIG}, status=201)
    second = await phone.done("POST", "/chats", {"title": "Another"}, status=201)
    assert await phone.done("GET", "/chats") == [second, first]
    changed = await phone.done("PUT", f"/chats/{first['id']}", {"title": "Mine"})
    assert await phone.done("GET", "/chats") == [changed, second], "the one that changed last first"


async def test_update(phone: Phone) -> None:
    chat = await phone.done("POST", "/chats", {"title": "New Chat", "model_config": CONFIG}, status=201)
    path = f"/chats/{chat['id']}"
    body = {
        "title": "Updated Chat Title",
        "model_config": {"provider": "anthropic", "model": "claude-3-sonnet", "apiKey": KEY, "temperature": 0.5},
    }
    updated = await phone.done("PUT", path, body)
    assert updated == chat | {
        "title": "Updated Chat Title",
        "model_config": {"provider": "anthropic", "model": "claude-3-sonnet", "temperature": 0.5},
        "updated_at": updated["updated_at"],
    }
    for change, expected in [
        ({"title": "Again"}, {"title": "Again"}),
        ({}, {}),
        ({"model_config": LLAMA}, {"model_config": LLAMA}),
        ({"model_config": None}, {"model_config": None}),
    ]:
        after = await phone.done("PUT", path, change)
        updated = updated | expected | {"updated_at": after["updated_at"]}
        assert after == updated == await phone.done("GET", path), change


async def test_delete(phone: Phone) -> None:
    chat = await phone.chat()
    await phone.done("POST", f"/chats/{chat}/messages", {"content": "Hello", "model_config": LLAMA}, status=201)
    assert await phone.done("DELETE", f"/chats/{chat}") == {"message": "Chat deleted successfully"}
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/messages")]:
        assert (await phone.refused(method, f"/chats/{chat}{path}")).status == 404
    assert await phone.done("GET", "/chats") == []


BAD_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"provider": ""}, "provider"),
    ({"provider": None}, "provider"),
    ({"provider": 1}, "provider"),
    ({"model": ""}, "model"),
    ({"model": "x" * 501}, "model"),
    ({"apiKey": ""}, "apiKey"),
    ({"apiKey": 1}, "apiKey"),
    ({"systemPrompt": []}, "systemPrompt"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "0.7"}, "temperature"),
    ({"maxTokens": 0}, "maxTokens"),
    ({"maxTokens": 1.5}, "maxTokens"),
    ({"maxTokens": 2**31}, "maxTokens"),
    ({"topK": 1}, "topK"),
    ({"api_key": KEY}, "api_key"),
]


@pytest.mark.parametrize(("change", "field"), BAD_CONFIGS)
async def test_bad_model_configs(server: House, phone: Phone, change: dict[str, Any], field: str) -> None:
    chat = await phone.chat()
    before = await server.dump()
    body = {"model_config": CONFIG | change}
    for method, path, more in [
        ("POST", "/chats", {"title": "New Chat"}),
        ("PUT", f"/chats/{chat}", {}),
        ("POST", f"/chats/{chat}/messages", {"content": "Hello"}),
    ]:
        refusal = await phone.refused(method, path, more | body)
        assert (refusal.status, refusal.message) == (400, "Validation failed"), path
        assert set(refusal.fields) == {f"model_config.{field}"}, path
        assert KEY not in str(refusal)
    assert await server.dump() == before


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/chats", {}, "title"),
        ("POST", "/chats", {"title": ""}, "title"),
        ("POST", "/chats", {"title": "   "}, "title"),
        ("POST", "/chats", {"title": "x" * 256}, "title"),
        ("POST", "/chats", {"title": 1}, "title"),
        ("POST", "/chats", {"title": None}, "title"),
        ("POST", "/chats", {"title": "New Chat", "user_id": NOBODYS}, "user_id"),
        ("POST", "/chats", {"title": "New Chat", "model_config": {"provider": "openai"}}, "model_config.model"),
        ("POST", "/chats", {"title": "New Chat", "model_config": {"model": "gpt-4"}}, "model_config.provider"),
        ("POST", "/chats", {"title": "New Chat", "model_config": "gpt-4"}, "model_config"),
        ("PUT", "/chats/{id}", {"title": ""}, "title"),
        ("PUT", "/chats/{id}", {"title": None}, "title"),
        ("PUT", "/chats/{id}", {"title": "x" * 256}, "title"),
        ("PUT", "/chats/{id}", {"id": NOBODYS}, "id"),
        ("POST", "/chats/{id}/messages", {}, "content"),
        ("POST", "/chats/{id}/messages", {"content": ""}, "content"),
        ("POST", "/chats/{id}/messages", {"content": " \n "}, "content"),
        ("POST", "/chats/{id}/messages", {"content": 1}, "content"),
        ("POST", "/chats/{id}/messages", {"content": "Hello", "role": "assistant"}, "role"),
        ("GET", "/chats/{id}/messages?limit=0", None, "limit"),
        ("GET", "/chats/{id}/messages?limit=101", None, "limit"),
        ("GET", "/chats/{id}/messages?limit=many", None, "limit"),
        ("GET", "/chats/{id}/messages?offset=-1", None, "offset"),
        ("GET", "/chats/{id}/messages?offset=9999999999999999999", None, "offset"),
    ],
)
async def test_bad_input(server: House, phone: Phone, method: str, path: str, body: object, field: str) -> None:
    chat = await phone.chat(**LLAMA)
    before = await server.dump()
    refusal = await phone.refused(method, path.format(id=chat), body)
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


async def test_anothers_chat_is_not_there(server: House, phone: Phone, other: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    await phone.done("POST", f"/chats/{chat}/messages", {"content": "Mine"}, status=201)
    before = await server.dump()
    assert await other.done("GET", "/chats") == []
    for target in (chat, NOBODYS, "1", "nonsense", chat.upper() + "x"):
        for method, path, body in [
            ("GET", "", None),
            ("PUT", "", {"title": "stolen"}),
            ("PUT", "", {"model_config": CONFIG}),
            ("DELETE", "", None),
            ("GET", "/messages", None),
            ("POST", "/messages", {"content": "stolen", "model_config": LLAMA}),
        ]:
            assert (await other.refused(method, f"/chats/{target}{path}", body)).status == 404, (method, path)
    assert await server.dump() == before


async def test_nothing_without_a_token(server: House) -> None:
    for method, path, body in [
        ("GET", "/chats", None),
        ("POST", "/chats", {"title": "New Chat"}),
        ("GET", "/chats/1", None),
        ("PUT", "/chats/1", {"title": "New Chat"}),
        ("DELETE", "/chats/1", None),
        ("GET", "/chats/1/messages", None),
        ("POST", "/chats/1/messages", {"content": "Hello"}),
    ]:
        assert (await stranger(server).refused(method, path, body)).status == 401


async def test_odd_characters_are_kept_as_far_as_they_can_be(phone: Phone) -> None:
    chat = await phone.done("POST", "/chats", {"title": "a\0b \ud83d\ude00"}, status=201)
    assert chat["title"] == "ab 😀"
