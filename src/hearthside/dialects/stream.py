"""The only SSE pump: numbered frames to one client, heartbeats between them, an end when the client leaves.

What makes the frames belongs to the server, not to the request: the pump reads it, and leaving closes the reader alone.
A client that does not take what it is sent is cut after `STALL_SECONDS`; nothing is buffered for it here beyond the
transport's own bounded buffer, and it comes back by event id.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hearthside.wire import sse

logger = logging.getLogger(__name__)

PING_SECONDS = 15.0
STALL_SECONDS = 20.0

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. `data` is JSON on one line; `id` is what a client sends back as Last-Event-ID."""

    id: str
    event: str
    data: bytes


class EventStream(Response):
    """The response. `ping` makes the heartbeat's data; a heartbeat carries the id of the last frame, at first `after`.

    The first heartbeat goes out before the first frame, the others every `ping_seconds`, whatever `frames` does.
    An error in `frames` ends the stream early: the client sees no final event and comes back.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[Frame],
        *,
        ping: Callable[[], bytes],
        after: str = "0",
        ping_seconds: float = PING_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._frames = frames
        self._ping = ping
        self._last_id = after
        self._ping_seconds = ping_seconds
        self._stall_seconds = stall_seconds
        self._sending = asyncio.Lock()  # frames and heartbeats come from two tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        tasks = [
            asyncio.create_task(self._pump(send), name="sse:pump"),
            asyncio.create_task(self._beat(send), name="sse:beat"),
            asyncio.create_task(_disconnected(receive), name="sse:disconnect"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await self._frames.aclose()
        if _log_failure(outcomes, scope):
            return  # no last part: it would wait for the same client; the server closes the connection instead
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        await self._send_ping(send)
        async for frame in self._frames:
            async with self._sending:
                await self._send(send, frame)
                self._last_id = frame.id

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._ping_seconds)
            await self._send_ping(send)

    async def _send_ping(self, send: Send) -> None:
        # Made only when its turn has come: a ping behind a newer frame must not take a client's last id back.
        async with self._sending:
            await self._send(send, Frame(self._last_id, "ping", self._ping()))

    async def _send(self, send: Send, frame: Frame) -> None:
        body = sse.encode(frame.event, frame.data, frame.id)
        try:
            async with asyncio.timeout(self._stall_seconds):
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except TimeoutError:
            raise ClientStalled from None


class ClientStalled(Exception):
    """The client has not taken a byte for too long."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _log_failure(outcomes: Sequence[BaseException | None], scope: Scope) -> bool:
    """Says in the log what went wrong, if anything did; True where the client has stalled."""
    extra = {"request_id": scope["state"].get("request_id"), "path": scope["path"]}
    for outcome in outcomes:
        if isinstance(outcome, ClientStalled):
            logger.info("stream cut: the client does not read", extra=extra)
            return True
        if isinstance(outcome, Exception):
            logger.error("stream ended early", extra=extra, exc_info=outcome)
    return False
