"""Bootstrap, invites, users, devices: what contracts/conversations.md adds around signing in."""

from hearthside.kit.actor import Role
from tests.contracts.client import Client
from tests.contracts.conftest import OpenHouse
from tests.contracts.house import PASSWORD, House

NEW_ADMIN = {"username": "first", "password": PASSWORD}


async def test_bootstrap_makes_the_first_admin_once(server: House) -> None:
    token = await server.services.accounts.prepare_bootstrap()
    browser = server.client()
    wrong = await browser.post("/admin/bootstrap", NEW_ADMIN, headers={"X-Bootstrap-Token": "wrong"})
    assert wrong.error == (403, "INVALID_BOOTSTRAP_TOKEN")
    assert (await browser.post("/admin/bootstrap", NEW_ADMIN)).error == (403, "INVALID_BOOTSTRAP_TOKEN")
    headers = {"X-Bootstrap-Token": token or ""}
    body = await browser.done("POST", "/admin/bootstrap", NEW_ADMIN, headers=headers)
    assert set(body) == {"user", "csrf_token"}
    assert (body["user"]["username"], body["user"]["role"]) == ("first", "admin")
    (row,) = (await browser.done("GET", "/admin/users"))["users"]
    assert set(row) == {"id", "username", "display_name", "role", "status", "created_at", "last_login"}
    again = await server.client().post("/admin/bootstrap", NEW_ADMIN | {"username": "second"}, headers=headers)
    assert again.error == (403, "BOOTSTRAP_DISABLED")


async def test_an_invite_lets_one_person_in(open_server: OpenHouse) -> None:
    server = await open_server(sign_up="invite")
    admin = await server.join("root-admin", role=Role.ADMIN)
    invite = await admin.done("POST", "/admin/invites", {"expires_in_hours": 24})
    assert set(invite) == {"invite_code", "expires_at"}
    body = {"invite_code": invite["invite_code"], "username": "clara", "password": PASSWORD}
    clara = server.client()
    signed_in = await clara.done("POST", "/auth/register", body)
    assert signed_in["user"]["username"] == "clara"
    assert (await clara.done("GET", "/auth/me"))["user"] == signed_in["user"]
    again = await server.client().post("/auth/register", body | {"username": "dora"})
    assert again.error == (400, "INVALID_INVITE")
    unknown = await server.client().post("/auth/register", body | {"invite_code": "nonsense"})
    assert unknown.error == (400, "INVALID_INVITE")
    (listed,) = (await admin.done("GET", "/admin/invites"))["invites"]
    assert listed["used_by"] == signed_in["user"]["id"]
    assert invite["invite_code"] not in str(listed)


async def test_an_invite_can_be_withdrawn(open_server: OpenHouse) -> None:
    server = await open_server(sign_up="invite")
    admin = await server.join("root-admin", role=Role.ADMIN)
    invite = await admin.done("POST", "/admin/invites")
    (listed,) = (await admin.done("GET", "/admin/invites"))["invites"]
    assert await admin.done("DELETE", f"/admin/invites/{listed['id']}") == {"message": "Invite deleted"}
    body = {"invite_code": invite["invite_code"], "username": "clara", "password": PASSWORD}
    assert (await server.client().post("/auth/register", body)).error == (400, "INVALID_INVITE")
    assert (await admin.delete(f"/admin/invites/{listed['id']}")).status == 404


async def test_open_sign_up_needs_no_invite_and_names_are_unique(server: House) -> None:
    body = {"username": "clara", "password": PASSWORD}
    await server.client().done("POST", "/auth/register", body)
    taken = await server.client().post("/auth/register", body | {"username": "CLARA"})
    assert taken.error == (409, "USERNAME_EXISTS")


async def test_wrong_password_and_unknown_user_are_told_alike(server: House) -> None:
    await server.add_user("anna")
    wrong = await server.client().post("/auth/login", {"username": "anna", "password": "not hers"})
    unknown = await server.client().post("/auth/login", {"username": "nobody", "password": "not hers"})
    assert wrong.error == unknown.error == (401, "INVALID_CREDENTIALS")
    assert wrong.json["message"] == unknown.json["message"]


async def test_users_are_disabled_and_promoted(server: House, admin: Client, anna: Client) -> None:
    users = (await admin.done("GET", "/admin/users"))["users"]
    anna_id = next(user["id"] for user in users if user["username"] == "anna")
    promoted = await admin.done("PATCH", f"/admin/users/{anna_id}", {"role": "admin"})
    assert (promoted["role"], promoted["status"]) == ("admin", "active")
    disabled = await admin.done("PATCH", f"/admin/users/{anna_id}", {"status": "disabled"})
    assert disabled["status"] == "disabled"
    login = await server.client().post("/auth/login", {"username": "anna", "password": PASSWORD})
    assert login.error == (401, "USER_INACTIVE")
    status, code = (await anna.get("/conversations")).error
    assert status == 401
    assert code in {"USER_INACTIVE", "SESSION_EXPIRED"}


