"""Errors that no route raises: unknown paths, wrong methods, broken servers."""

import pytest

from tests.contracts.client import Client
from tests.contracts.house import House


@pytest.mark.parametrize("path", ["/nothing", "/conversations/1/nothing", "/chat", "/admin", "/api/unknown"])
async def test_unknown_paths(anna: Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert (await anna.request(method, path)).error == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/conversations", {"GET", "POST"}),
        ("DELETE", "/conversations", {"GET", "POST"}),
        ("POST", "/conversations/1", {"GET", "PATCH", "DELETE"}),
        ("GET", "/auth/login", {"POST"}),
        ("POST", "/health", {"GET"}),
        ("OPTIONS", "/conversations", {"GET", "POST"}),
    ],
)
async def test_wrong_methods(anna: Client, method: str, path: str, allowed: set[str]) -> None:
    reply = await anna.request(method, path)
    assert reply.error == (405, "METHOD_NOT_ALLOWED")
    assert {part.strip() for part in reply.headers["Allow"].split(",")} == allowed


async def test_request_ids(anna: Client) -> None:
    reply = await anna.get("/nothing", headers={"X-Request-ID": "mine-1"})
    assert reply.json["request_id"] == reply.headers["X-Request-ID"] == "mine-1"


async def test_a_strange_host(anna: Client) -> None:
    reply = await anna.get("/health", headers={"Host": "evil.example"})
    assert reply.error == (400, "HOST_NOT_ALLOWED")


async def test_a_database_that_is_down(server: House, anna: Client) -> None:
    path = "/conversations"
    await anna.done("POST", path, {"title": "kept"})
    async with server.database_down():
        for method, body in (("GET", None), ("POST", {"title": "lost"})):
            reply = await anna.request(method, path, body)
            assert reply.error == (503, "DATABASE_UNAVAILABLE")
            assert int(reply.headers["Retry-After"]) >= 1
        login = await server.client().post("/auth/login", {"username": "anna", "password": "wrong"})
        assert login.error == (503, "DATABASE_UNAVAILABLE"), "an outage is never a 401"
        assert (await anna.get("/health")).status == 200
    assert [one["title"] for one in await anna.done("GET", path)] == ["kept"]
