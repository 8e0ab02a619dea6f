"""Document 1's "Send Message" and "Get Chat Messages": a message is sent, the answer is waited for."""

import asyncio
from datetime import datetime

import pytest

from hearthside.gateway.model import TextDelta
from hearthside.gateway.providers.scripted import ScriptedProvider, says
from hearthside.kit.errors import HearthsideError, Invalid, RateLimited, Unavailable, UpstreamFailed, UpstreamTimeout
from tests.contracts.client import Client
from tests.contracts.conftest import OpenHouse
from tests.contracts.envelope.phone import TIME, UUID, Phone, opened, signed_up
from tests.contracts.envelope.test_chats import CONFIG, KEY, LLAMA
from tests.contracts.envelope.test_providers import ACTIVATE
from tests.contracts.house import House

HELLO = {"content": "Hello, how are you?"}


async def test_send(server: House, phone: Phone) -> None:
    chat = await phone.chat()
    data = await phone.done("POST", f"/chats/{chat}/messages", HELLO | {"model_config": CONFIG}, status=201)
    assert set(data) == {"userMessage", "assistantMessage"}
    user, assistant = data["userMessage"], data["assistantMessage"]
    for message in (user, assistant):
        assert set(message) == {"id", "chat_id", "content", "role", "created_at"}
        assert UUID.fullmatch(message["id"])
        assert TIME.fullmatch(message["created_at"])
        assert message["chat_id"] == chat
    assert (user["role"], user["content"]) == ("user", "Hello, how are you?")
    assert (assistant["role"], assistant["content"]) == ("assistant", "Good morning")
    assert datetime.fromisoformat(user["created_at"]) <= datetime.fromisoformat(assistant["created_at"])
    assert await phone.done("GET", f"/chats/{chat}/messages?limit=50&offset=0") == [user, assistant]
    (request,) = server.provider.requests
    assert request.model == "gpt-4"
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.7, 1000)
    assert [(message.role, message.text) for message in request.messages] == [
        ("system", "You are a helpful assistant"),
        ("user", "Hello, how are you?"),
    ]


