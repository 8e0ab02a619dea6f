"""The thin GoTrue, request by request; its own client judges it in tests/judges."""

from typing import Any

import pytest

from hearthside.settings import SignUp
from tests.contracts.client import Client
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import PASSWORD, House

EMAIL = "ada@example.org"
NEW_USER = {"email": EMAIL, "password": PASSWORD, "data": {"full_name": "Ada"}}


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}", "apikey": "anon"}


async def signed_up(client: Client, **changes: Any) -> dict[str, Any]:
    tokens: dict[str, Any] = await client.done("POST", "/auth/v1/signup", NEW_USER | changes)
    return tokens


async def signed_in(client: Client, password: str = PASSWORD) -> dict[str, Any]:
    body = {"email": EMAIL, "password": password, "gotrue_meta_security": {}}
    tokens: dict[str, Any] = await client.done("POST", "/auth/v1/token?grant_type=password", body)
    return tokens


async def refused(client: Client, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
    reply = await client.request(method, f"/auth/v1{path}", body, **options)
    error = reply.json
    assert set(error) - {"weak_password"} == {"code", "error_code", "msg"}, error
    assert error["code"] == reply.status
    assert error["msg"]
    return reply.status, error["error_code"]


async def test_tokens_are_good_for_every_dialect(server: House) -> None:
    client = server.client()
    tokens = await signed_up(client)
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3600)
    me = await client.done("GET", "/v1/users/profile", headers=bearer(tokens))
    assert (me["id"], me["full_name"], me["email"]) == (tokens["user"]["id"], "Ada", EMAIL)
    assert (await client.done("GET", "/conversations", headers=bearer(tokens))) == []


async def test_a_refresh_token_works_once_and_then_ends_the_family(server: House) -> None:
    client = server.client()
    first = await signed_up(client)
    path = "/token?grant_type=refresh_token"
    second = await client.done("POST", f"/auth/v1{path}", {"refresh_token": first["refresh_token"]})
    third = await client.done("POST", f"/auth/v1{path}", {"refresh_token": second["refresh_token"]})
    for token in (first["refresh_token"], third["refresh_token"]):
        assert await refused(client, "POST", path, {"refresh_token": token}) == (400, "refresh_token_not_found")
    assert await refused(client, "GET", "/user", headers=bearer(third)) == (403, "session_not_found")


@pytest.mark.parametrize(
    ("scope", "own", "other"),
    [("local", False, True), ("others", True, False), ("global", False, False), ("", False, False)],
)
async def test_signing_out_ends_what_it_says(server: House, scope: str, own: bool, other: bool) -> None:
    client = server.client()
    mine, theirs = await signed_up(client), await signed_in(client)
    path = f"/auth/v1/logout?scope={scope}" if scope else "/auth/v1/logout"
    assert (await client.post(path, headers=bearer(mine))).status == 204
    for tokens, lives in ((mine, own), (theirs, other)):
        assert (await client.get("/auth/v1/user", headers=bearer(tokens))).status == (200 if lives else 403)


async def test_a_password_is_changed_with_the_current_one(server: House) -> None:
    client = server.client()
    tokens = await signed_up(client)
    change = {"password": "another password"}
    put = ("PUT", "/user")
    assert await refused(client, *put, change, headers=bearer(tokens)) == (422, "reauthentication_needed")
    wrong = change | {"current_password": "a wrong password"}
    assert await refused(client, *put, wrong, headers=bearer(tokens)) == (400, "current_password_mismatch")
    right = change | {"current_password": PASSWORD}
    await client.done("PUT", "/auth/v1/user", right, headers=bearer(tokens))
    await signed_in(client, "another password")


async def test_what_is_told_is_kept_where_a_profile_has_a_place_for_it(server: House) -> None:
    client = server.client()
    tokens = await signed_up(client)
    told = {"name": "Countess", "avatar_url": "https://example.org/ada.png", "favourite_colour": "green"}
    user = await client.done("PUT", "/auth/v1/user", {"data": told}, headers=bearer(tokens))
    assert user == await client.done("GET", "/auth/v1/user", headers=bearer(tokens))
    assert user["user_metadata"] == {
        "email": EMAIL,
        "full_name": "Countess",
        "avatar_url": "https://example.org/ada.png",
    }


