"""Streams as clients live them: many tabs, lost connections, strangers, failing providers."""

import asyncio

import pytest

from hearthside.gateway.model import Finished, FinishReason, ReasoningDelta, TextDelta
from hearthside.kit.errors import HearthsideError, Unavailable, UpstreamFailed, UpstreamTimeout
from tests.contracts.client import Client, Event
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import House


def text(events: list[Event]) -> str:
    return "".join(event.data["delta"] for event in events if event.name == "delta")


def without_pings(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name != "ping"]


async def test_a_lost_connection_goes_on_where_it_was(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("One ", "two ", then=("three ", "four"))
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        seen = await reader.until("delta")
    generation = seen[0].data["generation_id"]
    path = f"/conversations/{conversation}/stream/{generation}"
    async with anna.stream("GET", path, headers={"Last-Event-ID": seen[-1].id}) as reader:
        ping = await reader.next()
        assert (ping.name, ping.id) == ("ping", seen[-1].id)
        gate.open()
        rest = without_pings(await reader.rest())
    whole = without_pings(seen) + rest
    assert text(whole) == "One two three four"
    assert [int(event.id) for event in whole] == list(range(1, len(whole) + 1)), "nothing lost, nothing twice"


async def test_a_finished_reply_is_replayed_from_any_event(server: House, anna: Client) -> None:
    conversation = await server.asked(anna)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        whole = await reader.rest()
    generation = whole[0].data["generation_id"]
    events = without_pings(whole)
    path = f"/conversations/{conversation}/stream/{generation}"
    for seen in range(len(events) + 1):
        async with anna.stream("GET", f"{path}?last_event_id={seen}") as reader:
            assert without_pings(await reader.rest()) == events[seen:]
    async with anna.stream("GET", path) as reader:
        assert without_pings(await reader.rest()) == events


async def test_two_tabs_see_the_same_reply(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ", then=("morning",))
    path = f"/conversations/{conversation}/stream"
    async with anna.stream("POST", path, {}) as first, anna.stream("POST", path, {}) as second:
        await gate.reached.wait()
        gate.open()
        one, other = await first.rest(), await second.rest()
    assert without_pings(one) == without_pings(other)
    assert text(one) == "Good morning"
    assert len(server.provider.requests) == 1


async def test_a_client_that_leaves_does_not_end_the_reply(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ", then=("morning",))
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        generation = (await reader.until("delta"))[0].data["generation_id"]
    gate.open()
    async with anna.stream("GET", f"/conversations/{conversation}/stream/{generation}") as reader:
        assert text(await reader.rest()) == "Good morning"


async def test_clients_that_leave_leave_nothing_behind(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ", then=("morning",))
    path = f"/conversations/{conversation}/stream"
    async with anna.stream("POST", path, {}) as reader:
        await reader.until("delta")
        before = server.stream_tasks()
        for _ in range(20):
            async with anna.stream("POST", path, {}) as other:
                await other.next()
        await server.settled(lambda: server.stream_tasks() == before)
        gate.open()
        assert text(await reader.rest()) == "morning"


async def test_another_session_of_the_same_user_cancels(server: House, anna: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ")
    phone = await server.sign_in("anna")
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        generation = (await reader.next()).data["generation_id"]
        await gate.reached.wait()
        assert (await phone.post(f"/chat/cancel/{generation}")).status == 200
        assert (await reader.rest())[-1].data["status"] == "canceled"


async def test_a_stranger_cannot_see_or_cancel(server: House, anna: Client, ben: Client) -> None:
    conversation, gate = await server.asked(anna), server.holds_after("Good ", then=("morning",))
    bens = await server.asked(ben)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        generation = (await reader.next()).data["generation_id"]
        await gate.reached.wait()
        assert (await ben.post(f"/chat/cancel/{generation}")).error == (404, "GENERATION_NOT_FOUND")
        stolen = await ben.get(f"/conversations/{conversation}/stream/{generation}")
        mixed = await ben.get(f"/conversations/{bens}/stream/{generation}")
        assert stolen.status == mixed.status == 404
        begun = await ben.post(f"/conversations/{conversation}/stream", {})
        assert begun.error == (404, "CONVERSATION_NOT_FOUND")
        retried = await ben.post("/chat/retry", {"conversation_id": conversation})
        assert retried.error == (404, "CONVERSATION_NOT_FOUND")
        gate.open()
        assert (await reader.rest())[-1].data["status"] == "ok"


async def test_cancel_of_what_never_was(anna: Client) -> None:
    for unknown in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        assert (await anna.post(f"/chat/cancel/{unknown}")).error == (404, "GENERATION_NOT_FOUND")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UpstreamFailed("LM Studio failed."), "PROVIDER_ERROR"),
        (UpstreamFailed("LM Studio refuses the key.", code="provider_auth"), "PROVIDER_ERROR"),
        (UpstreamTimeout("LM Studio did not answer in time."), "PROVIDER_TIMEOUT"),
        (Unavailable("LM Studio cannot be reached.", code="provider_unreachable"), "PROVIDER_UNREACHABLE"),
    ],
)
async def test_a_failing_provider(open_server: OpenHouse, failure: HearthsideError, code: str) -> None:
    server = await open_server(TextDelta("Half an "), failure)
    anna = await server.join("anna")
    conversation = await server.asked(anna)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        *_, error, done = await reader.rest()
    generation = done.data["generation_id"]
    assert error.name == "error"
    assert error.data == {"generation_id": generation, "code": code, "message": failure.message}
    assert (done.name, done.data["status"]) == ("done", "error")
    last = (await anna.done("GET", f"/conversations/{conversation}/messages"))[-1]
    assert (last["content"], last["status"]) == ("Half an ", "failed")


async def test_reasoning_is_passed_on(open_server: OpenHouse) -> None:
    server = await open_server(ReasoningDelta("Hm. "), TextDelta("Yes."), Finished(FinishReason.STOP))
    anna = await server.join("anna")
    conversation = await server.asked(anna)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        events = await reader.rest()
    (thought,) = [event for event in events if event.name == "reasoning"]
    assert thought.data == {"generation_id": events[0].data["generation_id"], "delta": "Hm. "}
    assert text(events) == "Yes."


async def test_nothing_to_answer(server: House, anna: Client) -> None:
    conversation = (await anna.done("POST", "/conversations", {}))["id"]
    assert (await anna.post(f"/conversations/{conversation}/stream", {})).error == (400, "NO_USER_MESSAGE")
    assert (await anna.post("/chat/retry", {"conversation_id": conversation})).error == (400, "NO_USER_MESSAGE")


async def test_an_unknown_provider(server: House, anna: Client) -> None:
    conversation = await server.asked(anna)
    body = {"provider_id": "nobody", "model": "x"}
    assert (await anna.post(f"/conversations/{conversation}/stream", body)).error == (400, "PROVIDER_NOT_FOUND")
    retry = await anna.post("/chat/retry", body | {"conversation_id": conversation})
    assert retry.error == (400, "PROVIDER_NOT_FOUND")
    unlisted = await anna.post(f"/conversations/{conversation}/stream", {"model": "nobody-has-this"})
    assert unlisted.error == (400, "MODEL_NOT_FOUND")


async def test_an_edit_begins_a_branch(server: House, anna: Client) -> None:
    conversation = await server.asked(anna, "First wording")
    path = f"/conversations/{conversation}"
    async with anna.stream("POST", f"{path}/stream", {}) as reader:
        await reader.rest()
    prompt, reply = await anna.done("GET", f"{path}/messages")
    edited = await anna.done("POST", f"{path}/messages", {"content": "And then?", "parent_id": reply["id"]})
    other = await anna.done("POST", f"{path}/messages", {"content": "Or rather?", "parent_id": reply["id"]})
    branch = await anna.done("GET", f"{path}/messages")
    assert [message["id"] for message in branch] == [prompt["id"], reply["id"], other["message_id"]]
    tree = await anna.done("GET", f"{path}/messages?tree=true")
    assert {message["id"] for message in tree} == {message["id"] for message in branch} | {edited["message_id"]}
    await anna.done("POST", f"{path}/leaf", {"message_id": edited["message_id"]})
    branch = await anna.done("GET", f"{path}/messages")
    assert branch[-1]["id"] == edited["message_id"]


async def test_the_daily_quota(open_server: OpenHouse) -> None:
    server = await open_server(daily_messages_per_user=2)
    anna = await server.join("anna")
    conversation = (await anna.done("POST", "/conversations", {}))["id"]
    path = f"/conversations/{conversation}/messages"
    for _ in range(2):
        await anna.done("POST", path, {"content": "Hello"})
    over = await anna.post(path, {"content": "Hello"})
    assert over.error == (429, "QUOTA_EXCEEDED")
    assert int(over.headers["Retry-After"]) >= 1
    assert len(await anna.done("GET", path)) == 2


@pytest.mark.parametrize("who", ["address", "user"])
async def test_rate_limits(open_server: OpenHouse, who: str) -> None:
    limits = {"requests_per_minute_per_address": 1000, "requests_per_minute_per_user": 1000}
    server = await open_server(**limits | {f"requests_per_minute_per_{who}": 3})
    anna = await server.join("anna")
    conversation = (await anna.done("POST", "/conversations", {}))["id"]
    path = f"/conversations/{conversation}"
    for method, where, body in [
        ("POST", f"{path}/messages", {"content": "Hello"}),
        ("POST", f"{path}/stream", {}),
        ("POST", "/chat/retry", {"conversation_id": conversation}),
    ]:
        replies = [await anna.request(method, where, body) for _ in range(4)]
        assert [reply.status for reply in replies[:3]] == [200, 200, 200]
        assert replies[3].error == (429, "RATE_LIMITED")
        assert int(replies[3].headers["Retry-After"]) >= 1
    assert (await anna.get(f"{path}/messages")).status == 200


async def test_many_streams_at_once(server: House, anna: Client) -> None:
    gate = server.holds_after("Good ", then=("morning",))
    conversations = [await server.asked(anna) for _ in range(10)]

    async def one(conversation: int) -> str:
        async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
            events = await reader.until("delta")
            gate.open()
            return text(events + await reader.rest())

    assert await asyncio.gather(*map(one, conversations)) == ["Good morning"] * 10