async def test_the_model_knows_what_was_said_before(server: House, phone: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    for content in ("One", "Two"):
        await phone.done("POST", f"/chats/{chat}/messages", {"content": content}, status=201)
    assert [message.text for message in server.provider.requests[-1].messages] == ["One", "Good morning", "Two"]


async def test_messages_come_in_pages(phone: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    assert await phone.done("GET", f"/chats/{chat}/messages") == []
    for number in range(3):
        await phone.done("POST", f"/chats/{chat}/messages", {"content": f"{number}"}, status=201)
    everything = await phone.done("GET", f"/chats/{chat}/messages")
    assert [message["content"] for message in everything if message["role"] == "user"] == ["0", "1", "2"]
    for limit in (1, 4, 100):
        for offset in (0, 1, 5, 6, 1000):
            page = await phone.done("GET", f"/chats/{chat}/messages?limit={limit}&offset={offset}")
            assert page == everything[offset : offset + limit]


async def test_which_model_answers(server: House, phone: Phone) -> None:
    async def asked(chat: str, **body: object) -> str:
        await phone.done("POST", f"/chats/{chat}/messages", {"content": "Who are you?"} | body, status=201)
        return server.provider.requests[-1].model

    plain = await phone.chat()
    assert await asked(plain) == "llama-3.2-3b-instruct", "the server's own, where nobody has chosen"
    body = {"provider": "lmstudio", "selections": [{"id": "my-default"}], "sharedSettings": {"systemPrompt": "Be dear"}}
    (row,) = await phone.done("POST", "/models/import", body, status=201)
    await phone.done("POST", f"/models/{row['id']}/default", status=201)
    assert await asked(plain) == "my-default", "the user's default"
    assert server.provider.requests[-1].messages[0].text == "Be dear"
    own = await phone.chat(provider="lmstudio", model="the-chats")
    assert await asked(own) == "the-chats", "the chat's before the default"
    sent = {"provider": "lmstudio", "model": "the-messages"}
    assert await asked(own, model_config=sent) == "the-messages", "the message's before the chat's"
    assert await asked(own) == "the-chats", "for that message alone"
    await phone.done("PUT", f"/chats/{own}", {"model_config": None})
    assert await asked(own) == "my-default"


async def test_a_key_is_kept_with_the_chat_and_never_shown(server: House, phone: Phone) -> None:
    chat = await phone.chat(**CONFIG)
    await phone.done("POST", f"/chats/{chat}/messages", HELLO, status=201)
    await phone.done("PUT", f"/chats/{chat}", {"model_config": {"provider": "openai", "model": "gpt-4o"}})
    await phone.done("POST", f"/chats/{chat}/messages", HELLO, status=201)
    await phone.done(
        "PUT", f"/chats/{chat}", {"model_config": {"provider": "openai", "model": "gpt-4o", "apiKey": None}}
    )
    refusal = await phone.refused("POST", f"/chats/{chat}/messages", HELLO)
    assert refusal.status == 400, "nobody has a key for that provider any more"
    second = await phone.chat()
    body = HELLO | {"model_config": {"provider": "openai", "model": "gpt-4o"}}
    assert (await phone.refused("POST", f"/chats/{second}/messages", body)).status == 400, "the key was that chat's"


async def test_no_secret_comes_back(server: House, phone: Phone) -> None:
    provider_key = ACTIVATE["apiKey"]
    said: list[bytes] = []
    chat = await phone.chat(**CONFIG)
    for method, path, body in [
        ("POST", "/providers/activate", ACTIVATE),
        ("PATCH", "/providers/openrouter", {"apiKey": provider_key}),
        ("PATCH", "/providers/openrouter", {"apiKey": provider_key, "displayName": 1}),
        ("GET", "/providers", None),
        ("GET", "/providers/openrouter/models", None),
        ("POST", "/chats", {"title": "New Chat", "model_config": CONFIG}),
        ("POST", "/chats", {"title": "", "model_config": CONFIG}),
        ("GET", "/chats", None),
        ("GET", f"/chats/{chat}", None),
        ("PUT", f"/chats/{chat}", {"model_config": CONFIG}),
        ("PUT", f"/chats/{chat}", {"model_config": CONFIG | {"provider": "unheard-of"}}),
        ("POST", f"/chats/{chat}/messages", HELLO | {"model_config": CONFIG}),
        ("GET", f"/chats/{chat}/messages", None),
        ("GET", "/models", None),
        ("GET", "/users/profile", None),
        ("DELETE", "/providers/openrouter", None),
        ("DELETE", f"/chats/{chat}", None),
    ]:
        reply = await phone.send(method, path, body)
        opened(reply)
        said += [reply.body, str(reply.headers).encode()]
    for rows in (await server.dump()).values():
        said.append(str(rows).encode())
    for part in said:
        assert KEY.encode() not in part
        assert provider_key.encode() not in part


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (UpstreamFailed("LM Studio refused the API key.", code="provider_auth"), 502),
        (UpstreamFailed("LM Studio could not handle the request.", code="provider_error"), 502),
        (UpstreamTimeout("LM Studio did not answer in time.", code="provider_timeout"), 502),
        (RateLimited("LM Studio asks to slow down.", code="provider_rate_limited", retry_after_seconds=60), 502),
        (Unavailable("LM Studio is overloaded.", code="provider_overloaded", retry_after_seconds=60), 502),
        (Invalid("LM Studio does not know this model.", code="model_not_found"), 502),
        (Invalid("The conversation is longer than the model can read.", code="context_too_long"), 502),
    ],
)
async def test_a_provider_that_fails(server: House, phone: Phone, failure: HearthsideError, status: int) -> None:
    chat = await phone.chat(**LLAMA)
    server.script.provider = ScriptedProvider([failure])
    refusal = await phone.refused("POST", f"/chats/{chat}/messages", HELLO)
    assert (refusal.status, refusal.message) == (status, failure.message)
    (kept,) = await phone.done("GET", f"/chats/{chat}/messages")
    assert (kept["role"], kept["content"]) == ("user", HELLO["content"])
    server.script.provider = ScriptedProvider(says("Better now"))
    await phone.done("POST", f"/chats/{chat}/messages", {"content": "Again?"}, status=201)
    texts = [message["content"] for message in await phone.done("GET", f"/chats/{chat}/messages")]
    assert texts == [HELLO["content"], "Again?", "Better now"]


