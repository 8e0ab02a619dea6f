"""Every request that document 2 prints, as printed, and every answer: the names, the types, nothing more undocumented
than contracts/conversations.md adds."""

import re
from typing import Any

from tests.contracts.client import Client
from tests.contracts.house import PASSWORD, House

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def check_conversation(body: dict[str, Any], title: str) -> None:
    assert set(body) == {"id", "title", "created_at", "updated_at"}
    assert type(body["id"]) is int
    assert body["title"] == title
    assert TIME.fullmatch(body["created_at"])
    assert TIME.fullmatch(body["updated_at"])


async def test_create_conversation(anna: Client) -> None:
    body = await anna.done("POST", "/conversations", {"title": "My First Conversation"})
    check_conversation(body, "My First Conversation")


async def test_create_conversation_without_a_title(anna: Client) -> None:
    check_conversation(await anna.done("POST", "/conversations", {}), "New Conversation")


async def test_list_conversations(anna: Client) -> None:
    assert await anna.done("GET", "/conversations") == []
    first = await anna.done("POST", "/conversations", {"title": "My First Conversation"})
    second = await anna.done("POST", "/conversations", {"title": "Another"})
    assert await anna.done("GET", "/conversations") == [second, first]
    await anna.done("POST", f"/conversations/{first['id']}/messages", {"content": "about the zebra"})
    found = await anna.done("GET", "/conversations?q=zebra")
    assert [one["id"] for one in found] == [first["id"]]
    assert [one["id"] for one in await anna.done("GET", "/conversations?q=Anoth")] == [second["id"]]
    assert await anna.done("GET", "/conversations?q=giraffe") == []


async def test_get_conversation(anna: Client) -> None:
    made = await anna.done("POST", "/conversations", {"title": "My First Conversation"})
    assert await anna.done("GET", f"/conversations/{made['id']}") == made


async def test_rename_conversation(anna: Client) -> None:
    made = await anna.done("POST", "/conversations", {"title": "My First Conversation"})
    path = f"/conversations/{made['id']}"
    assert await anna.done("PATCH", path, {"title": "Updated Conversation Title"}) == {
        "message": "Conversation renamed"
    }
    check_conversation(await anna.done("GET", path), "Updated Conversation Title")


async def test_delete_conversation(anna: Client) -> None:
    made = await anna.done("POST", "/conversations", {"title": "My First Conversation"})
    path = f"/conversations/{made['id']}"
    assert await anna.done("DELETE", path) == {"message": "Conversation deleted"}
    assert (await anna.get(path)).error == (404, "CONVERSATION_NOT_FOUND")
    assert (await anna.get(f"{path}/messages")).error == (404, "CONVERSATION_NOT_FOUND")
    assert await anna.done("GET", "/conversations") == []


async def test_messages(anna: Client) -> None:
    conversation = (await anna.done("POST", "/conversations", {"title": "My First Conversation"}))["id"]
    path = f"/conversations/{conversation}/messages"
    assert await anna.done("GET", path) == []
    made = await anna.done("POST", path, {"content": "Hello, how can you help me today?"})
    assert made == {"message_id": made["message_id"], "conversation_id": conversation}
    assert type(made["message_id"]) is int
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as events:
        await events.rest()
    user, assistant = await anna.done("GET", path)
    fields = {"id", "role", "content", "provider_meta", "token_usage", "created_at", "parent_id", "status"}
    assert set(user) == set(assistant) == fields
    assert (user["id"], user["role"], user["content"]) == (
        made["message_id"],
        "user",
        "Hello, how can you help me today?",
    )
    assert (user["provider_meta"], user["token_usage"], user["parent_id"]) == (None, None, None)
    assert (assistant["role"], assistant["content"], assistant["status"]) == ("assistant", "Good morning", "complete")
    assert assistant["parent_id"] == user["id"]
    assert assistant["token_usage"] == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    assert assistant["provider_meta"]["provider"] == "lmstudio"
    assert assistant["provider_meta"]["model"] == "llama-3.2-3b-instruct"
    assert TIME.fullmatch(assistant["created_at"])


async def test_stream(server: House, anna: Client) -> None:
    conversation = await server.asked(anna)
    body = {
        "provider_id": "lmstudio",
        "model": "llama-3.2-3b-instruct",
        "temperature": 0.7,
        "max_tokens": 1000,
        "top_p": 0.9,
    }
    async with anna.stream("POST", f"/conversations/{conversation}/stream", body) as reader:
        headers = reader.response.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert headers["Cache-Control"] == "no-cache"
        ping, *events = await reader.rest()
    generation = ping.data["generation_id"]
    assert UUID.fullmatch(generation)
    assert (ping.name, ping.id) == ("ping", "0")
    assert set(ping.data) == {"ts", "generation_id"}
    assert TIME.fullmatch(ping.data["ts"])
    deltas = [event for event in events if event.name == "delta"]
    assert "".join(event.data["delta"] for event in deltas) == "Good morning"
    assert all(set(event.data) == {"generation_id", "delta"} for event in deltas)
    usage, done = events[len(deltas) :]
    assert (usage.name, done.name) == ("usage", "done")
    counted = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    assert usage.data == {"generation_id": generation, "usage": counted}
    assert done.data["status"] == "ok"
    assert {event.data["generation_id"] for event in events} == {generation}
    assert [event.id for event in events] == [str(number) for number in range(1, len(events) + 1)]
    (request,) = server.provider.requests
    assert request.model == "llama-3.2-3b-instruct"
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.max_tokens) == (0.7, 0.9, 1000)


