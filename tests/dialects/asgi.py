"""Calls an ASGI application without a server: for what a test must see message by message."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope


def scope(method: str = "GET", path: str = "/", headers: Mapping[str, str] | None = None) -> Scope:
    sent = {"host": "localhost"} | {name.lower(): value for name, value in (headers or {}).items()}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 8000),
    }


@dataclass
class Client:
    """Both ends of one exchange: `incoming` is what the application receives, `sent` what it said."""

    incoming: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        return await self.incoming.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> Headers:
        return Headers(raw=self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_complete(self) -> bool:
        return bool(self.sent) and not self.sent[-1].get("more_body", False) and len(self.sent) > 1


async def call(
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Mapping[str, str] | None = None,
    body: Iterable[bytes] = (),
    peer: str = "127.0.0.1",
) -> Client:
    """One request with its body in the given parts; after them the client waits for the answer."""
    client = Client()
    parts = list(body) or [b""]
    for number, part in enumerate(parts, 1):
        client.incoming.put_nowait({"type": "http.request", "body": part, "more_body": number < len(parts)})
    request = scope(method, path, headers) | {"client": (peer, 50000)}
    await app(request, client.receive, client.send)
    return client
