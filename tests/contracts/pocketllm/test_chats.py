"""/v1/chats: chats, their models, pages of them."""

from typing import Any

from tests.contracts.house import House
from tests.contracts.pocketllm.app import NOBODY, TIME, UUID, App


def check_chat(body: dict[str, Any], *, title: str, model: str | None = None) -> None:
    assert set(body) == {"id", "user_id", "title", "model_config_id", "created_at", "updated_at"}
    assert UUID.fullmatch(body["id"])
    assert UUID.fullmatch(body["user_id"])
    assert (body["title"], body["model_config_id"]) == (title, model)
    assert TIME.fullmatch(body["created_at"])
    assert TIME.fullmatch(body["updated_at"])


async def test_create(app: App) -> None:
    for body in ({}, {"title": None}, {"model_config_id": None, "initial_message": None}):
        check_chat(await app.done("POST", "/chats", body), title="Untitled chat")
    chat = await app.done("POST", "/chats", {"title": "My chat"})
    check_chat(chat, title="My chat")
    assert chat["user_id"] == (await app.done("GET", "/users/profile"))["id"]


async def test_create_with_a_first_message(server: House, app: App) -> None:
    await app.saved()
    chat = await app.done("POST", "/chats", {"title": "Seeded", "initial_message": "Hello?"})
    whole = await app.done("GET", f"/chats/{chat['id']}")
    assert set(whole) == {"chat", "messages"}
    assert whole["chat"] == chat
    (message,) = whole["messages"]
    assert set(message) == {"id", "chat_id", "role", "content", "metadata", "created_at"}
    assert UUID.fullmatch(message["id"])
    assert (message["chat_id"], message["role"], message["content"]) == (chat["id"], "user", "Hello?")
    assert message["metadata"] is None
    assert server.provider.requests == [], "it is stored, no more"


async def test_create_with_a_model(app: App, other: App) -> None:
    model = await app.saved()
    check_chat(await app.done("POST", "/chats", {"model_config_id": model}), title="Untitled chat", model=model)
    assert await app.refused("POST", "/chats", {"model_config_id": NOBODY}) == (404, "There is no such saved model.")
    assert (await other.refused("POST", "/chats", {"model_config_id": model}))[0] == 404
    assert await other.done("GET", "/chats") == []


async def test_update(app: App, other: App) -> None:
    chat, model = await app.chat(title="Before"), await app.saved()
    check_chat(await app.done("PUT", f"/chats/{chat}", {"title": "After"}), title="After")
    check_chat(await app.done("PUT", f"/chats/{chat}", {"model_config_id": model}), title="After", model=model)
    check_chat(await app.done("PUT", f"/chats/{chat}", {"title": "Last"}), title="Last", model=model)
    check_chat(await app.done("PUT", f"/chats/{chat}", {"title": None}), title="Last", model=model)
    foreign = await other.saved()
    assert (await app.refused("PUT", f"/chats/{chat}", {"title": "New", "model_config_id": foreign}))[0] == 404
    check_chat((await app.done("GET", f"/chats/{chat}"))["chat"], title="Last", model=model)
    check_chat(await app.done("PUT", f"/chats/{chat}", {"model_config_id": None}), title="Last")


async def test_a_model_that_is_deleted_leaves_its_chats(app: App) -> None:
    model = await app.saved()
    chat = await app.chat(model_config_id=model)
    await app.done("DELETE", f"/models/{model}", status=204)
    check_chat((await app.done("GET", f"/chats/{chat}"))["chat"], title="Untitled chat")


async def test_delete(app: App) -> None:
    chat = await app.chat(initial_message="Hello?")
    await app.done("DELETE", f"/chats/{chat}", status=204)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("PUT", "")):
        body = {"title": "x"} if method == "PUT" else None
        refused = await app.refused(method, f"/chats/{chat}{path}", body)
        assert refused == (404, "There is no such conversation.")
    assert await app.done("GET", "/chats") == []


async def test_the_list_comes_in_pages_newest_first(app: App) -> None:
    made = [await app.chat(title=f"Chat {number}") for number in range(5)]
    await app.done("PUT", f"/chats/{made[1]}", {"title": "Changed last"})
    expected = [made[1], made[4], made[3], made[2], made[0]]
    assert [chat["id"] for chat in await app.done("GET", "/chats")] == expected
    assert await pages(app, "/chats") == expected


async def test_messages_come_in_pages_oldest_first(app: App) -> None:
    chat = await app.chat()
    path = f"/chats/{chat}/messages"
    made = [(await app.done("POST", path, {"content": f"Message {number}"}))["id"] for number in range(5)]
    assert [message["id"] for message in await app.done("GET", path)] == made
    assert await pages(app, path) == made


async def pages(app: App, path: str) -> list[str]:
    """The ids on all pages, two on each but the last."""
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        reply = await app.send("GET", f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        assert reply.status == 200
        assert len(reply.json) <= 2
        ids += [item["id"] for item in reply.json]
        cursor = reply.headers.get("X-Next-Cursor")
    return ids
