"""Signing up, in and out, profiles and the end of an account: document 1's "Authentication" and "Users"."""

import pytest

from hearthside.kit.actor import Scope
from tests.contracts.conftest import OpenHouse
from tests.contracts.envelope.phone import TIME, UUID, Phone, opened, signed_up, stranger
from tests.contracts.house import HERE, PASSWORD, House

SIGN_UP = {"email": "user@example.com", "password": "securepassword123"}
PROFILE = {
    "full_name": "John Doe Updated",
    "username": "johndoe_new",
    "bio": "Senior Software Developer",
    "date_of_birth": "1990-01-01",
    "profession": "Senior Developer",
    "avatar_url": "https://example.com/new_avatar.jpg",
    "survey_completed": True,
}


async def test_sign_up(server: House) -> None:
    data = await stranger(server).done("POST", "/auth/signup", SIGN_UP, status=201)
    user = data["user"]
    assert data == {
        "user": {
            "id": user["id"],
            "email": "user@example.com",
            "created_at": user["created_at"],
            "aud": "authenticated",
            "role": "authenticated",
        },
        "session": None,
        "message": "User created successfully. Please sign in to get a session.",
    }
    assert UUID.fullmatch(user["id"])
    assert TIME.fullmatch(user["created_at"])


async def test_sign_in(server: House) -> None:
    made = await stranger(server).done("POST", "/auth/signup", SIGN_UP, status=201)
    data = await stranger(server).done("POST", "/auth/signin", SIGN_UP)
    assert set(data) == {"user", "session", "account_status"}
    assert data["user"] == {name: made["user"][name] for name in ("id", "email", "created_at")}
    session = data["session"]
    assert set(session) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (session["expires_in"], session["token_type"]) == (3600, "bearer")
    assert session["access_token"].count(".") == 2, "a JWT"
    assert data["account_status"] == {
        "deletion_scheduled": False,
        "deletion_scheduled_for": None,
        "deletion_requested_at": None,
        "deletion_canceled": False,
        "previous_deletion_requested_at": None,
        "previous_deletion_scheduled_for": None,
    }


async def test_a_user_name_signs_in_too(server: House) -> None:
    await server.add_user("anna")
    data = await stranger(server).done("POST", "/auth/signin", {"email": "anna", "password": PASSWORD})
    assert data["user"]["email"] is None