REFUSED: list[tuple[str, str, Any, tuple[int, str]]] = [
    ("POST", "/signup", {"phone": "+491234567890", "password": PASSWORD}, (422, "phone_provider_disabled")),
    ("POST", "/signup", {"data": {}}, (422, "anonymous_provider_disabled")),
    ("POST", "/signup", {"email": "no address", "password": PASSWORD}, (400, "validation_failed")),
    ("POST", "/signup", {"email": "a@example.org", "password": "short"}, (422, "weak_password")),
    ("POST", "/signup", {"email": "a@example.org"}, (422, "weak_password")),
    ("POST", "/signup", {"email": 5}, (400, "validation_failed")),
    ("POST", "/signup", {"email": "a\x00@example.org", "password": PASSWORD}, (400, "validation_failed")),
    ("POST", "/token", {"email": EMAIL, "password": PASSWORD}, (400, "validation_failed")),
    ("POST", "/token?grant_type=id_token", {"id_token": "x"}, (400, "validation_failed")),
    ("POST", "/token?grant_type=password", {"password": PASSWORD}, (400, "validation_failed")),
    ("POST", "/token?grant_type=password", {"email": EMAIL, "password": PASSWORD}, (400, "invalid_credentials")),
    ("POST", "/token?grant_type=refresh_token", {}, (400, "validation_failed")),
    ("POST", "/token?grant_type=refresh_token", {"refresh_token": "x"}, (400, "refresh_token_not_found")),
    ("GET", "/user", None, (401, "no_authorization")),
    ("POST", "/logout", None, (401, "no_authorization")),
    ("GET", "/nowhere", None, (404, "not_found")),
    ("DELETE", "/user", None, (405, "method_not_allowed")),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), REFUSED, ids=lambda part: str(part)[:40])
async def test_refusals_are_gotrue_s(
    server: House, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    assert await refused(server.client(), method, path, body) == expected


async def test_no_other_address_and_no_telephone(server: House) -> None:
    client = server.client()
    tokens = await signed_up(client)
    for change in ({"email": "grace@example.org"}, {"phone": "+491234567890"}):
        assert (await refused(client, "PUT", "/user", change, headers=bearer(tokens)))[0] == 422
    await client.done("PUT", "/auth/v1/user", {"email": EMAIL}, headers=bearer(tokens))


async def test_invites_come_with_what_is_told(open_server: OpenHouse) -> None:
    server = await open_server(sign_up=SignUp.INVITE)
    client = server.client()
    assert await refused(client, "POST", "/signup", NEW_USER) == (400, "invalid_invite")
    code, _ = await server.services.accounts.operator.create_invite(expires_in_hours=1)
    await signed_up(client, data={"invite_code": code})


async def test_a_closed_server_says_so(open_server: OpenHouse) -> None:
    server = await open_server(sign_up=SignUp.CLOSED)
    client = server.client()
    assert (await client.done("GET", "/auth/v1/settings"))["disable_signup"]
    assert await refused(client, "POST", "/signup", NEW_USER) == (422, "signup_disabled")


async def test_too_many_tries_are_gotrue_s_rate_limit(open_server: OpenHouse) -> None:
    server = await open_server(sign_in_attempts_per_minute=1)
    client = server.client()
    body = {"email": EMAIL, "password": PASSWORD}
    path = "/token?grant_type=password"
    assert await refused(client, "POST", path, body) == (400, "invalid_credentials")
    assert await refused(client, "POST", path, body) == (429, "over_request_rate_limit")


async def test_what_clients_ask_first(server: House) -> None:
    client = server.client()
    settings = await client.done("GET", "/auth/v1/settings")
    assert (settings["external"]["email"], settings["disable_signup"], settings["mailer_autoconfirm"]) == (
        True,
        False,
        True,
    )
    assert (await client.done("GET", "/auth/v1/health"))["name"] == "GoTrue"
    assert await client.done("GET", "/auth/v1/.well-known/jwks.json") == {"keys": []}