async def test_the_wire_format_is_that_of_the_document(server: House, anna: Client) -> None:
    conversation = await server.asked(anna)
    async with anna.session.post(
        f"/conversations/{conversation}/stream", json={}, headers={"X-CSRF-Token": anna.csrf_token or ""}
    ) as response:
        text = (await response.read()).decode()
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    for block in blocks:
        assert re.fullmatch(r"id: \d+\nevent: (ping|delta|usage|done)\ndata: \{.*\}", block), block


async def test_cancel(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ")
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        generation = (await reader.until("delta"))[0].data["generation_id"]
        await gate.reached.wait()
        assert await anna.done("POST", f"/chat/cancel/{generation}") == {"message": "Generation canceled"}
        done = (await reader.rest())[-1]
    assert (done.name, done.data["status"]) == ("done", "canceled")
    await server.provider.closed.wait()
    last = (await anna.done("GET", f"/conversations/{conversation}/messages"))[-1]
    assert (last["content"], last["status"]) == ("Good ", "cancelled")
    assert (await anna.post(f"/chat/cancel/{generation}")).error == (404, "GENERATION_NOT_FOUND")


async def test_retry(server: House, anna: Client) -> None:
    conversation = await server.asked(anna, "Hello?")
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        await reader.rest()
    before = await anna.done("GET", f"/conversations/{conversation}/messages")
    body = {
        "conversation_id": conversation,
        "provider_id": "lmstudio",
        "model": "llama-3.2-3b-instruct",
        "temperature": 0.7,
        "max_tokens": 1000,
    }
    made = await anna.done("POST", "/chat/retry", body)
    assert made == {"message_id": made["message_id"], "conversation_id": conversation}
    assert made["message_id"] not in [message["id"] for message in before]
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        assert (await reader.rest())[-1].data["status"] == "ok"
    copy, reply = await anna.done("GET", f"/conversations/{conversation}/messages")
    assert (copy["id"], copy["content"]) == (made["message_id"], "Hello?")
    assert reply["content"] == "Good morning"
    assert len(server.provider.requests) == 2, "the stream attached to the reply that the retry had started"


async def test_login_me_logout(server: House) -> None:
    await server.add_user("myusername")
    browser = server.client()
    reply = await browser.post("/auth/login", {"username": "myusername", "password": PASSWORD})
    assert reply.status == 200
    body = reply.json
    assert set(body) == {"user", "csrf_token"}
    assert body["user"] == {
        "id": body["user"]["id"],
        "username": "myusername",
        "role": "user",
        "status": "active",
    }
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("hearthside_session=")
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604800"):
        assert part.lower() in cookie.lower(), cookie
    assert "secure" not in cookie.lower()
    assert await browser.done("GET", "/auth/me") == body
    browser.csrf_token = body["csrf_token"]
    assert await browser.done("POST", "/auth/logout") == {"message": "Logged out successfully"}
    assert (await browser.get("/auth/me")).error == (401, "AUTH_REQUIRED")
    kept = {"Cookie": f"hearthside_session={cookie.partition('=')[2].partition(';')[0]}"}
    assert (await server.client().get("/auth/me", headers=kept)).error == (401, "SESSION_EXPIRED")


async def test_providers(anna: Client) -> None:
    (provider,) = await anna.done("GET", "/providers")
    assert provider == {
        "provider_id": "lmstudio",
        "name": "LM Studio",
        "capabilities": {
            "streaming": True,
            "vision": False,
            "tools": False,
            "json_mode": False,
            "max_context_tokens": 4096,
        },
        "models": [{"id": "llama-3.2-3b-instruct", "label": "Llama 3.2 3B"}],
    }


async def test_health_and_version(server: House) -> None:
    stranger = server.client()
    body = await stranger.done("GET", "/health")
    assert set(body) == {"status", "version", "uptime_seconds", "timestamp"}
    assert body["status"] == "healthy"
    assert TIME.fullmatch(body["timestamp"])
    assert await stranger.done("GET", "/version") == {"version": "0.1.0"}


async def test_ready(server: House) -> None:
    stranger = server.client()
    assert await stranger.done("GET", "/ready") == {"status": "ready", "missing": []}
    server.missing.append("database")
    reply = await stranger.get("/ready")
    assert (reply.status, reply.json) == (503, {"status": "not_ready", "missing": ["database"]})
    assert (await stranger.get("/health")).status == 200