async def test_what_a_provider_said_before_it_failed_is_kept(server: House, phone: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    failure = UpstreamFailed("LM Studio broke off in the middle of its answer.", code="stream_cut")
    server.script.provider = ScriptedProvider([TextDelta("Half an ans"), failure])
    assert (await phone.refused("POST", f"/chats/{chat}/messages", HELLO)).status == 502
    texts = [message["content"] for message in await phone.done("GET", f"/chats/{chat}/messages")]
    assert texts == [HELLO["content"], "Half an ans"]


async def test_a_fault_of_our_own_tells_nothing(server: House, phone: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    server.script.provider = ScriptedProvider([RuntimeError("in /srv/secret")])  # type: ignore[list-item]
    refusal = await phone.refused("POST", f"/chats/{chat}/messages", HELLO)
    assert refusal.status in {500, 502}
    assert "secret" not in refusal.message


async def test_a_provider_that_nobody_has(phone: Phone) -> None:
    chat = await phone.chat()
    body = HELLO | {"model_config": {"provider": "unheard-of", "model": "m"}}
    assert (await phone.refused("POST", f"/chats/{chat}/messages", body)).status == 400
    assert await phone.done("GET", f"/chats/{chat}/messages") == []


async def test_a_client_that_leaves_gets_its_answer_all_the_same(server: House, phone: Phone) -> None:
    chat, gate = await phone.chat(**LLAMA), server.holds_after("Good ", then=("morning",))
    sending = asyncio.create_task(phone.send("POST", f"/chats/{chat}/messages", HELLO))
    await gate.reached.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert [one["content"] for one in await phone.done("GET", f"/chats/{chat}/messages")] == [HELLO["content"]]
    gate.open()
    async with asyncio.timeout(10):
        while len(await phone.done("GET", f"/chats/{chat}/messages")) < 2:
            await asyncio.sleep(0.01)
    assert (await phone.done("GET", f"/chats/{chat}/messages"))[1]["content"] == "Good morning"


async def test_a_server_that_stops_says_so_and_keeps_the_text(server: House, phone: Phone) -> None:
    chat, gate = await phone.chat(**LLAMA), server.holds_after("Good ")
    sending = asyncio.create_task(phone.send("POST", f"/chats/{chat}/messages", HELLO))
    await gate.reached.wait()
    await server.services.generations.close(0)
    reply = await sending
    assert reply.status == 503
    assert "stopping" in opened(reply)["message"]
    texts = [message["content"] for message in await phone.done("GET", f"/chats/{chat}/messages")]
    assert texts == [HELLO["content"], "Good "]
    late = await phone.refused("POST", f"/chats/{chat}/messages", {"content": "Too late"})
    assert late.status == 503
    assert len(await phone.done("GET", f"/chats/{chat}/messages")) == 2


async def test_a_chat_that_is_deleted_meanwhile(server: House, phone: Phone) -> None:
    chat, gate = await phone.chat(**LLAMA), server.holds_after("Good ")
    sending = asyncio.create_task(phone.send("POST", f"/chats/{chat}/messages", HELLO))
    await gate.reached.wait()
    await phone.done("DELETE", f"/chats/{chat}")
    reply = await sending
    assert reply.status == 404
    opened(reply)
    await server.provider.closed.wait()


async def test_a_reply_that_is_cancelled_by_another_door_is_what_there_is(server: House, phone: Phone) -> None:
    chat, gate = await phone.chat(**LLAMA), server.holds_after("Good ")
    sending = asyncio.create_task(phone.done("POST", f"/chats/{chat}/messages", HELLO, status=201))
    await gate.reached.wait()
    browser = Client(server.url, dict(phone.client.session.headers))
    server.clients.append(browser)
    (conversation,) = await browser.done("GET", "/conversations")
    async with browser.stream("POST", f"/conversations/{conversation['id']}/stream", {}) as reader:
        generation = (await reader.next()).data["generation_id"]
        await browser.done("POST", f"/chat/cancel/{generation}")
    assert (await sending)["assistantMessage"]["content"] == "Good "


async def test_two_messages_at_once_get_an_answer_each(server: House, phone: Phone) -> None:
    chat = await phone.chat(**LLAMA)
    path = f"/chats/{chat}/messages"
    both = await asyncio.gather(
        *(phone.done("POST", path, {"content": content}, status=201) for content in ("One", "Two"))
    )
    messages = [message for data in both for message in (data["userMessage"], data["assistantMessage"])]
    assert len({message["id"] for message in messages}) == 4
    listed = await phone.done("GET", path)
    assert sorted(message["id"] for message in listed) == sorted(message["id"] for message in messages)


async def test_messages_are_limited_by_user(open_server: OpenHouse) -> None:
    server = await open_server(requests_per_minute_per_user=2)
    phone = await signed_up(server, "user@example.com")
    chat = await phone.chat(**LLAMA)
    replies = [await phone.send("POST", f"/chats/{chat}/messages", HELLO) for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 429]
    assert int(replies[-1].headers["Retry-After"]) >= 1
    opened(replies[-1])


async def test_messages_are_limited_by_address(open_server: OpenHouse) -> None:
    server = await open_server(requests_per_minute_per_address=2)
    chats = []
    for name in ("one", "two", "three"):
        phone = await signed_up(server, f"{name}@example.com")
        chats.append((phone, await phone.chat(**LLAMA)))
    replies = [await phone.send("POST", f"/chats/{chat}/messages", HELLO) for phone, chat in chats]
    assert [reply.status for reply in replies] == [201, 201, 429]


async def test_a_quota_that_is_spent(open_server: OpenHouse) -> None:
    server = await open_server(daily_messages_per_user=1)
    phone = await signed_up(server, "user@example.com")
    chat = await phone.chat(**LLAMA)
    await phone.done("POST", f"/chats/{chat}/messages", HELLO, status=201)
    reply = await phone.send("POST", f"/chats/{chat}/messages", HELLO)
    assert reply.status == 429
    assert int(reply.headers["Retry-After"]) >= 1
    opened(reply)
    assert len(await phone.done("GET", f"/chats/{chat}/messages")) == 2
