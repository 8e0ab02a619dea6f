"""The app that document 0 is written for: a bearer token, flat JSON, errors that are a `detail`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.contracts.client import Client, Reply
from tests.contracts.house import PASSWORD, House

BASE = "/v1"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOBODY = "00000000-0000-7000-8000-000000000000"


def detail(reply: Reply) -> Any:
    """`detail` of an error, having looked at everything around it."""
    assert reply.status >= 400, (reply.status, reply.body)
    body = reply.json
    assert set(body) == {"detail"}, body
    assert body["detail"]
    if isinstance(body["detail"], list):
        assert all(set(problem) == {"loc", "msg", "type"} for problem in body["detail"]), body
    return body["detail"]


@dataclass
class App:
    """`base` is where the dialect answers."""

    client: Client
    base: str = BASE

    async def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Reply:
        reply = await self.client.request(method, self.base + path, body, headers=headers, data=data)
        assert reply.headers["X-Request-ID"]
        assert float(reply.headers["X-Process-Time"]) >= 0
        return reply

    async def done(self, method: str, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        """The JSON of a request that must succeed; None where it has no content."""
        reply = await self.send(method, path, body, **options)
        assert reply.status == status, (reply.status, reply.body)
        if status == 204:
            assert reply.body == b""
            return None
        return reply.json

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
        """(status, detail as text) of a request that must fail."""
        reply = await self.send(method, path, body, **options)
        return reply.status, str(detail(reply))

    async def chat(self, **body: Any) -> str:
        """The id of a new chat."""
        made: str = (await self.done("POST", "/chats", body))["id"]
        return made

    async def saved(self, model: str = "gpt-4o-mini", *, provider: str = "openai") -> str:
        """The id of a saved model; the provider is activated for it."""
        body = {"provider": provider, "api_key": "sk-not-a-real-key"}
        await self.done("POST", "/providers/activate", body)
        imported = await self.done("POST", "/models/import", {"provider": provider, "models": [model], "sync": False})
        made: str = imported[0]["id"]
        return made


def stranger(server: House, base: str = BASE) -> App:
    return App(server.client(), base)


async def signed_up(server: House, email: str, base: str = BASE) -> App:
    """Somebody new, signed in."""
    body = await stranger(server, base).done("POST", "/auth/signup", {"email": email, "password": PASSWORD})
    return App(server.client({"Authorization": f"Bearer {body['tokens']['access_token']}"}), base)
