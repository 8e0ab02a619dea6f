"""A browser of sorts: cookies, a CSRF token, server-sent events; over real sockets."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from hearthside.wire.sse import SseParser


@dataclass(frozen=True)
class Reply:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """(status, code), having checked that the body is an error's and nothing else."""
        body = self.json
        expected = {"code", "message", "request_id"}
        assert set(body) - {"detail"} == expected, body
        assert body["request_id"] == self.headers["X-Request-ID"]
        assert body["message"]
        assert ("detail" in body) is (body["code"] == "VALIDATION_ERROR")
        return self.status, body["code"]


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: Any


class EventReader:
    """Reads a stream event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._parser = SseParser()
        self._waiting: list[Event] = []

    async def next(self) -> Event:
        """The next event. Raises EOFError at the end of the stream."""
        while not self._waiting:
            chunk = await self.response.content.readany()
            if not chunk:
                raise EOFError
            self._waiting = [Event(one.event, one.id, json.loads(one.data)) for one in self._parser.feed(chunk)]
        return self._waiting.pop(0)

    async def until(self, name: str) -> list[Event]:
        """Everything up to the first event of that name, with it."""
        events = [await self.next()]
        while events[-1].name != name:
            events.append(await self.next())
        return events

    async def rest(self) -> list[Event]:
        events: list[Event] = []
        try:
            while True:
                events.append(await self.next())
        except EOFError:
            return events


class Client:
    """One client with cookies of its own. `csrf_token` goes with every request once it is known."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self.base_url = base_url
        self.csrf_token: str | None = None
        self.session = aiohttp.ClientSession(base_url, headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def close(self) -> None:
        await self.session.close()

    async def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Reply:
        sent = self._headers(headers)
        async with self.session.request(method, path, json=body, data=data, headers=sent) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.request("POST", path, body, **options)

    async def patch(self, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.request("PATCH", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Reply:
        return await self.request("DELETE", path, **options)

    async def done(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of a request that must succeed."""
        reply = await self.request(method, path, body, **options)
        assert reply.status == 200, (reply.status, reply.body)
        return reply.json

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[EventReader]:
        """Leaving the block closes the connection, as a browser's tab does."""
        response = await self.session.request(method, path, json=body, headers=self._headers(headers))
        try:
            assert response.status == 200, (response.status, await response.read())
            yield EventReader(response)
        finally:
            response.close()

    def _headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        own = {"X-CSRF-Token": self.csrf_token} if self.csrf_token else {}
        return own | dict(headers or {})
