"""Where the dialect answers, and what it says where there is nothing."""

import pytest

from hearthside.kit.actor import Scope
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import PASSWORD, House
from tests.contracts.pocketllm.app import App, detail, signed_up, stranger


@pytest.mark.parametrize("base", ["/v1", "/flat/v1"])
async def test_both_prefixes(server: House, base: str) -> None:
    app = await signed_up(server, "user@example.com", base)
    chat = await app.chat(title="Hello")
    assert [one["id"] for one in await App(app.client, "/flat/v1").done("GET", "/chats")] == [chat]


async def test_the_other_generation_at_v1(open_server: OpenHouse) -> None:
    server = await open_server(pocketllm_dialect="envelope")
    app = await signed_up(server, "user@example.com", "/flat/v1")
    assert await app.done("GET", "/chats") == []
    enveloped = await app.client.get("/v1/chats")
    assert (enveloped.status, enveloped.json["success"]) == (200, True)
    assert "detail" not in (await app.client.get("/v1/nothing")).json


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/jobs", "/jobs/image-generation", "/jobs/image-generation/models", "/chats/x/nothing", "/auth"],
)
async def test_unknown_paths(app: App, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert await app.refused(method, path) == (404, "There is nothing at this path.")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/chats", {"GET", "POST"}),
        ("PATCH", "/chats/x", {"GET", "PUT", "DELETE"}),
        ("GET", "/auth/signin", {"POST"}),
        ("DELETE", "/models", {"GET"}),
        ("POST", "/users/profile", {"GET", "PUT", "DELETE"}),
    ],
)
async def test_wrong_methods(app: App, method: str, path: str, allowed: set[str]) -> None:
    reply = await app.send(method, path)
    assert (reply.status, detail(reply)) == (405, f"{method} is not possible at this path.")
    assert {part.strip() for part in reply.headers["Allow"].split(",")} == allowed


async def test_request_ids(app: App) -> None:
    assert (await app.send("GET", "/chats", headers={"X-Request-ID": "mine-1"})).headers["X-Request-ID"] == "mine-1"


async def test_any_credential(server: House, app: App) -> None:
    """An API token in either header, a browser's cookie with its CSRF token; a cookie alone changes nothing."""
    await app.done("PUT", "/users/profile", {"username": "ada"})
    chat = await app.chat()
    token = await server.api_token("ada", *(scope for scope in Scope if scope is not Scope.ADMIN))
    for headers in ({"X-API-Key": token}, {"Authorization": f"Bearer {token}"}):
        program = App(server.client(headers))
        assert [one["id"] for one in await program.done("GET", "/chats")] == [chat]
        assert (await program.done("PUT", f"/chats/{chat}", {"title": "New"}))["title"] == "New"
        for path in ("/models", "/providers"):
            assert isinstance(await program.done("GET", path), list), "no other dialect wants API tokens yet"
    browser = App(await server.sign_in("ada"))
    assert [one["id"] for one in await browser.done("GET", "/chats")] == [chat]
    await browser.done("PUT", f"/chats/{chat}", {"title": "Newer"})
    browser.client.csrf_token = None
    assert (await browser.refused("PUT", f"/chats/{chat}", {"title": "Stolen"}))[0] == 403


async def test_scopes(server: House, app: App) -> None:
    await app.done("PUT", "/users/profile", {"username": "ada"})
    chat, model = await app.chat(), await app.saved()
    for scope, method, path, body in [
        (Scope.READ, "GET", f"/chats/{chat}", None),
        (Scope.READ, "GET", "/users/profile/export", None),
        (Scope.READ, "GET", "/models", None),
        (Scope.WRITE, "PUT", f"/chats/{chat}", {"title": "New"}),
        (Scope.WRITE, "POST", f"/chats/{chat}/messages", {"content": "Hello"}),
        (Scope.WRITE, "PATCH", "/providers/openai", {"display_name": "Mine"}),
        (Scope.WRITE, "POST", f"/models/{model}/default", None),
    ]:
        other = Scope.WRITE if scope is Scope.READ else Scope.READ
        fits = App(server.client({"X-API-Key": await server.api_token("ada", scope)}))
        assert (await fits.send(method, path, body)).status == 200, (scope, path)
        lacks = App(server.client({"X-API-Key": await server.api_token("ada", other)}))
        assert (await lacks.refused(method, path, body))[0] == 403, (other, path)


async def test_two_credentials_at_once(server: House, app: App) -> None:
    await app.done("PUT", "/users/profile", {"username": "ada"})
    token = await server.api_token("ada", Scope.READ)
    assert (await app.refused("GET", "/chats", headers={"X-API-Key": token}))[0] == 400


async def test_limits(open_server: OpenHouse) -> None:
    server = await open_server(requests_per_minute_per_user=3, daily_messages_per_user=2)
    app = await signed_up(server, "user@example.com")
    chat = await app.chat()
    replies = [await app.send("POST", f"/chats/{chat}/messages", {"content": "Hello"}) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert all(int(reply.headers["Retry-After"]) >= 1 for reply in replies[2:])
    wrong = {"email": "user@example.com", "password": "wrong"}
    tight = await open_server(sign_in_attempts_per_minute=2)
    statuses = [(await stranger(tight).send("POST", "/auth/signin", wrong)).status for _ in range(4)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_a_database_that_is_down(server: House, app: App) -> None:
    async with server.database_down():
        reply = await app.send("GET", "/chats")
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) >= 1
        body = {"email": "user@example.com", "password": PASSWORD}
        assert (await stranger(server).refused("POST", "/auth/signin", body))[0] == 503, "an outage is never a 401"
