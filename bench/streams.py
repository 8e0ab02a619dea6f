"""What many replies at once cost: streams through POST /conversations/{id}/stream from an upstream of steady pace.

Three processes on the loopback: this client, the server, and the scripted upstream. Every reply is compared with what
the upstream said, to the letter; the server's CPU time is the operating system's.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import Usage, usage
from tests.live import Client, LiveServer, SseEvent, text_of
from tests.upstream import MODEL, words


@dataclass(frozen=True)
class Load:
    """So many streams at once, each of so many tokens at such a pace."""

    streams: int = 40
    tokens: int = 300
    tokens_per_second: float = 30

    @property
    def order(self) -> str:
        """The message that makes the upstream do it."""
        return f"count {self.tokens} every {1 / self.tokens_per_second:.5f}"

    @property
    def ideal_seconds(self) -> float:
        return self.tokens / self.tokens_per_second


@dataclass(frozen=True)
class Reply:
    exact: bool
    first_delta_seconds: float
    total_seconds: float
    deltas: int


@dataclass(frozen=True)
class Streams:
    load: Load
    replies: list[Reply]
    cpu_seconds: float
    after: Usage

    @property
    def exact(self) -> int:
        return sum(reply.exact for reply in self.replies)

    def first_delta(self, percent: int) -> float:
        """Seconds until the first text, at this percentile."""
        times = [reply.first_delta_seconds for reply in self.replies]
        return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else times[0]


async def measure(folder: Path, load: Load) -> Streams:
    async with (
        _upstream() as url,
        LiveServer(folder / "data", upstream_url=url) as server,
        Client(server.url) as client,
    ):
        await client.bootstrap()
        await _reply(client, Load(streams=1, tokens=3))  # what is loaded late is loaded now
        conversations = [await client.conversation(load.order) for _ in range(load.streams)]
        before = usage(server.pid)
        replies = await asyncio.gather(*(_stream(client, one, load) for one in conversations))
        after = usage(server.pid)
    return Streams(load, replies, after.cpu_seconds - before.cpu_seconds, after)


async def _reply(client: Client, load: Load) -> Reply:
    return await _stream(client, await client.conversation(load.order), load)


async def _stream(client: Client, conversation: int, load: Load) -> Reply:
    began, first = time.perf_counter(), 0.0
    events: list[SseEvent] = []
    async for event in client.stream(conversation, provider_id="counter", model=MODEL):
        if event.type == "delta" and not first:
            first = time.perf_counter() - began
        events.append(event)
    exact = text_of(events) == words(0, load.tokens) and events[-1].data.get("status") == "ok"
    return Reply(exact, first, time.perf_counter() - began, sum(event.type == "delta" for event in events))


@asynccontextmanager
async def _upstream() -> AsyncIterator[str]:
    """The scripted upstream in a process of its own; its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.upstream", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()
