"""The envelope around answers that no route gave, and what is said of requests that cannot be read."""

import asyncio
from io import BytesIO

import pytest

from tests.contracts.client import Reply
from tests.contracts.conftest import OpenHouse
from tests.contracts.envelope.phone import UUID4, Phone, opened, signed_up, stranger
from tests.contracts.house import House


@pytest.mark.parametrize(
    "path", ["", "/nothing", "/chats/1/nothing", "/jobs", "/jobs/image-generation", "/jobs/image-generation/models"]
)
async def test_unknown_paths(server: House, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert (await stranger(server).refused(method, path)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/signin", {"POST"}),
        ("PATCH", "/users/profile", {"GET", "PUT", "DELETE"}),
        ("PUT", "/models/import", {"POST"}),
        ("DELETE", "/providers", {"GET"}),
    ],
)
async def test_wrong_methods(server: House, method: str, path: str, allowed: set[str]) -> None:
    reply = await stranger(server).send(method, path)
    assert reply.status == 405
    opened(reply)
    assert allowed <= {part.strip() for part in reply.headers["Allow"].split(",")}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"email": NaN}'])
async def test_bodies_that_are_no_json_object(server: House, data: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refusal = await stranger(server).refused("POST", "/auth/signin", data=data, headers=headers)
    assert (refusal.status, refusal.message) == (400, "Validation failed")


async def test_a_body_that_is_not_said_to_be_json(server: House) -> None:
    headers = {"Content-Type": "text/plain"}
    body = b'{"email": "user@example.com", "password": "securepassword123"}'
    refusal = await stranger(server).refused("POST", "/auth/signin", data=body, headers=headers)
    assert (refusal.status, set(refusal.fields)) == (400, {"body"})


async def test_a_body_that_is_too_large(server: House) -> None:
    headers = {"Content-Type": "application/json"}
    refusal = await stranger(server).refused("POST", "/auth/signin", data=BytesIO(b" " * 1_100_000), headers=headers)
    assert refusal.status == 413


async def test_a_body_that_is_too_deep(server: House) -> None:
    headers = {"Content-Type": "application/json"}
    data = b'{"metadata":' + b"[" * 100 + b"]" * 100 + b"}"
    assert (await stranger(server).refused("POST", "/providers/activate", data=data, headers=headers)).status == 400


async def test_a_strange_host(server: House) -> None:
    assert (await stranger(server).refused("GET", "/models", headers={"Host": "evil.example"})).status == 400


async def test_a_database_that_is_down(server: House, phone: Phone) -> None:
    async with server.database_down():
        reply = await phone.send("GET", "/models")
    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) >= 1
    assert "database" in opened(reply)["message"].lower()
    await phone.done("GET", "/models")


async def test_a_clients_own_request_id_is_taken_where_it_is_a_uuid4(server: House) -> None:
    async def said(request_id: str) -> str:
        reply = await stranger(server).send("GET", "/nothing", headers={"X-Request-ID": request_id})
        opened(reply)
        given: str = reply.headers["X-Request-ID"]
        return given

    own = "9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f"
    assert await said(own) == own
    for other in ("mine-1", "01890000-0000-7000-8000-000000000000"):
        assert UUID4.fullmatch(await said(other))


async def test_every_answer_has_its_own_id_and_time(phone: Phone) -> None:
    replies: list[Reply] = await asyncio.gather(*(phone.send("GET", "/users/profile") for _ in range(20)))
    assert len({reply.json["metadata"]["requestId"] for reply in replies}) == 20
    for reply in replies:
        opened(reply)
        assert float(reply.headers["X-Process-Time"]) >= 0


async def test_other_dialects_keep_their_own_words(server: House) -> None:
    assert (await server.client().get("/envelopes/v1")).error == (404, "NOT_FOUND")
    assert (await server.client().get("/conversations")).error == (401, "AUTH_REQUIRED")


async def test_the_settings_put_it_at_v1(open_server: OpenHouse) -> None:
    server = await open_server(pocketllm_dialect="envelope")
    for base in ("/v1", "/envelope/v1"):
        phone = await signed_up(server, f"{base.count('/')}@example.com", base)
        await phone.done("GET", "/users/profile")
        assert (await phone.refused("GET", "/nothing")).status == 404
