"""kill -9 in the middle of everything, against a journal kept outside the server: nothing lost, nothing doubled."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import upstream as scripted
from tests.live import Client, LiveServer, SseEvent, text_of
from tests.upstream import Upstream, words

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

CYCLES = 50


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with scripted.serving() as server:
        yield server


async def read_until(events: AsyncIterator[SseEvent], journal: list[SseEvent], deltas: int) -> None:
    """Journals events until so many deltas came, or the connection broke."""
    seen = 0
    async for event in events:
        journal.append(event)
        seen += event.type == "delta"
        if seen >= deltas:
            return


def generation_of(journal: list[SseEvent]) -> str:
    return str(journal[0].data["generation_id"])


async def test_fifty_kills_lose_no_acknowledged_message_and_double_none(tmp_path: Path, upstream: Upstream) -> None:
    """Every cycle: send, stream a while, kill -9, start, resume by event id, go on to the end."""
    chance = random.Random(20260101)
    journal: list[tuple[int, str]] = []  # (conversation, acknowledged user message)
    server = LiveServer(tmp_path / "data", upstream_url=upstream.url)
    await server.start()
    async with Client(server.url) as client:
        await client.bootstrap()
        for cycle in range(CYCLES):
            total = 120
            content = f"count {total} every 0.01 cycle {cycle}"
            conversation = await client.conversation(content)
            journal.append((conversation, content))
            before: list[SseEvent] = []
            stream = client.stream(conversation, provider_id="counter", model="counter")
            await read_until(stream, before, chance.randint(1, 25))
            await server.kill()
            await server.start()

            last = before[-1].id
            after = [e async for e in client.resume(conversation, generation_of(before), last) if e.type != "ping"]
            assert [e.id for e in after] == sorted({e.id for e in after}), "an event came twice"
            assert all(e.id > last for e in after)
            assert after[-1].type == "done"
            assert after[-1].data["status"] == "error"
            kept = text_of(before) + text_of(after)
            assert words(0, total).startswith(kept), "the stream before and after the kill does not join up"

            messages = await client.ok("GET", f"/conversations/{conversation}/messages")
            assert [m["role"] for m in messages] == ["user", "assistant"]
            assert messages[0]["content"] == content
            assert messages[1]["content"] == kept
            assert messages[1]["status"] == "interrupted"

            rest = [e async for e in client.stream(conversation, provider_id="counter", model="counter")]
            assert rest[-1].data["status"] == "ok"
            assert kept + text_of(rest) == words(0, total)

        for conversation, content in journal:
            messages = await client.ok("GET", f"/conversations/{conversation}/messages")
            assert [(m["role"], m["content"]) for m in messages] == [("user", content), ("assistant", words(0, 120))]
        assert len(await client.ok("GET", "/conversations?limit=1000")) == CYCLES
    await server.kill()


async def test_messages_acknowledged_before_a_kill_are_there_after_it(tmp_path: Path) -> None:
    """Writers go as fast as they can; whatever was answered 200 must be there once, the rest at most once."""
    server = LiveServer(tmp_path / "data")
    await server.start()
    async with Client(server.url) as client:
        await client.bootstrap()
        conversation = await client.conversation()
        sent: list[str] = []
        acknowledged: list[str] = []

        async def write(writer: int) -> None:
            for number in range(10_000):
                content = f"{writer}:{number}"
                sent.append(content)
                await client.ok("POST", f"/conversations/{conversation}/messages", {"content": content})
                acknowledged.append(content)

        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        while len(acknowledged) < 100:
            await asyncio.sleep(0.01)
        await server.kill()
        await asyncio.gather(*writers, return_exceptions=True)
        await server.start()
        stored = [m["content"] for m in await client.ok("GET", f"/conversations/{conversation}/messages?limit=1000")]
    await server.kill()
    assert len(stored) == len(set(stored)), "a message was doubled"
    assert set(acknowledged) <= set(stored), "an acknowledged message was lost"
    assert set(stored) <= set(sent)


async def test_sigterm_keeps_the_partial_reply_and_says_so(tmp_path: Path, upstream: Upstream) -> None:
    server = LiveServer(tmp_path / "data", upstream_url=upstream.url, HEARTHSIDE_DRAIN_SECONDS="0.5")
    await server.start()
    async with Client(server.url) as client:
        await client.bootstrap()
        conversation = await client.conversation("count 100000 every 0.02")
        journal: list[SseEvent] = []
        stream = client.stream(conversation, provider_id="counter", model="counter")
        await read_until(stream, journal, 5)
        stopping = asyncio.create_task(server.terminate())
        journal += [event async for event in stream]
        assert await stopping == 0, server.log()
        assert [e.data.get("code") for e in journal if e.type == "error"] == ["SHUTTING_DOWN"]
        assert journal[-1].data["status"] == "error"
        await server.start()
        messages = await client.ok("GET", f"/conversations/{conversation}/messages")
        assert messages[1]["status"] == "interrupted"
        assert messages[1]["content"] == text_of(journal)
    await server.kill()


async def test_sigterm_lets_a_short_reply_finish(tmp_path: Path, upstream: Upstream) -> None:
    server = LiveServer(tmp_path / "data", upstream_url=upstream.url)
    await server.start()
    async with Client(server.url) as client:
        await client.bootstrap()
        conversation = await client.conversation("count 40 every 0.02")
        journal: list[SseEvent] = []
        stream = client.stream(conversation, provider_id="counter", model="counter")
        await read_until(stream, journal, 3)
        stopping = asyncio.create_task(server.terminate())
        journal += [event async for event in stream]
        assert await stopping == 0, server.log()
    assert journal[-1].data["status"] == "ok"
    assert text_of(journal) == words(0, 40)
