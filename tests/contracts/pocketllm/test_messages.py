"""Messages and who replies to them: at once as a stream, in the background, or nobody."""

from typing import Any

import pytest

from hearthside.kit.actor import Scope
from hearthside.kit.errors import UpstreamFailed
from tests.contracts.client import EventReader
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import House
from tests.contracts.pocketllm.app import App, signed_up


async def settled(server: House, app: App, chat: str, count: int) -> list[dict[str, Any]]:
    """The messages of a chat once there are so many. The end of a reply in the background is nobody's event."""
    await server.settled(lambda: server.provider.requests != [])
    while len(messages := await app.done("GET", f"/chats/{chat}/messages")) < count:
        pass
    return messages


async def test_a_message_is_stored(server: House, app: App) -> None:
    chat = await app.chat()
    sent = {"content": "Hello?", "metadata": {"client": "phone", "nested": {"list": [1, None, "x"]}}}
    message = await app.done("POST", f"/chats/{chat}/messages", sent)
    assert set(message) == {"id", "chat_id", "role", "content", "metadata", "created_at"}
    assert (message["chat_id"], message["role"], message["content"]) == (chat, "user", "Hello?")
    assert message["metadata"] == sent["metadata"]
    assert await app.done("GET", f"/chats/{chat}/messages") == [message]
    assert server.provider.requests == [], "no model is chosen, so nobody replies"


async def test_roles(server: House, app: App) -> None:
    await app.saved()
    chat = await app.chat()
    for role in ("system", "assistant"):
        body = {"role": role, "content": f"From the {role}"}
        assert (await app.done("POST", f"/chats/{chat}/messages", body))["role"] == role
    assert [one["role"] for one in await app.done("GET", f"/chats/{chat}/messages")] == ["system", "assistant"]
    assert server.provider.requests == []


async def test_the_reply_in_the_background(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved())
    question = await app.done("POST", f"/chats/{chat}/messages", {"content": "Hello?", "stream": False})
    assert (question["role"], question["content"]) == ("user", "Hello?")
    first, reply = await settled(server, app, chat, 2)
    assert first == question
    assert (reply["role"], reply["content"]) == ("assistant", "Good morning")
    about = {"status": "complete", "provider": "openai", "model": "gpt-4o-mini", "finish_reason": "stop"}
    assert {name: reply["metadata"][name] for name in about} == about
    assert reply["metadata"]["usage"]["total_tokens"] == 12
    (request,) = server.provider.requests
    assert request.model == "gpt-4o-mini"
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.7, 2048)


async def test_the_default_model_replies_where_the_chat_has_none(server: House, app: App) -> None:
    model = await app.saved("gpt-4o")
    await app.done("POST", f"/models/{model}/default")
    chat = await app.chat()
    await app.done("POST", f"/chats/{chat}/messages", {"content": "Hello?"})
    messages = await settled(server, app, chat, 2)
    assert messages[1]["metadata"]["model"] == "gpt-4o"


async def test_a_model_with_the_longest_name(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved("m" * 300))
    await app.done("POST", f"/chats/{chat}/messages", {"content": "Hello?"})
    assert (await settled(server, app, chat, 2))[1]["metadata"]["model"] == "m" * 300


async def test_a_reply_shows_once_it_has_ended(server: House, app: App) -> None:
    chat, gate = await app.chat(model_config_id=await app.saved()), server.holds_after("Good ", then=("morning",))
    await app.done("POST", f"/chats/{chat}/messages", {"content": "Hello?"})
    await gate.reached.wait()
    assert len(await app.done("GET", f"/chats/{chat}/messages")) == 1
    assert len((await app.done("GET", f"/chats/{chat}"))["messages"]) == 1
    gate.open()
    assert (await settled(server, app, chat, 2))[1]["content"] == "Good morning"


async def test_a_reply_that_fails_says_why(open_server: OpenHouse) -> None:
    server = await open_server(UpstreamFailed("OpenAI refuses the key.", code="provider_auth"))
    app = await signed_up(server, "user@example.com")
    chat = await app.chat(model_config_id=await app.saved())
    await app.done("POST", f"/chats/{chat}/messages", {"content": "Hello?"})
    reply = (await settled(server, app, chat, 2))[1]
    assert (reply["content"], reply["metadata"]["status"]) == ("", "failed")
    assert reply["metadata"]["error"] == {"code": "provider_auth", "message": "OpenAI refuses the key."}


async def test_generate_false_only_stores(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved())
    body = {"content": "A note", "metadata": {"generate": False}}
    message = await app.done("POST", f"/chats/{chat}/messages", body)
    assert message["metadata"] == {"generate": False}
    assert server.provider.requests == []
    assert await app.done("GET", f"/chats/{chat}/messages") == [message]