async def test_a_refresh_token_works_once(server: House) -> None:
    await stranger(server).done("POST", "/auth/signup", SIGN_UP, status=201)
    first = (await stranger(server).done("POST", "/auth/signin", SIGN_UP))["session"]
    second = (await stranger(server).done("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]}))[
        "session"
    ]
    assert second["refresh_token"] != first["refresh_token"]
    third = await stranger(server).done("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]})
    again = await stranger(server).refused("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert again.status == 401
    ended = await stranger(server).refused(
        "POST", "/auth/refresh", {"refresh_token": third["session"]["refresh_token"]}
    )
    assert ended.status == 401, "who has a used token may have stolen it: the whole family ends"


async def test_sign_out(phone: Phone) -> None:
    data = await phone.done("POST", "/auth/signout")
    assert data == {"message": "Signed out successfully", "revoked_sessions": 1}
    assert (await phone.refused("GET", "/users/profile")).status == 401


async def test_wrong_password_and_unknown_user_are_told_alike(server: House, phone: Phone) -> None:
    wrong = await stranger(server).refused("POST", "/auth/signin", SIGN_UP)
    unknown = await stranger(server).refused("POST", "/auth/signin", SIGN_UP | {"email": "nobody@example.com"})
    assert wrong == unknown
    assert wrong.status == 401


async def test_an_address_has_one_account(server: House, phone: Phone) -> None:
    taken = await stranger(server).refused("POST", "/auth/signup", SIGN_UP | {"email": "USER@example.com"})
    assert taken.status == 409


async def test_sign_up_by_invite(open_server: OpenHouse) -> None:
    server = await open_server(sign_up="invite")
    assert (await stranger(server).refused("POST", "/auth/signup", SIGN_UP)).status == 400
    code, _ = await server.services.accounts.operator.create_invite(expires_in_hours=1)
    await stranger(server).done("POST", "/auth/signup", SIGN_UP | {"invite_code": code}, status=201)


async def test_sign_in_attempts_are_limited(open_server: OpenHouse) -> None:
    server = await open_server(sign_in_attempts_per_minute=2)
    replies = [await stranger(server).send("POST", "/auth/signin", SIGN_UP) for _ in range(3)]
    assert [reply.status for reply in replies] == [401, 401, 429]
    assert int(replies[-1].headers["Retry-After"]) >= 1
    opened(replies[-1])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/auth/signup", {"password": PASSWORD}, "email"),
        ("/auth/signup", {"email": "nonsense", "password": PASSWORD}, "email"),
        ("/auth/signup", {"email": 1, "password": PASSWORD}, "email"),
        ("/auth/signup", {"email": "a@example.com"}, "password"),
        ("/auth/signup", {"email": "a@example.com", "password": "1234567"}, "password"),
        ("/auth/signup", {"email": "a@example.com", "password": 12345678}, "password"),
        ("/auth/signup", SIGN_UP | {"role": "admin"}, "role"),
        ("/auth/signin", {"password": PASSWORD}, "email"),
        ("/auth/signin", {"email": "a@example.com"}, "password"),
        ("/auth/signin", SIGN_UP | {"remember": True}, "remember"),
        ("/auth/refresh", {}, "refresh_token"),
        ("/auth/refresh", {"refresh_token": None}, "refresh_token"),
    ],
)
async def test_bad_input(server: House, path: str, body: object, field: str) -> None:
    before = await server.dump()
    refusal = await stranger(server).refused("POST", path, body)
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


async def test_profile(phone: Phone) -> None:
    profile = await phone.done("GET", "/users/profile")
    assert profile == {
        "id": profile["id"],
        "full_name": None,
        "username": None,
        "bio": None,
        "date_of_birth": None,
        "profession": None,
        "avatar_url": None,
        "survey_completed": False,
        "created_at": profile["created_at"],
        "updated_at": profile["updated_at"],
    }
    assert UUID.fullmatch(profile["id"])
    assert TIME.fullmatch(profile["created_at"])
    assert TIME.fullmatch(profile["updated_at"])


async def test_update_profile(phone: Phone) -> None:
    before = await phone.done("GET", "/users/profile")
    after = await phone.done("PUT", "/users/profile", PROFILE)
    assert after == before | PROFILE | {"updated_at": after["updated_at"]}
    assert await phone.done("GET", "/users/profile") == after
    part = await phone.done("PUT", "/users/profile", {"bio": "Retired", "full_name": None})
    assert part == after | {"bio": "Retired", "updated_at": part["updated_at"]}


async def test_a_user_name_is_one_persons(server: House, phone: Phone, other: Phone) -> None:
    await phone.done("PUT", "/users/profile", {"username": "johndoe_new"})
    before = await server.dump()
    taken = await other.refused("PUT", "/users/profile", {"username": "JohnDoe_New", "bio": "not to be kept"})
    assert taken.status == 409
    assert await server.dump() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", 1),
        ("full_name", "x" * 121),
        ("username", "ab"),
        ("username", "no blanks"),
        ("username", "x" * 41),
        ("bio", "x" * 501),
        ("date_of_birth", "01.01.1990"),
        ("date_of_birth", "1990-02-30"),
        ("date_of_birth", "1990-01-01T00:00:00Z"),
        ("date_of_birth", 631152000),
        ("date_of_birth", "2999-01-01"),
        ("profession", "x" * 121),
        ("avatar_url", "ftp://example.com/a.png"),
        ("avatar_url", "javascript:alert(1)"),
        ("avatar_url", "https://"),
        ("avatar_url", ""),
        ("survey_completed", "yes"),
        ("email", "new@example.com"),
        ("role", "admin"),
        ("deletion_status", "active"),
    ],
)
async def test_bad_profile(server: House, phone: Phone, field: str, value: object) -> None:
    before = await server.dump()
    refusal = await phone.refused("PUT", "/users/profile", {"profession": "Developer", field: value})
    assert (refusal.status, refusal.message, set(refusal.fields)) == (400, "Validation failed", {field})
    assert await server.dump() == before


