"""Bad input, field by field: the documented error, the field's name, and nothing changed."""

import io
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from hearthside.kit.actor import Role
from tests.contracts.client import Client
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import House

TOO_BIG = 2**63
HALF_A_PAIR = "\ud800"

BODIES: list[tuple[str, str, Any, str]] = [
    ("POST", "/conversations", {"title": ""}, "body.title"),
    ("POST", "/conversations", {"title": "x" * 501}, "body.title"),
    ("POST", "/conversations", {"title": 5}, "body.title"),
    ("POST", "/conversations", {"title": "x", "user_id": 1}, "body.user_id"),
    ("POST", "/conversations", ["title"], "body"),
    ("POST", "/conversations", "title", "body"),
    ("PATCH", "/conversations/{id}", {}, "body.title"),
    ("PATCH", "/conversations/{id}", {"title": None}, "body.title"),
    ("PATCH", "/conversations/{id}", {"title": ""}, "body.title"),
    ("PATCH", "/conversations/{id}", {"title": "x" * 501}, "body.title"),
    ("PATCH", "/conversations/{id}", {"title": "x", "owner": 2}, "body.owner"),
    ("POST", "/conversations/{id}/messages", {}, "body.content"),
    ("POST", "/conversations/{id}/messages", {"content": ""}, "body.content"),
    ("POST", "/conversations/{id}/messages", {"content": None}, "body.content"),
    ("POST", "/conversations/{id}/messages", {"content": ["x"]}, "body.content"),
    ("POST", "/conversations/{id}/messages", {"content": "x" * 200_001}, "body.content"),
    ("POST", "/conversations/{id}/messages", {"content": "x", "role": "system"}, "body.role"),
    ("POST", "/conversations/{id}/messages", {"content": "x", "parent_id": "1"}, "body.parent_id"),
    ("POST", "/conversations/{id}/messages", {"content": "x", "parent_id": TOO_BIG}, "body.parent_id"),
    ("POST", "/conversations/{id}/leaf", {"message_id": "x"}, "body.message_id"),
    ("POST", "/conversations/{id}/stream", {"temperature": -0.1}, "body.temperature"),
    ("POST", "/conversations/{id}/stream", {"temperature": 2.1}, "body.temperature"),
    ("POST", "/conversations/{id}/stream", {"temperature": "hot"}, "body.temperature"),
    ("POST", "/conversations/{id}/stream", {"temperature": True}, "body.temperature"),
    ("POST", "/conversations/{id}/stream", {"top_p": 1.1}, "body.top_p"),
    ("POST", "/conversations/{id}/stream", {"top_p": -1}, "body.top_p"),
    ("POST", "/conversations/{id}/stream", {"max_tokens": 0}, "body.max_tokens"),
    ("POST", "/conversations/{id}/stream", {"max_tokens": 1.5}, "body.max_tokens"),
    ("POST", "/conversations/{id}/stream", {"max_tokens": "10"}, "body.max_tokens"),
    ("POST", "/conversations/{id}/stream", {"max_tokens": 10**30}, "body.max_tokens"),
    ("POST", "/conversations/{id}/stream", {"provider_id": 1}, "body.provider_id"),
    ("POST", "/conversations/{id}/stream", {"provider_id": ""}, "body.provider_id"),
    ("POST", "/conversations/{id}/stream", {"provider_id": "a\0b"}, "body.provider_id"),
    ("POST", "/conversations/{id}/stream", {"provider_id": HALF_A_PAIR}, "body.provider_id"),
    ("POST", "/conversations/{id}/stream", {"model": ""}, "body.model"),
    ("POST", "/conversations/{id}/stream", {"model": HALF_A_PAIR}, "body.model"),
    ("POST", "/auth/login", {"username": "a\0b", "password": "x"}, "body.username"),
    ("POST", "/conversations/{id}/stream", {"model": "x" * 501}, "body.model"),
    ("POST", "/conversations/{id}/stream", {"api_key": "sk-1"}, "body.api_key"),
    ("POST", "/chat/retry", {}, "body.conversation_id"),
    ("POST", "/chat/retry", {"conversation_id": "1"}, "body.conversation_id"),
    ("POST", "/chat/retry", {"conversation_id": 1, "temperature": 3}, "body.temperature"),
    ("POST", "/auth/login", {"username": "anna"}, "body.password"),
    ("POST", "/auth/login", {"password": "x"}, "body.username"),
    ("POST", "/auth/login", {"username": 1, "password": "x"}, "body.username"),
    ("POST", "/auth/login", {"username": "anna", "password": "x" * 1025}, "body.password"),
    ("POST", "/auth/login", {"username": "anna", "password": "x", "role": "admin"}, "body.role"),
    ("POST", "/auth/register", {"username": "clara"}, "body.password"),
    ("POST", "/auth/register", {"username": "clara", "password": "long enough", "role": "admin"}, "body.role"),
    ("POST", "/auth/register", {"username": "cl", "password": "long enough"}, "username"),
    ("POST", "/auth/register", {"username": "cla ra", "password": "long enough"}, "username"),
    ("POST", "/auth/register", {"username": "clara", "password": "short"}, "password"),
    ("POST", "/auth/password", {"current_password": "x"}, "body.new_password"),
    ("POST", "/admin/bootstrap", {"username": "clara"}, "body.password"),
    ("POST", "/admin/invites", {"expires_in_hours": 0}, "body.expires_in_hours"),
    ("POST", "/admin/invites", {"expires_in_hours": "24"}, "body.expires_in_hours"),
    ("POST", "/admin/invites", {"expires_in_hours": 10**9}, "body.expires_in_hours"),
    ("PATCH", "/admin/users/1", {"role": "owner"}, "body.role"),
    ("PATCH", "/admin/users/1", {"status": 1}, "body.status"),
    ("PATCH", "/admin/users/1", {"username": "new"}, "body.username"),
]


