"""The app that document 1 is written for: a bearer token, and an envelope around every answer, which is looked at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.contracts.client import Client, Reply
from tests.contracts.house import PASSWORD, House

BASE = "/envelope/v1"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def opened(reply: Reply) -> Any:
    """`data` of a success or `error` of a failure, having looked at everything around it."""
    body = reply.json
    assert set(body) == {"success", "data", "error", "metadata"}, body
    metadata = body["metadata"]
    assert set(metadata) == {"timestamp", "requestId", "processingTime"}
    assert TIME.fullmatch(metadata["timestamp"])
    assert UUID4.fullmatch(metadata["requestId"])
    assert metadata["requestId"] == reply.headers["X-Request-ID"]
    assert metadata["processingTime"] >= 0
    assert reply.headers["Content-Type"] == "application/json"
    assert body["success"] is (reply.status < 400)
    assert body["data" if reply.status >= 400 else "error"] is None
    if reply.status < 400:
        return body["data"]
    assert set(body["error"]) <= {"message", "fields"}
    assert body["error"]["message"]
    assert ("fields" in body["error"]) is (body["error"]["message"] == "Validation failed")
    return body["error"]


@dataclass(frozen=True)
class Refusal:
    status: int
    message: str
    fields: dict[str, str]


@dataclass
class Phone:
    """`base` is where the dialect answers."""

    client: Client
    base: str = BASE

    async def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Reply:
        return await self.client.request(method, self.base + path, body, headers=headers, data=data)

    async def done(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """`data` of a request that must succeed."""
        reply = await self.send(method, path, body)
        assert reply.status == status, (reply.status, reply.body)
        return opened(reply)

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> Refusal:
        reply = await self.send(method, path, body, **options)
        assert reply.status >= 400, (reply.status, reply.body)
        error = opened(reply)
        return Refusal(reply.status, error["message"], error.get("fields", {}))

    async def chat(self, title: str = "New Chat", **model_config: Any) -> str:
        """The id of a new chat."""
        body = {"title": title} | ({"model_config": model_config} if model_config else {})
        made: str = (await self.done("POST", "/chats", body, status=201))["id"]
        return made


def stranger(server: House, base: str = BASE) -> Phone:
    return Phone(server.client(), base)


async def signed_up(server: House, email: str, base: str = BASE) -> Phone:
    """Somebody new, signed in."""
    body = {"email": email, "password": PASSWORD}
    await stranger(server, base).done("POST", "/auth/signup", body, status=201)
    session = (await stranger(server, base).done("POST", "/auth/signin", body))["session"]
    return Phone(server.client({"Authorization": f"Bearer {session['access_token']}"}), base)
