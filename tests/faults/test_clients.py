"""Clients that leave, return, crowd in and cancel, against a real server and a real upstream."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import upstream as scripted
from tests.live import Client, LiveServer, SseEvent, text_of
from tests.upstream import Upstream, words

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

COUNTER = {"provider_id": "counter", "model": "counter"}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with scripted.serving() as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path, upstream: Upstream) -> AsyncIterator[LiveServer]:
    async with LiveServer(tmp_path / "data", upstream_url=upstream.url) as live:
        yield live


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def settled(pid: int, wanted: int) -> int:
    """The open descriptors, given up to three seconds to come down to `wanted`."""
    for _ in range(30):
        if open_files(pid) <= wanted:
            break
        await asyncio.sleep(0.1)
    return open_files(pid)


async def some(events: AsyncIterator[SseEvent], deltas: int) -> list[SseEvent]:
    got: list[SseEvent] = []
    async for event in events:
        got.append(event)
        if sum(e.type == "delta" for e in got) >= deltas:
            break
    return got


async def test_two_hundred_disconnects_leave_nothing_behind(server: LiveServer, upstream: Upstream) -> None:
    async with Client(server.url) as client:
        await client.bootstrap()
        conversation = await client.conversation("count 100000 every 0.005")
        first = await some(client.stream(conversation, **COUNTER), 2)
        generation = first[0].data["generation_id"]

    async def leave_in_the_middle() -> None:
        async with Client(server.url) as client:
            await client.sign_in()
            await some(client.resume(conversation, generation, 0), 3)

    async def ten_leave() -> None:
        await asyncio.gather(*(leave_in_the_middle() for _ in range(10)))

    await ten_leave()  # opens what stays open: database connections, the HTTP client
    before = await settled(server.pid, 0)
    for _ in range(20):
        await ten_leave()
    assert await settled(server.pid, before) <= before
    assert upstream.running == 1, "one reply, one upstream request, however many came and went"
    async with Client(server.url) as client:
        await client.sign_in()
        await client.ok("POST", f"/chat/cancel/{generation}")
    async with asyncio.timeout(5):
        await upstream.left.wait()
    assert upstream.running == 0


async def test_reconnecting_by_event_id_is_exact(server: LiveServer) -> None:
    async with Client(server.url) as client:
        await client.bootstrap()
        conversation = await client.conversation("count 300 every 0.005")
        journal = await some(client.stream(conversation, **COUNTER), 1)
        generation = journal[0].data["generation_id"]
        while journal[-1].type != "done":
            after = journal[-1].id
            journal += [e for e in await some(client.resume(conversation, generation, after), 17) if e.type != "ping"]
    logged = [event for event in journal if event.type != "ping"]
    assert [event.id for event in logged] == list(range(1, len(logged) + 1))
    assert text_of(logged) == words(0, 300)


async def test_every_tab_sees_the_same_stream_and_any_may_cancel(server: LiveServer, upstream: Upstream) -> None:
    async with Client(server.url) as one, Client(server.url) as two:
        await one.bootstrap()
        await two.sign_in()
        conversation = await one.conversation("count 100000 every 0.01")
        first = await some(one.stream(conversation, **COUNTER), 1)
        generation = first[0].data["generation_id"]

        async def watch(client: Client) -> list[SseEvent]:
            return [e async for e in client.resume(conversation, generation, 0) if e.type != "ping"]

        tabs = [asyncio.create_task(watch(client)) for client in (one, two, one)]
        joined = asyncio.create_task(some(two.stream(conversation, **COUNTER), 1000))
        await some(one.resume(conversation, generation, 0), 20)
        await two.ok("POST", f"/chat/cancel/{generation}")
        async with asyncio.timeout(0.5):
            await upstream.left.wait()
        seen = [[(e.id, e.type, e.data) for e in await tab] for tab in tabs]
        assert seen[0] == seen[1] == seen[2]
        assert seen[0][-1][2]["status"] == "canceled"
        assert [(e.id, e.type, e.data) for e in await joined if e.type != "ping"] == seen[0]
        messages = await one.ok("GET", f"/conversations/{conversation}/messages")
    assert messages[1]["status"] == "cancelled"
    assert words(0, 100_000).startswith(messages[1]["content"])
    assert len(upstream.requests) == 1


async def test_forty_streams_at_once_are_all_exact(server: LiveServer) -> None:
    async with Client(server.url) as client:
        await client.bootstrap()
        conversations = [await client.conversation("count 90 every 0.033") for _ in range(40)]

        async def one(conversation: int) -> str:
            return text_of([event async for event in client.stream(conversation, **COUNTER)])

        texts = await asyncio.gather(*(one(conversation) for conversation in conversations))
    assert set(texts) == {words(0, 90)}