async def test_bodies(open_server: OpenHouse) -> None:
    server = await open_server(requests_per_minute_per_address=10_000, requests_per_minute_per_user=10_000)
    admin = await server.join("root-admin", role=Role.ADMIN)
    conversation = await server.asked(admin)
    before = await server.dump()
    for method, path, body, where in BODIES:
        reply = await admin.request(method, path.format(id=conversation), body)
        assert reply.error == (400, "VALIDATION_ERROR"), (path, body, reply.body)
        assert where in {problem["where"] for problem in reply.json["detail"]}, (path, body, reply.body)
        assert all(set(problem) == {"where", "message"} for problem in reply.json["detail"])
    assert await server.dump() == before


PATHS = [
    ("GET", "/conversations/abc"),
    ("GET", "/conversations/1.5"),
    ("GET", f"/conversations/{TOO_BIG}"),
    ("GET", "/conversations/abc/messages"),
    ("DELETE", "/conversations/abc"),
    ("POST", "/conversations/abc/stream"),
    ("GET", "/conversations?limit=0"),
    ("GET", "/conversations?limit=1001"),
    ("GET", "/conversations?limit=ten"),
    ("GET", "/conversations?q=a%00b"),
    ("GET", "/conversations?q=" + "x" * 501),
    ("GET", "/conversations/1/messages?tree=perhaps"),
    ("GET", "/conversations/1/stream/x?last_event_id=-1"),
    ("GET", "/conversations/1/stream/x?last_event_id=abc"),
    ("GET", f"/conversations/1/stream/x?last_event_id={TOO_BIG}"),
    ("POST", "/chat/cancel/a%00b"),
    ("DELETE", "/auth/sessions/a%00b"),
    ("DELETE", "/admin/invites/abc"),
    ("PATCH", "/admin/users/abc"),
    ("GET", "/admin/audit?limit=0"),
    ("GET", "/admin/audit?cursor=abc"),
    ("GET", "/admin/usage?days=0"),
]


async def test_paths_and_queries(server: House, admin: Client) -> None:
    for method, path in PATHS:
        body = {} if method in ("POST", "PATCH") and "cancel" not in path else None
        reply = await admin.request(method, path, body)
        assert reply.error == (400, "VALIDATION_ERROR"), (path, reply.body)
        assert reply.json["detail"], path


