"""/v1/auth: every request of the document, and what a sign-in says about a deletion."""

from typing import Any

import pytest

from hearthside.settings import SignUp
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import PASSWORD, House
from tests.contracts.pocketllm.app import TIME, UUID, App, signed_up, stranger

EMAIL = "ada@example.com"
NOTHING_SCHEDULED = {
    "deletion_scheduled": False,
    "deletion_scheduled_for": None,
    "deletion_requested_at": None,
    "deletion_canceled": False,
    "previous_deletion_requested_at": None,
    "previous_deletion_scheduled_for": None,
}


def check_signed_in(body: dict[str, Any]) -> None:
    assert set(body) == {"user", "tokens", "session", "account_status"}
    assert set(body["user"]) == {"id", "email", "full_name", "created_at", "last_sign_in_at"}
    assert UUID.fullmatch(body["user"]["id"])
    assert body["user"]["email"] == EMAIL
    assert TIME.fullmatch(body["user"]["created_at"])
    assert TIME.fullmatch(body["user"]["last_sign_in_at"])
    tokens = body["tokens"]
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3600)
    assert len(tokens["access_token"].split(".")) == 3
    session = body["session"]
    assert set(session) == {"session_id", "expires_at", "refresh_expires_at"}
    assert UUID.fullmatch(session["session_id"])
    assert TIME.fullmatch(session["expires_at"])
    assert session["expires_at"] < session["refresh_expires_at"]


@pytest.mark.parametrize("name", ["full_name", "name"])
async def test_sign_up(server: House, name: str) -> None:
    app = stranger(server)
    body = await app.done("POST", "/auth/signup", {"email": EMAIL, "password": PASSWORD, name: "Ada Lovelace"})
    check_signed_in(body)
    assert body["user"]["full_name"] == "Ada Lovelace"
    assert body["account_status"] == NOTHING_SCHEDULED
    headers = {"Authorization": f"Bearer {body['tokens']['access_token']}"}
    profile = await app.done("GET", "/users/profile", headers=headers)
    assert (profile["id"], profile["full_name"]) == (body["user"]["id"], "Ada Lovelace")


async def test_an_address_signs_up_once(server: House) -> None:
    await signed_up(server, EMAIL)
    again = {"email": EMAIL.upper(), "password": PASSWORD}
    assert await stranger(server).refused("POST", "/auth/signup", again) == (400, "This e-mail address is taken.")


async def test_sign_up_by_invite(open_server: OpenHouse) -> None:
    server = await open_server(sign_up=SignUp.INVITE)
    body = {"email": EMAIL, "password": PASSWORD}
    assert (await stranger(server).refused("POST", "/auth/signup", body))[0] == 400
    wrong = await stranger(server).refused("POST", "/auth/signup", body | {"invite_code": "wrong"})
    assert wrong[0] == 400


async def test_sign_in(server: House) -> None:
    await signed_up(server, EMAIL)
    body = await stranger(server).done("POST", "/auth/signin", {"email": EMAIL, "password": PASSWORD})
    check_signed_in(body)
    assert body["account_status"] == NOTHING_SCHEDULED


async def test_a_wrong_sign_in(server: House) -> None:
    await signed_up(server, EMAIL)
    for body in ({"email": EMAIL, "password": "wrong"}, {"email": "nobody@example.com", "password": PASSWORD}):
        wrong = await stranger(server).refused("POST", "/auth/signin", body)
        assert wrong == (401, "The user name or the password is wrong.")


async def test_a_refresh_token_works_once(server: House) -> None:
    await signed_up(server, EMAIL)
    app = stranger(server)
    first = (await app.done("POST", "/auth/signin", {"email": EMAIL, "password": PASSWORD}))["tokens"]
    second = await app.done("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})
    check_signed_in(second)
    third = await app.done("POST", "/auth/refresh", {"refresh_token": second["tokens"]["refresh_token"]})
    assert (await app.refused("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]}))[0] == 401
    ended = {"Authorization": f"Bearer {third['tokens']['access_token']}"}
    assert (await app.refused("GET", "/users/profile", headers=ended))[0] == 401, "its use ended the whole sign-in"


async def test_sign_out(app: App) -> None:
    assert await app.done("POST", "/auth/signout") == {"revoked_sessions": 1}
    assert (await app.refused("POST", "/auth/signout"))[0] == 401
    assert (await app.refused("GET", "/users/profile"))[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "feature"),
    [
        ("magic-link", {"email": EMAIL}, "magic_link"),
        ("otp", {"phone": "+15551234567"}, "sms_otp"),
        ("oauth", {"provider": "GitHub"}, "oauth:github"),
    ],
)
async def test_what_is_yet_to_come(server: House, path: str, body: dict[str, str], feature: str) -> None:
    answer = await stranger(server).done("POST", f"/auth/signin/{path}", body, status=202)
    assert set(answer) == {"feature", "status", "message"}
    assert (answer["feature"], answer["status"]) == (feature, "coming_soon")
    assert answer["message"]


async def test_deletion_and_the_sign_in_that_cancels_it(server: House) -> None:
    app = await signed_up(server, EMAIL)
    state = await app.done("DELETE", "/users/profile")
    assert set(state) == {"status", "deletion_requested_at", "deletion_scheduled_for"}
    assert state["status"] == "pending"
    assert (await app.refused("GET", "/users/profile"))[0] == 401, "every session has ended"
    back = await stranger(server).done("POST", "/auth/signin", {"email": EMAIL, "password": PASSWORD})
    assert back["account_status"] == NOTHING_SCHEDULED | {
        "deletion_canceled": True,
        "previous_deletion_requested_at": state["deletion_requested_at"],
        "previous_deletion_scheduled_for": state["deletion_scheduled_for"],
    }
    again = App(server.client({"Authorization": f"Bearer {back['tokens']['access_token']}"}))
    profile = await again.done("GET", "/users/profile")
    assert (profile["deletion_status"], profile["deletion_requested_at"]) == ("active", None)
    cancelled = await again.done("POST", "/users/profile/deletion/cancel")
    assert cancelled == {
        "canceled": False,
        "profile": profile,
        "previous_deletion_requested_at": None,
        "previous_deletion_scheduled_for": None,
    }


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer a.b.c"}, {"X-API-Key": "hs_wrong"}]
)
async def test_nothing_without_a_token(server: House, headers: dict[str, str]) -> None:
    app = stranger(server)
    for method, path in [
        ("GET", "/users/profile"),
        ("PUT", "/users/profile"),
        ("GET", "/users/profile/export"),
        ("POST", "/users/profile/import"),
        ("GET", "/chats"),
        ("POST", "/chats/x/messages"),
        ("GET", "/providers"),
        ("GET", "/models"),
        ("POST", "/models/x/default"),
        ("POST", "/auth/signout"),
    ]:
        reply = await app.send(method, path, {} if method != "GET" else None, headers=headers)
        assert reply.status == 401, (method, path, reply.body)
        assert reply.headers["WWW-Authenticate"] == "Bearer"
