"""Who may: CSRF tokens, other sites, tokens and their scopes, two credentials at once."""

import pytest

from hearthside.kit.actor import Role, Scope
from tests.contracts.client import Client
from tests.contracts.house import HERE, PASSWORD, House

CHANGES = [
    ("POST", "/conversations", {"title": "x"}),
    ("PATCH", "/conversations/{id}", {"title": "x"}),
    ("DELETE", "/conversations/{id}", None),
    ("POST", "/conversations/{id}/messages", {"content": "x"}),
    ("POST", "/conversations/{id}/leaf", {"message_id": 1}),
    ("POST", "/conversations/{id}/stream", {}),
    ("POST", "/chat/retry", {"conversation_id": 1}),
    ("POST", "/chat/cancel/00000000-0000-7000-8000-000000000000", None),
    ("POST", "/auth/logout", None),
    ("POST", "/auth/password", {"current_password": PASSWORD, "new_password": "another long one"}),
    ("DELETE", "/auth/sessions/00000000-0000-7000-8000-000000000000", None),
    ("POST", "/admin/invites", {"expires_in_hours": 24}),
    ("DELETE", "/admin/invites/1", None),
    ("PATCH", "/admin/users/1", {"role": "admin"}),
]
EVERYDAY = (Scope.READ, Scope.WRITE, Scope.GENERATE)
READS = [
    "/conversations",
    "/conversations/{id}",
    "/conversations/{id}/messages",
    "/conversations/{id}/stream/00000000-0000-7000-8000-000000000000",
    "/providers",
    "/auth/me",
    "/auth/sessions",
]
ANONYMOUS = [
    ("POST", "/auth/login", {"username": "anna", "password": PASSWORD}),
    ("POST", "/auth/register", {"username": "clara", "password": PASSWORD}),
    ("POST", "/admin/bootstrap", {"username": "clara", "password": PASSWORD}),
]


async def test_changes_by_cookie_need_the_csrf_token(server: House, admin: Client) -> None:
    conversation = await server.asked(admin)
    right, admin.csrf_token = admin.csrf_token, None
    other = (await server.join("ben")).csrf_token
    before = await server.dump()
    for method, path, body in CHANGES:
        where = path.format(id=conversation)
        for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": other or ""}):
            reply = await admin.request(method, where, body, headers=wrong)
            assert reply.error == (403, "CSRF_INVALID"), (path, wrong)
    assert await server.dump() == before
    assert right
    assert (await admin.post("/conversations", {}, headers={"X-CSRF-Token": right})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_sites_change_nothing_even_with_the_token(
    server: House, admin: Client, headers: dict[str, str]
) -> None:
    conversation = await server.asked(admin)
    before = await server.dump()
    for method, path, body in CHANGES:
        reply = await admin.request(method, path.format(id=conversation), body, headers=headers)
        assert reply.error == (403, "CSRF_INVALID"), path
    for method, path, body in ANONYMOUS:
        reply = await server.client().request(method, path, body, headers=headers)
        assert reply.error == (403, "CSRF_INVALID"), path
        assert "Set-Cookie" not in reply.headers
    assert await server.dump() == before


async def test_the_own_page_may(server: House, anna: Client) -> None:
    for headers in ({"Origin": server.url, "Sec-Fetch-Site": "same-origin"}, {"Origin": server.url}):
        assert (await anna.post("/conversations", {}, headers=headers)).status == 200


async def test_nothing_without_a_credential(server: House) -> None:
    stranger = server.client()
    for path in READS:
        assert (await stranger.get(path.format(id=1))).error == (401, "AUTH_REQUIRED"), path
    for method, path, body in CHANGES:
        reply = await stranger.request(method, path.format(id=1), body)
        assert reply.error == (401, "AUTH_REQUIRED"), path
        assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer hs_nonsense"},
        {"X-API-Key": "hs_nonsense"},
        {"Authorization": "Bearer a.b.c"},
        {"Cookie": "hearthside_session=nonsense"},
    ],
)
async def test_wrong_credentials(server: House, headers: dict[str, str]) -> None:
    reply = await server.client().get("/auth/me", headers=headers)
    assert reply.status == 401
    assert reply.json["code"] in {"AUTH_REQUIRED", "SESSION_EXPIRED"}