async def test_a_cursor_that_we_never_gave(admin: Client) -> None:
    forged = [urlsafe_b64encode(text.encode()).decode() for text in ("0." + "9" * 30, "9" * 30 + ".1", "1.-1", "1")]
    for cursor in ("abc", "%F0%9F%94%A5", "====", "x" * 400, *forged):
        reply = await admin.get(f"/conversations?cursor={cursor}")
        assert reply.status == 400, (cursor, reply.body)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{'a': 1}", b"\xff\xfe", b'{"title": ' + b"9" * 5000 + b"}", b"[" * 5000, b'{"title": NaN}', b"nul"],
)
async def test_malformed_json(anna: Client, data: bytes) -> None:
    reply = await anna.post("/conversations", data=data, headers={"Content-Type": "application/json"})
    assert reply.error == (400, "VALIDATION_ERROR")


async def test_what_is_not_called_json_is_not_read_as_json(anna: Client) -> None:
    reply = await anna.post("/conversations", data=b'{"title":"x"}', headers={"Content-Type": "text/plain"})
    assert reply.error == (400, "VALIDATION_ERROR")
    assert "Content-Type" in reply.json["detail"][0]["message"]


async def test_a_body_that_is_too_large(open_server: OpenHouse) -> None:
    server = await open_server(max_body_bytes=2000)
    anna = await server.join("anna")
    before = await server.dump()
    conversation = (await anna.done("POST", "/conversations", {}))["id"]
    path = f"/conversations/{conversation}/messages"
    assert (await anna.post(path, {"content": "x" * 3000})).error == (413, "TOO_LARGE")

    async def chunks() -> Any:
        for _ in range(50):
            yield b"x" * 1000

    chunked = await anna.post(path, data=chunks(), headers={"Content-Type": "application/json"})
    assert chunked.error == (413, "TOO_LARGE")
    assert await anna.done("GET", path) == []
    assert before


async def test_the_longest_that_is_allowed(server: House, anna: Client) -> None:
    title = "ü" * 500
    conversation = (await anna.done("POST", "/conversations", {"title": title}))["id"]
    content = "é" * 200_000
    body = io.BytesIO(json.dumps({"content": content}, ensure_ascii=False).encode())
    headers = {"Content-Type": "application/json"}
    await anna.done("POST", f"/conversations/{conversation}/messages", data=body, headers=headers)
    (message,) = await anna.done("GET", f"/conversations/{conversation}/messages")
    assert message["content"] == content
    assert (await anna.done("GET", f"/conversations/{conversation}"))["title"] == title


async def test_odd_characters_do_not_cost_a_message(anna: Client) -> None:
    conversation = (await anna.done("POST", "/conversations", {"title": "a\0b\ud800"}))["id"]
    await anna.done("POST", f"/conversations/{conversation}/messages", {"content": "a\0b\ud83d\ude00\ud800"})
    (message,) = await anna.done("GET", f"/conversations/{conversation}/messages")
    assert message["content"] == "ab\U0001f600\ufffd"
    assert (await anna.done("GET", f"/conversations/{conversation}"))["title"] == "ab\ufffd"


async def test_lists_come_in_pages(server: House, anna: Client) -> None:
    made = [(await anna.done("POST", "/conversations", {"title": f"Number {number}"}))["id"] for number in range(5)]
    assert await pages(anna, "/conversations?limit=2") == made[::-1]
    path = f"/conversations/{made[0]}/messages"
    sent = [(await anna.done("POST", path, {"content": f"{number}"}))["message_id"] for number in range(5)]
    assert await pages(anna, f"{path}?limit=2") == sent
    assert await pages(anna, f"{path}?limit=2&tree=true") == sent
    assert [message["id"] for message in await anna.done("GET", path)] == sent


async def pages(client: Client, path: str) -> list[int]:
    """The ids on all pages, two on each but the last."""
    ids: list[int] = []
    reply = await client.get(path)
    while cursor := reply.headers.get("X-Next-Cursor"):
        assert len(reply.json) == 2
        ids += [item["id"] for item in reply.json]
        reply = await client.get(f"{path}&cursor={cursor}")
    return ids + [item["id"] for item in reply.json]