async def test_a_token_that_may_not_generate_only_stores(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved())
    await app.done("PUT", "/users/profile", {"username": "ada"})
    token = await server.api_token("ada", Scope.READ, Scope.WRITE)
    program = App(server.client({"X-API-Key": token}))
    await program.done("POST", f"/chats/{chat}/messages", {"content": "Hello?"})
    assert (await program.refused("POST", f"/chats/{chat}/messages", {"content": "Hello?", "stream": True}))[0] == 403
    assert len(await app.done("GET", f"/chats/{chat}/messages")) == 1
    assert server.provider.requests == []


async def test_stream(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved())
    body = {"content": "Hello?", "stream": True, "metadata": {"from": "test"}}
    async with app.client.stream("POST", f"/v1/chats/{chat}/messages", body) as reader:
        assert reader.response.headers["Content-Type"].startswith("text/event-stream")
        text, names = await told(reader)
    assert text == "Good morning"
    assert names[0] == "ping"
    assert names[-2:] == ["usage", "done"]
    question, reply = await app.done("GET", f"/chats/{chat}/messages")
    assert (question["content"], question["metadata"]) == ("Hello?", {"from": "test"})
    assert (reply["role"], reply["content"]) == ("assistant", "Good morning")


async def test_stream_without_any_choice_takes_what_there_is(server: House, app: App) -> None:
    chat = await app.chat()
    async with app.client.stream("POST", f"/v1/chats/{chat}/messages", {"content": "Hi", "stream": True}) as reader:
        assert (await told(reader))[0] == "Good morning"
    assert server.provider.endpoints[0].provider_id == "lmstudio"


async def test_a_stream_that_cannot_be_stores_nothing(app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved())
    await app.done("DELETE", "/providers/openai", status=204)
    refused = await app.refused("POST", f"/chats/{chat}/messages", {"content": "Hello?", "stream": True})
    assert refused[0] == 404
    assert "openai" in refused[1]
    assert await app.done("GET", f"/chats/{chat}/messages") == []


async def told(reader: EventReader) -> tuple[str, list[str]]:
    events = await reader.rest()
    return "".join(event.data["delta"] for event in events if event.name == "delta"), [event.name for event in events]


@pytest.mark.parametrize("body", [{"role": "system"}, {"role": "assistant"}, {"metadata": {"generate": False}}])
async def test_only_what_has_a_reply_streams(app: App, body: dict[str, Any]) -> None:
    chat = await app.chat()
    refused = await app.refused("POST", f"/chats/{chat}/messages", {"content": "x", "stream": True} | body)
    assert refused[0] == 422
    assert await app.done("GET", f"/chats/{chat}/messages") == []


async def test_one_conversation_through_three_doors(server: House) -> None:
    """Begun through document 2, continued through 0, read back through 2 and 1: the same messages everywhere."""
    browser = await server.join("anna")
    conversation = await server.asked(browser, "From the browser")
    async with browser.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        await reader.rest()
    signed_in = await server.client().done(
        "POST", "/v1/auth/signin", {"email": "anna", "password": "correct horse battery"}
    )
    app = App(server.client({"Authorization": f"Bearer {signed_in['tokens']['access_token']}"}))
    (chat,) = await app.done("GET", "/chats")
    assert chat["title"] == "Asked"
    body = {"content": "From the phone", "stream": True}
    async with app.client.stream("POST", f"/v1/chats/{chat['id']}/messages", body) as reader:
        await reader.rest()
    expected = [
        ("user", "From the browser"),
        ("assistant", "Good morning"),
        ("user", "From the phone"),
        ("assistant", "Good morning"),
    ]
    in_two = await browser.done("GET", f"/conversations/{conversation}/messages")
    in_zero = await app.done("GET", f"/chats/{chat['id']}/messages")
    in_one = (await app.client.done("GET", f"/envelope/v1/chats/{chat['id']}/messages"))["data"]
    for messages in (in_two, in_zero, in_one):
        assert [(message["role"], message["content"]) for message in messages] == expected
    assert [message["id"] for message in in_zero] == [message["id"] for message in in_one]
    await app.done("PUT", f"/chats/{chat['id']}", {"title": "Renamed"})
    assert (await browser.done("GET", f"/conversations/{conversation}"))["title"] == "Renamed"


async def test_the_model_of_a_chat_replies_through_document_2_too(server: House, app: App) -> None:
    chat = await app.chat(model_config_id=await app.saved("gpt-4o"), initial_message="Hello?")
    (conversation,) = await app.client.done("GET", "/conversations")
    async with app.client.stream("POST", f"/conversations/{conversation['id']}/stream", {}) as reader:
        await reader.rest()
    reply = (await app.done("GET", f"/chats/{chat}/messages"))[1]
    assert (reply["metadata"]["provider"], reply["metadata"]["model"]) == ("openai", "gpt-4o")