async def test_tokens_need_no_csrf_token(server: House) -> None:
    await server.add_user("anna")
    pair = await server.services.accounts.issue_tokens("anna", PASSWORD, origin=HERE)
    secret = await server.api_token("anna", *EVERYDAY)
    for headers in (
        {"Authorization": f"Bearer {pair.access_token}"},
        {"Authorization": f"bearer {secret}"},
        {"X-API-Key": secret},
        {"X-API-Key": pair.access_token},
        {"X-API-Key": secret, "Authorization": f"Bearer {secret}"},
    ):
        client = server.client(headers=headers)
        conversation = await server.asked(client)
        async with client.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
            assert (await reader.rest())[-1].data["status"] == "ok"
        me = await client.done("GET", "/auth/me")
        assert (me["user"]["username"], me["csrf_token"]) == ("anna", None)


async def test_scopes(server: House) -> None:
    await server.add_user("anna", role=Role.ADMIN)
    owner = await server.sign_in("anna")
    conversation = await server.asked(owner)
    needs = [
        (Scope.READ, "GET", f"/conversations/{conversation}", None),
        (Scope.READ, "GET", "/auth/me", None),
        (Scope.WRITE, "PATCH", f"/conversations/{conversation}", {"title": "new"}),
        (Scope.WRITE, "POST", f"/conversations/{conversation}/messages", {"content": "more"}),
        (Scope.GENERATE, "POST", f"/conversations/{conversation}/stream", {}),
        (Scope.GENERATE, "POST", "/chat/retry", {"conversation_id": conversation}),
        (Scope.ADMIN, "GET", "/admin/users", None),
    ]
    for scope in Scope:
        client = server.client(headers={"X-API-Key": await server.api_token("anna", scope)})
        for needed, method, path, body in needs:
            reply = await client.request(method, path, body)
            expected = 200 if needed is scope else 403
            assert reply.status == expected, (scope, method, path, reply.body)
            if expected == 200 and path.endswith("/stream"):
                assert b"event: done" in reply.body


async def test_two_credentials_at_once(server: House, anna: Client) -> None:
    secret = await server.api_token("anna", *EVERYDAY)
    reply = await anna.get("/auth/me", headers={"X-API-Key": secret})
    assert (reply.status, reply.json["code"]) == (400, "AMBIGUOUS_CREDENTIALS")


async def test_what_belongs_to_another_is_not_there(server: House, anna: Client, ben: Client) -> None:
    conversation = await server.asked(anna)
    (message,) = await anna.done("GET", f"/conversations/{conversation}/messages")
    own = await server.asked(ben)
    before = await server.dump()
    for target in (conversation, 999_999, 0, -1):
        for method, path, body in [
            ("GET", f"/conversations/{target}", None),
            ("PATCH", f"/conversations/{target}", {"title": "stolen"}),
            ("DELETE", f"/conversations/{target}", None),
            ("GET", f"/conversations/{target}/messages", None),
            ("POST", f"/conversations/{target}/messages", {"content": "stolen"}),
            ("POST", f"/conversations/{target}/leaf", {"message_id": message["id"]}),
            ("POST", f"/conversations/{target}/stream", {}),
            ("POST", "/chat/retry", {"conversation_id": target}),
        ]:
            assert (await ben.request(method, path, body)).error == (404, "CONVERSATION_NOT_FOUND"), path
    foreign_parent = {"content": "stolen", "parent_id": message["id"]}
    assert (await ben.post(f"/conversations/{own}/messages", foreign_parent)).status == 404
    assert (await ben.post(f"/conversations/{own}/leaf", {"message_id": message["id"]})).status == 404
    assert await server.dump() == before
    assert [one["id"] for one in await ben.done("GET", "/conversations")] == [own]
    assert await ben.done("GET", "/conversations?q=Hello") != await anna.done("GET", "/conversations?q=Hello")
