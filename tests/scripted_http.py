"""An HTTP server that says exactly the bytes of a script: for clients that must bear whatever the other side does.

    async with scripted_http(answer(200, b"…")) as server:
        ... server.url ... server.requests[0].json ...

A script is a list of bytes to send and of things to do between them; a connection is closed after its script. The last
script is played over and over. Nothing here knows HTTP beyond reading one request.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HANG = "hang"
"""A step that waits until the client leaves."""

RESET = "reset"
"""A step that breaks the connection without a farewell."""

Step = bytes | str


@dataclass(frozen=True)
class Seen:
    """One request as it came. Header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedServer:
    """`left` is set once a client has gone while a script hung."""

    url: str = ""
    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0


def answer(
    status: int = 200, body: bytes | Sequence[bytes] = b"", *, type_: str = "application/json", **headers: str
) -> list[Step]:
    """A whole answer; a sequence of bodies is sent as chunks of HTTP/1.1, each in a write of its own."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    return [*begun(status, type_=type_, **headers), *(chunk(piece) for piece in pieces if piece), b"0\r\n\r\n"]


def begun(status: int = 200, *, type_: str = "text/event-stream", **headers: str) -> list[Step]:
    """The head of a chunked answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {type_}", "Transfer-Encoding: chunked"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join([*lines, "", ""]).encode()]


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def sse(*events: str, ends: str = "\n") -> bytes:
    """Data-only events."""
    return "".join(f"data: {event}{ends}{ends}" for event in events).encode()


@asynccontextmanager
async def scripted_http(*scripts: Sequence[Step], unix_socket: str | None = None) -> AsyncIterator[ScriptedServer]:
    state = ScriptedServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            while True:
                state.requests.append(await _request(reader))
                script = scripts[min(len(state.requests), len(scripts)) - 1]
                for step in script:
                    if step == HANG:
                        await reader.read()
                        state.left.set()
                        return
                    if step == RESET:
                        writer.transport.abort()
                        return
                    assert isinstance(step, bytes)
                    writer.write(step)
                    await writer.drain()
                if not (script and script[-1] == b"0\r\n\r\n"):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            state.left.set()
        finally:
            writer.close()

    if unix_socket is not None:
        server = await asyncio.start_unix_server(serve, unix_socket)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        state.port = server.sockets[0].getsockname()[1]
        state.url = f"http://127.0.0.1:{state.port}"
    try:
        yield state
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Seen(method, target, headers, body)
