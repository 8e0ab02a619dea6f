"""The one door out: every HTTP request that the server makes to anywhere leaves through here.

A URL is parsed once (`kit.addresses`), its name resolved once, every address checked, and the connection made to an
address that was checked, with Host and SNI of the name. Redirects, the environment's proxies, cookies and compressed
answers are off. Leaving the context, or cancelling, closes the upstream connection at once unless the answer was read
to its end.

Behind it stands aiohttp (`kit/outbound_aiohttp.py`), chosen for its CPU cost per request, loaded at the first request.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hearthside.kit.addresses import check_addresses, parse_url
from hearthside.kit.exchange import Cut, Exchange, TimedOut, Transport, Unreachable, Unreadable

__all__ = ["Cut", "Outbound", "Reply", "TimedOut", "Timeouts", "Unreachable", "Unreadable"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte` runs to the head of the answer and again to the first byte of its body, `idle` between
    bytes after that; `total` caps the whole exchange (None: no cap)."""

    connect: float = 5
    first_byte: float = 60
    idle: float = 30
    total: float | None = None


class Reply:
    """An answer whose head is here and whose body is read as it comes. `headers` are case-insensitive."""

    def __init__(
        self, status: int, headers: Mapping[str, str], body: Exchange, *, timeouts: Timeouts, deadline: float | None
    ) -> None:
        self.status = status
        self.headers = headers
        self._body = body
        self._timeouts = timeouts
        self._deadline = deadline

    async def read(self, limit: int = 8 * 1024 * 1024) -> bytes:
        """The whole body; more than `limit` bytes raise Unreadable."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise Unreadable(f"The answer is longer than {limit} bytes.")
            parts.append(chunk)
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive, until its end. Raises TimedOut, Cut."""
        patience = self._timeouts.first_byte
        while True:
            async with patient(patience, self._deadline):
                chunk = await self._body.next_chunk()
            if not chunk:
                return
            yield chunk
            patience = self._timeouts.idle


@asynccontextmanager
async def patient(seconds: float, deadline: float | None) -> AsyncGenerator[None]:
    """Waits `seconds` for what it wraps, and not past `deadline` (loop time). Raises TimedOut.

    Each wait has a time-out of its own, never one around the whole exchange: a stream may be read by one task and
    closed by another, and asyncio's time-outs belong to the task that entered them.
    """
    moment = asyncio.get_running_loop().time() + seconds
    if deadline is not None:
        moment = min(moment, deadline)
    try:
        async with asyncio.timeout_at(moment):
            yield
    except TimeoutError:
        raise TimedOut("No answer came in time.") from None


class Outbound:
    """Makes requests; owns the connection pools. `close()` ends what is open."""

    def __init__(self) -> None:
        self._transport: Transport | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        trusted: bool = False,
        timeouts: Timeouts = Timeouts(),
        unix_socket: str | None = None,
    ) -> AsyncGenerator[Reply]:
        """One exchange. `trusted`: an admin or the settings named the address, so that it may be private or loopback.

        With `unix_socket` the connection goes to that path and the URL says only Host and resource; no part of such a
        path may come from a user. Any status is an answer. Raises AddressRefused, Unreachable, TimedOut; while the body
        is read, Cut, Unreadable.
        """
        target = parse_url(url)
        if unix_socket is None and target.literal is not None:
            check_addresses([target.literal], trusted=trusted)
        transport = await self._loaded()
        deadline = None if timeouts.total is None else asyncio.get_running_loop().time() + timeouts.total
        exchange = transport.exchange(
            target, trusted=trusted, unix_socket=unix_socket, connect_seconds=timeouts.connect
        )
        try:
            async with patient(timeouts.connect + timeouts.first_byte, deadline):
                status, answer_headers = await exchange.send(method, headers or {}, body)
            yield Reply(status, answer_headers, exchange, timeouts=timeouts, deadline=deadline)
        finally:
            await exchange.close()

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def _loaded(self) -> Transport:
        if self._transport is None:
            make = await asyncio.to_thread(_transport_class)
            # Another request may have been here while this one waited.
            self._transport = self._transport or make()
        return self._transport


def _transport_class() -> type[Transport]:
    # aiohttp costs 260 ms and 9 MB: not at the start of the process, and not on the event loop.
    from hearthside.kit.outbound_aiohttp import AiohttpTransport  # noqa: PLC0415

    return AiohttpTransport
