"""A scripted OpenAI-compatible server: counts words at a steady pace, and remembers who hung up on it.

The last user message says what to do: `count 100 every 0.03` streams `w0 w1 … w99`, a word every 30 ms. A trailing
assistant message is a beginning: the count goes on after its last word.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "counter"


def words(first: int, last: int) -> str:
    """What a count from `first` up to, not including, `last` says."""
    return "".join(f"w{number} " for number in range(first, last))


@dataclass
class Upstream:
    """What happened at the scripted server so far."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    abandoned: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        first, last, pause = _order(body["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            for number in range(first, last):
                await response.write(_chunk({"content": f"w{number} "}))
                await asyncio.sleep(pause)
            await response.write(_chunk({}, finish="stop"))
            await response.write(_usage(len(body["messages"]), last - first))
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.abandoned += 1
            self.left.set()
            raise
        finally:
            self.running -= 1
        return response


def _order(messages: list[dict[str, Any]]) -> tuple[int, int, float]:
    asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    order = re.search(r"count (\d+)(?: every ([\d.]+))?", asked)
    last = int(order[1]) if order else 3
    pause = float(order[2] or 0) if order else 0.0
    begun = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
    return len(begun.split()), last, pause


def _chunk(delta: dict[str, Any], *, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({"id": "c", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})


def _usage(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return _event({"id": "c", "object": "chat.completion.chunk", "model": MODEL, "choices": [], "usage": usage})


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[Upstream]:
    """The server on a free loopback port; `url` is its base URL with `/v1`."""
    upstream = Upstream()
    app = web.Application()
    app.router.add_get("/v1/models", upstream.models)
    app.router.add_post("/v1/chat/completions", upstream.chat)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield upstream
    finally:
        await runner.cleanup()