async def test_the_last_admin_stays(admin: Client) -> None:
    (row,) = (await admin.done("GET", "/admin/users"))["users"]
    assert (await admin.patch(f"/admin/users/{row['id']}", {"role": "user"})).error == (409, "LAST_ADMIN")
    assert (await admin.patch("/admin/users/999999", {"role": "user"})).error == (404, "USER_NOT_FOUND")


async def test_admin_paths_are_for_admins(server: House, anna: Client) -> None:
    stranger = server.client()
    for method, path, body in [
        ("GET", "/admin/users", None),
        ("PATCH", "/admin/users/1", {"role": "admin"}),
        ("POST", "/admin/invites", {"expires_in_hours": 24}),
        ("GET", "/admin/invites", None),
        ("DELETE", "/admin/invites/1", None),
        ("GET", "/admin/usage", None),
        ("GET", "/admin/audit", None),
    ]:
        assert (await anna.request(method, path, body)).error == (403, "ADMIN_REQUIRED"), path
        assert (await stranger.request(method, path, body)).error == (401, "AUTH_REQUIRED"), path


async def test_usage_is_counted(server: House, admin: Client, anna: Client) -> None:
    conversation = await server.asked(anna)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        await reader.rest()
    (day,) = (await admin.done("GET", "/admin/usage"))["usage"]
    assert day == {
        "user_id": (await anna.done("GET", "/auth/me"))["user"]["id"],
        "day": day["day"],
        "requests": 1,
        "messages": 1,
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
    }


async def test_the_audit_log_comes_in_pages(server: House, admin: Client) -> None:
    for _ in range(3):
        await server.client().post("/auth/login", {"username": "root-admin", "password": "wrong"})
    everything = (await admin.done("GET", "/admin/audit"))["audit"]
    assert len(everything) >= 4
    pages, path = [], "/admin/audit?limit=2"
    while path:
        reply = await admin.get(path)
        pages += reply.json["audit"]
        cursor = reply.headers.get("X-Next-Cursor")
        path = f"/admin/audit?limit=2&cursor={cursor}" if cursor else ""
    assert pages == everything
    assert set(pages[0]) == {"id", "at", "user_id", "action", "target", "address", "detail"}
    assert pages[0]["address"] == "127.0.0.1"


async def test_a_new_password_ends_the_other_sessions(server: House, anna: Client) -> None:
    other = await server.sign_in("anna")
    body = {"current_password": PASSWORD, "new_password": "another long one"}
    assert await anna.done("POST", "/auth/password", body) == {"message": "Password changed"}
    assert (await anna.get("/auth/me")).status == 200
    assert (await other.get("/auth/me")).error == (401, "SESSION_EXPIRED")
    wrong = await anna.post("/auth/password", body)
    assert (wrong.status, wrong.json["code"]) == (403, "WRONG_PASSWORD")


async def test_devices_are_listed_and_ended(server: House, anna: Client) -> None:
    other = await server.sign_in("anna", headers={"User-Agent": "Phone"})
    listed = await anna.done("GET", "/auth/sessions")
    assert len(listed) == 2
    (phone,) = [session for session in listed if session["user_agent"] == "Phone"]
    assert phone["current"] is False
    assert sum(session["current"] for session in listed) == 1
    assert await anna.done("DELETE", f"/auth/sessions/{phone['id']}") == {"message": "Session ended"}
    assert (await other.get("/auth/me")).error == (401, "SESSION_EXPIRED")
    assert (await anna.delete(f"/auth/sessions/{phone['id']}")).error == (404, "SESSION_NOT_FOUND")


async def test_one_cannot_end_another_ones_session(anna: Client, ben: Client) -> None:
    (session,) = await anna.done("GET", "/auth/sessions")
    assert (await ben.delete(f"/auth/sessions/{session['id']}")).error == (404, "SESSION_NOT_FOUND")
    assert (await anna.get("/auth/me")).status == 200


async def test_sign_in_attempts_are_limited(open_server: OpenHouse) -> None:
    server = await open_server(sign_in_attempts_per_minute=3)
    body = {"username": "anna", "password": "wrong"}
    replies = [await server.client().post("/auth/login", body) for _ in range(4)]
    assert [reply.status for reply in replies] == [401, 401, 401, 429]
    assert replies[-1].error == (429, "RATE_LIMITED")
    assert int(replies[-1].headers["Retry-After"]) >= 1


async def test_over_https_the_cookie_is_bound_to_the_host(open_server: OpenHouse) -> None:
    server = await open_server(https=True)
    await server.add_user("anna")
    reply = await server.client().post("/auth/login", {"username": "anna", "password": PASSWORD})
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("__Host-hearthside_session=")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()
