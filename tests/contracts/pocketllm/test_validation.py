"""Bad input, field by field: 422, the field's name, and nothing changed."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from tests.contracts.conftest import OpenHouse
from tests.contracts.house import PASSWORD
from tests.contracts.pocketllm.app import App, detail, signed_up

HALF_A_PAIR = "\ud800"
NEW = {"email": "new@example.com", "password": PASSWORD}
MESSAGES = "/chats/{chat}/messages"

BODIES: list[tuple[str, str, Any, str]] = [
    ("POST", "/auth/signup", {"password": PASSWORD}, "email"),
    ("POST", "/auth/signup", NEW | {"email": "no-address"}, "email"),
    ("POST", "/auth/signup", NEW | {"email": 5}, "email"),
    ("POST", "/auth/signup", NEW | {"email": "a\0b@example.com"}, "email"),
    ("POST", "/auth/signup", {"email": "new@example.com"}, "password"),
    ("POST", "/auth/signup", NEW | {"password": "7 chars"}, "password"),
    ("POST", "/auth/signup", NEW | {"password": "x" * 1025}, "password"),
    ("POST", "/auth/signup", NEW | {"full_name": ""}, "full_name"),
    ("POST", "/auth/signup", NEW | {"full_name": "x" * 121}, "full_name"),
    ("POST", "/auth/signup", NEW | {"role": "admin"}, "role"),
    ("POST", "/auth/signin", {"email": "user@example.com"}, "password"),
    ("POST", "/auth/signin", {"password": "x"}, "email"),
    ("POST", "/auth/refresh", {}, "refresh_token"),
    ("POST", "/auth/refresh", {"refresh_token": 1}, "refresh_token"),
    ("POST", "/auth/signin/magic-link", {"email": "x"}, "email"),
    ("POST", "/auth/signin/otp", {"phone": "1234567"}, "phone"),
    ("POST", "/auth/signin/otp", {"phone": "1" * 33}, "phone"),
    ("POST", "/auth/signin/oauth", {}, "provider"),
    ("POST", "/auth/signin/oauth", {"provider": ""}, "provider"),
    ("PUT", "/users/profile", {"full_name": "x" * 121}, "full_name"),
    ("PUT", "/users/profile", {"username": "ab"}, "username"),
    ("PUT", "/users/profile", {"username": "x" * 41}, "username"),
    ("PUT", "/users/profile", {"username": "with blank"}, "username"),
    ("PUT", "/users/profile", {"bio": "x" * 501}, "bio"),
    ("PUT", "/users/profile", {"date_of_birth": "10.12.1990"}, "date_of_birth"),
    ("PUT", "/users/profile", {"date_of_birth": "1990-02-30"}, "date_of_birth"),
    ("PUT", "/users/profile", {"date_of_birth": "2999-01-01"}, "date_of_birth"),
    ("PUT", "/users/profile", {"date_of_birth": 631152000}, "date_of_birth"),
    ("PUT", "/users/profile", {"age": 12}, "age"),
    ("PUT", "/users/profile", {"age": 121}, "age"),
    ("PUT", "/users/profile", {"age": "34"}, "age"),
    ("PUT", "/users/profile", {"age": True}, "age"),
    ("PUT", "/users/profile", {"profession": "x" * 121}, "profession"),
    ("PUT", "/users/profile", {"heard_from": "x" * 121}, "heard_from"),
    ("PUT", "/users/profile", {"avatar_url": "javascript:alert(1)"}, "avatar_url"),
    ("PUT", "/users/profile", {"survey_completed": "yes"}, "survey_completed"),
    ("PUT", "/users/profile", {"onboarding_responses": []}, "onboarding_responses"),
    ("PUT", "/users/profile", {"onboarding_responses": {"x": "y" * 40_000}}, "onboarding_responses"),
    ("PUT", "/users/profile", {"email": "other@example.com"}, "email"),
    ("PUT", "/users/profile", {"role": "admin"}, "role"),
    ("PUT", "/users/profile", {"deletion_status": "active"}, "deletion_status"),
    ("POST", "/users/profile/onboarding", {"onboarding": "free text"}, "onboarding"),
    ("POST", "/users/profile/onboarding", {"age": 5}, "age"),
    ("POST", "/chats", {"title": ""}, "title"),
    ("POST", "/chats", {"title": "   "}, "title"),
    ("POST", "/chats", {"title": "x" * 121}, "title"),
    ("POST", "/chats", {"title": 5}, "title"),
    ("POST", "/chats", {"model_config_id": 5}, "model_config_id"),
    ("POST", "/chats", {"initial_message": ""}, "initial_message"),
    ("POST", "/chats", {"initial_message": "x" * 200_001}, "initial_message"),
    ("POST", "/chats", {"user_id": "x"}, "user_id"),
    ("PUT", "/chats/{chat}", {"title": ""}, "title"),
    ("PUT", "/chats/{chat}", {"title": "x" * 121}, "title"),
    ("PUT", "/chats/{chat}", {"model_config_id": ""}, "model_config_id"),
    ("PUT", "/chats/{chat}", {"created_at": "x"}, "created_at"),
    ("POST", MESSAGES, {}, "content"),
    ("POST", MESSAGES, {"content": ""}, "content"),
    ("POST", MESSAGES, {"content": "  \n"}, "content"),
    ("POST", MESSAGES, {"content": None}, "content"),
    ("POST", MESSAGES, {"content": "x" * 200_001}, "content"),
    ("POST", MESSAGES, {"content": "x", "role": "tool"}, "role"),
    ("POST", MESSAGES, {"content": "x", "metadata": "text"}, "metadata"),
    ("POST", MESSAGES, {"content": "x", "metadata": {str(n): n for n in range(101)}}, "metadata"),
    ("POST", MESSAGES, {"content": "x", "stream": "true"}, "stream"),
    ("POST", MESSAGES, {"content": "x", "chat_id": "x"}, "chat_id"),
    ("POST", "/providers/activate", {"api_key": "sk-x"}, "provider"),
    ("POST", "/providers/activate", {"provider": "", "api_key": "sk-x"}, "provider"),
    ("POST", "/providers/activate", {"provider": "a b", "api_key": "sk-x"}, "provider"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": ""}, "api_key"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": "x" * 1001}, "api_key"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": HALF_A_PAIR}, "api_key"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": "sk-x", "base_url": "nowhere"}, "base_url"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": "sk-x", "metadata": []}, "metadata"),
    ("POST", "/providers/activate", {"provider": "openai", "api_key": "sk-x", "user_id": "x"}, "user_id"),
    ("PATCH", "/providers/openai", {"is_active": "no"}, "is_active"),
    ("PATCH", "/providers/openai", {"display_name": ""}, "display_name"),
    ("PATCH", "/providers/openai", {"provider": "groq"}, "provider"),
    ("POST", "/providers/openai/test", {"api_key": 5}, "api_key"),
    ("POST", "/models/import", {}, "provider"),
    ("POST", "/models/import", {"provider": "openai", "models": "gpt-4o"}, "models"),
    ("POST", "/models/import", {"provider": "openai", "models": [""]}, "models"),
    ("POST", "/models/import", {"provider": "openai", "models": ["x"] * 501}, "models"),
    ("POST", "/models/import", {"provider": "openai", "models": ["x" * 301]}, "models"),
    ("POST", "/models/import", {"provider": "openai", "sync": 1}, "sync"),
    ("POST", "/models/{model}/default", {"is_default": False}, "is_default"),
]


async def test_bodies(open_server: OpenHouse) -> None:
    server = await open_server(requests_per_minute_per_address=10_000, requests_per_minute_per_user=10_000)
    app = await signed_up(server, "user@example.com")
    ids = {"chat": await app.chat(), "model": await app.saved()}
    before = await server.dump()
    for method, path, body, field in BODIES:
        reply = await app.send(method, path.format(**ids), body)
        assert reply.status == 422, (path, body, reply.status, reply.body)
        problems = detail(reply)
        assert isinstance(problems, list), (path, body, problems)
        named = {problem["loc"][1] for problem in problems if problem["loc"][0] == "body" and len(problem["loc"]) > 1}
        assert field in named, (path, body, problems)
        for given in body.values():
            assert not isinstance(given, str) or len(given) < 20 or given not in str(problems), "values are not echoed"
    assert await server.dump() == before


PATHS = [
    "/chats?limit=0",
    "/chats?limit=101",
    "/chats?limit=ten",
    "/chats/{chat}/messages?limit=101",
    "/chats/a%00b",
    "/users/a%00b",
    "/models/a%00b",
    "/models?q=" + "x" * 501,
    "/providers/openai/models?q=a%00b",
]


async def test_paths_and_queries(app: App) -> None:
    chat = await app.chat()
    for path in PATHS:
        reply = await app.send("GET", path.format(chat=chat))
        assert reply.status == 422, (path, reply.body)
        assert detail(reply)[0]["loc"][0] in {"query", "path"}, path


async def test_a_cursor_that_we_never_gave(app: App) -> None:
    forged = [urlsafe_b64encode(text.encode()).decode() for text in ("0." + "9" * 30, "9" * 30 + ".1", "1")]
    for cursor in ("abc", "====", "x" * 400, *forged):
        assert (await app.refused("GET", f"/chats?cursor={cursor}"))[0] == 400, cursor


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"title": NaN}', b"[]", b'"title"'])
async def test_malformed_json(app: App, data: bytes) -> None:
    reply = await app.send("POST", "/chats", data=data, headers={"Content-Type": "application/json"})
    assert reply.status == 422, reply.body
    assert detail(reply)


async def test_odd_characters_do_not_cost_a_message(app: App) -> None:
    chat = await app.chat(title="a\0b\ud800")
    sent = {"content": "a\0b\ud83d\ude00\ud800", "metadata": {"k\0": ["\ud800", {"x": "\0"}]}}
    message = await app.done("POST", f"/chats/{chat}/messages", sent)
    assert message["content"] == "ab\U0001f600\ufffd"
    assert message["metadata"] == {"k": ["\ufffd", {"x": ""}]}
    whole = await app.done("GET", f"/chats/{chat}")
    assert (whole["chat"]["title"], whole["messages"]) == ("ab\ufffd", [message])