async def test_deletion_ends_everything_and_signing_in_takes_it_back(server: House, phone: Phone) -> None:
    signed_in = await stranger(server).done("POST", "/auth/signin", {"email": "user@example.com", "password": PASSWORD})
    chat = (await phone.done("GET", "/users/profile"))["id"]
    data = await phone.done("DELETE", "/users/profile")
    assert data == {"message": "User account deleted successfully"}
    assert (await phone.refused("GET", "/users/profile")).status == 401
    token = {"refresh_token": signed_in["session"]["refresh_token"]}
    assert (await stranger(server).refused("POST", "/auth/refresh", token)).status == 401
    back = await stranger(server).done("POST", "/auth/signin", {"email": "user@example.com", "password": PASSWORD})
    status = back["account_status"]
    assert (status["deletion_scheduled"], status["deletion_canceled"]) == (False, True)
    assert TIME.fullmatch(status["previous_deletion_requested_at"])
    assert TIME.fullmatch(status["previous_deletion_scheduled_for"])
    assert back["user"]["id"] == chat


async def test_every_credential_works(server: House) -> None:
    await server.add_user("anna")
    browser = await server.sign_in("anna")
    pair = await server.services.accounts.issue_tokens("anna", PASSWORD, origin=HERE)
    for client in (
        browser,
        server.client({"Authorization": f"Bearer {pair.access_token}"}),
        server.client({"X-API-Key": pair.access_token}),
    ):
        profile = await Phone(client).done("PUT", "/users/profile", {"bio": "one account"})
        assert profile["username"] == "anna"
    browser.csrf_token = None
    assert (await Phone(browser).refused("PUT", "/users/profile", {"bio": "forged"})).status == 403


async def test_scopes(server: House) -> None:
    await server.add_user("anna")
    owner = Phone(await server.sign_in("anna"))
    chat = await owner.chat()
    row = await owner.done("POST", "/providers/activate", {"provider": "groq", "apiKey": "gsk-0123456789"}, status=201)
    needs = [
        ({Scope.READ}, "GET", "/chats", None),
        ({Scope.READ}, "GET", f"/chats/{chat}", None),
        ({Scope.READ}, "GET", f"/chats/{chat}/messages", None),
        ({Scope.READ}, "GET", "/users/profile", None),
        ({Scope.READ}, "GET", "/models", None),
        ({Scope.READ}, "GET", f"/providers/{row['provider']}/models", None),
        ({Scope.WRITE}, "POST", "/chats", {"title": "New Chat"}),
        ({Scope.WRITE}, "PATCH", "/providers/groq", {"displayName": "Mine"}),
        ({Scope.WRITE, Scope.GENERATE}, "POST", f"/chats/{chat}/messages", {"content": "Hello?"}),
    ]
    for scopes in ({Scope.READ}, {Scope.WRITE}, {Scope.GENERATE}, {Scope.WRITE, Scope.GENERATE}):
        phone = Phone(server.client({"X-API-Key": await server.api_token("anna", *scopes)}))
        for needed, method, path, body in needs:
            reply = await phone.send(method, path, body)
            opened(reply)
            assert (reply.status < 300) is (needed <= scopes), (scopes, method, path, reply.body)
            assert reply.status in {200, 201, 403}


async def test_nothing_without_a_token(server: House) -> None:
    for method, path in [
        ("GET", "/users/profile"),
        ("PUT", "/users/profile"),
        ("DELETE", "/users/profile"),
        ("POST", "/auth/signout"),
    ]:
        reply = await stranger(server).send(method, path, {} if method == "PUT" else None)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        opened(reply)


async def test_two_people_see_themselves(server: House) -> None:
    one, two = await signed_up(server, "one@example.com"), await signed_up(server, "two@example.com")
    assert (await one.done("GET", "/users/profile"))["id"] != (await two.done("GET", "/users/profile"))["id"]
