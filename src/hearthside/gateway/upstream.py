"""One call to a provider: the request sent, its answer read as events or as JSON, every failure in the core's words."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from hearthside.gateway.codecs.reader import EventReader
from hearthside.gateway.failures import failure, from_answer, from_problem, from_transport
from hearthside.gateway.model import Event
from hearthside.gateway.problems import Reported
from hearthside.kit.clock import Clock
from hearthside.kit.exchange import Cut, TimedOut, Unreachable, Unreadable
from hearthside.kit.outbound import Outbound, Reply, Timeouts
from hearthside.providers.model import Endpoint
from hearthside.wire.lines import LineTooLong
from hearthside.wire.sse import SseParser

Read = TypeVar("Read")

STREAM_TIMEOUTS = Timeouts(connect=5, first_byte=60, idle=30, total=3600)
CATALOGUE_TIMEOUTS = Timeouts(connect=5, first_byte=10, idle=10, total=20)

_ERROR_BODY_BYTES = 64 * 1024
_CATALOGUE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """What to send. `body` None makes it a GET. `unix_socket` replaces the connection, not the URL."""

    endpoint: Endpoint
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    timeouts: Timeouts = STREAM_TIMEOUTS
    unix_socket: str | None = None


class Framing(Protocol):
    """Cuts a stream of bytes into messages."""

    def feed(self, chunk: bytes) -> list[str]: ...

    def finish(self) -> list[str]: ...


class SseFraming:
    """The data of server-sent events; the protocols repeat in it what an event's name says."""

    def __init__(self) -> None:
        self._parser = SseParser()

    def feed(self, chunk: bytes) -> list[str]:
        return [event.data for event in self._parser.feed(chunk)]

    def finish(self) -> list[str]:
        return [event.data for event in self._parser.finish()]


class WholeBody:
    """One JSON value: what a server sends that does not stream, or that reports an error with status 200."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        self._size += len(chunk)
        if self._size > _CATALOGUE_BYTES:
            raise LineTooLong("the answer is too long")
        self._parts.append(chunk)
        return []

    def finish(self) -> list[str]:
        return [b"".join(self._parts).decode("utf-8", "replace")]


class Upstream:
    """Stateless but for the connections of `outbound`."""

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound = outbound
        self._clock = clock

    async def events(
        self, call: Call, reader: EventReader, *, framing: Callable[[], Framing] = SseFraming
    ) -> AsyncGenerator[Event]:
        """The reply as events, Finished last. Closing the generator closes the connection. Raises `failures`."""
        with _named(call.endpoint):
            async with (
                self._answer(call) as reply,
                aclosing(_messages(reply, _framing_of(reply, framing), reader)) as messages,
            ):
                async for message in messages:
                    for event in reader.read(message):
                        yield event
            last = reader.end()
            if not last:
                raise failure("stream_cut", call.endpoint)
            for event in last:
                yield event

    async def whole(self, call: Call, decode: Callable[[bytes], Read]) -> Read:
        """An answer that is read whole; `decode` raises msgspec.DecodeError for what it does not understand."""
        with _named(call.endpoint):
            async with self._answer(call) as reply:
                return decode(await reply.read(_CATALOGUE_BYTES))

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncGenerator[Reply]:
        """An answer of status 2xx; any other is raised."""
        body = None if call.body is None else msgspec.json.encode(call.body)
        headers = {"Accept": "application/json, text/event-stream", **call.headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._outbound.request(
            "GET" if body is None else "POST",
            call.url,
            headers=headers,
            body=body,
            trusted=call.endpoint.trusted,
            timeouts=call.timeouts,
            unix_socket=call.unix_socket,
        ) as reply:
            if not 200 <= reply.status < 300:
                text = await _beginning(reply)
                raise from_answer(call.endpoint, reply.status, reply.headers, text, now=self._clock.now())
            yield reply


async def _messages(reply: Reply, frames: Framing, reader: EventReader) -> AsyncGenerator[str]:
    """Until the reader has what ends a reply. A connection that breaks after that is only a rude farewell."""
    try:
        async for chunk in reply.chunks():
            for message in frames.feed(chunk):
                yield message
                if reader.is_over:
                    return
    except Cut:
        if reader.end():
            return
        raise
    for message in frames.finish():
        if not _is_half(message):
            yield message


def _is_half(message: str) -> bool:
    """The beginning of an object: the stream was cut there, which is another thing than garbage."""
    if not message.lstrip().startswith("{"):
        return False
    try:
        msgspec.json.decode(message)
    except msgspec.DecodeError:
        return True
    return False


def _framing_of(reply: Reply, framing: Callable[[], Framing]) -> Framing:
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return WholeBody() if kind == "application/json" and framing is SseFraming else framing()


async def _beginning(reply: Reply) -> bytes:
    """As much of an error's body as anyone reads."""
    text = b""
    try:
        async for chunk in reply.chunks():
            text += chunk
            if len(text) >= _ERROR_BODY_BYTES:
                break
    except (Cut, TimedOut):
        pass  # the status says enough
    return text[:_ERROR_BODY_BYTES]


class _named:  # noqa: N801 - reads as a phrase where it is used
    """Gives failures that know no provider the endpoint's name."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Reported):
            raise from_problem(self._endpoint, error.problem) from None
        # Nothing here recurses by itself: a RecursionError is JSON that was nested to do harm.
        unreadable = (Unreadable, LineTooLong, msgspec.DecodeError, RecursionError)
        if isinstance(error, (Unreachable, TimedOut, Cut, *unreadable)):
            raise from_transport(self._endpoint, error) from error
