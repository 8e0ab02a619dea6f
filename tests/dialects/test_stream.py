"""The pump alone, message by message: what a socket would blur (order, stalls, who is left behind)."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from hearthside.dialects.stream import EventStream, Frame
from hearthside.wire.sse import SseEvent, SseParser
from tests.dialects.asgi import Client, scope


class Source:
    """Frames that a test hands out one by one."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Frame | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def frames(self) -> AsyncGenerator[Frame]:
        try:
            while (item := await self.queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed.set()

    def put(self, number: int) -> None:
        self.queue.put_nowait(Frame(str(number), "delta", b'{"delta":"x"}'))


class Watcher(Client):
    """A client that can be awaited until it has seen so many events."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Condition()
        self.stall: asyncio.Event | None = None

    async def send(self, message: Message) -> None:
        if self.stall is not None and message["type"] == "http.response.body":
            await self.stall.wait()
        async with self.changed:
            self.sent.append(message)
            self.changed.notify_all()

    async def seen(self, count: int) -> list[SseEvent]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.events) >= count)
        return self.events

    @property
    def events(self) -> list[SseEvent]:
        return SseParser().feed(self.body)


def respond(source: Source, client: Client, *, ping: float = 3600, stall: float = 3600) -> asyncio.Task[None]:
    response = EventStream(source.frames(), ping=lambda: b'{"ts":1}', after="7", ping_seconds=ping, stall_seconds=stall)
    return asyncio.create_task(response(scope() | {"state": {}}, client.receive, client.send))


def names(events: list[SseEvent]) -> list[tuple[str, str]]:
    return [(event.event, event.id) for event in events]


async def test_a_ping_then_frames_then_the_end() -> None:
    source, client = Source(), Watcher()
    source.put(8)
    source.put(9)
    source.queue.put_nowait(None)
    await respond(source, client)
    assert names(client.events) == [("ping", "7"), ("delta", "8"), ("delta", "9")]
    assert client.is_complete
    assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert client.headers["cache-control"] == "no-cache"
    assert client.headers["x-accel-buffering"] == "no"
    assert "content-length" not in client.headers


async def test_an_event_is_printed_as_the_document_prints_it() -> None:
    source, client = Source(), Watcher()
    source.put(8)
    source.queue.put_nowait(None)
    await respond(source, client)
    assert client.sent[2]["body"] == b'id: 8\nevent: delta\ndata: {"delta":"x"}\n\n'


async def test_pings_go_on_while_the_source_is_silent() -> None:
    source, client = Source(), Watcher()
    source.put(8)
    running = respond(source, client, ping=0.01)
    events = await client.seen(5)
    assert names(events)[:2] == [("ping", "7"), ("delta", "8")]
    assert {event.id for event in events[2:]} == {"8"}, "a ping carries the id of the last frame"
    assert json.loads(events[-1].data) == {"ts": 1}
    client.leave()
    await running


async def test_a_ping_that_waited_does_not_take_the_last_id_back() -> None:
    source, client = Source(), Watcher()
    running = respond(source, client, ping=0.001)
    await client.seen(1)
    client.stall = asyncio.Event()
    source.put(8)
    for _ in range(3):  # pings come due, and wait behind the frame
        await asyncio.sleep(0.002)
    client.stall.set()
    events = await client.seen(len(client.events) + 5)
    first = names(events).index(("delta", "8"))
    assert {event.id for event in events[first:]} == {"8"}
    client.leave()
    await running


async def test_a_client_that_leaves_ends_the_reader_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    source, client = Source(), Watcher()
    running = respond(source, client)
    await client.seen(1)
    client.leave()
    await running
    assert source.closed.is_set()
    assert asyncio.all_tasks() == before


async def test_cancelling_the_request_ends_the_reader_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    source, client = Source(), Watcher()
    running = respond(source, client)
    await client.seen(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert source.closed.is_set()
    assert asyncio.all_tasks() == before


async def test_a_client_that_does_not_read_is_cut() -> None:
    source, client = Source(), Watcher()
    client.stall = asyncio.Event()
    await respond(source, client, stall=0.01)
    assert source.closed.is_set() is False, "the source had not been started, and must not be"
    assert not client.is_complete, "the end of the answer must not be faked"


async def test_a_failing_source_ends_the_stream_and_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    source, client = Source(), Watcher()
    source.put(8)
    source.queue.put_nowait(RuntimeError("the log cannot be read"))
    with caplog.at_level(logging.ERROR):
        await respond(source, client)
    assert names(client.events)[-1] == ("delta", "8")
    assert "stream ended early" in caplog.text
    assert "the log cannot be read" in caplog.text
