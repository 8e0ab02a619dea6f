"""Tokens that Supabase made, and tokens that somebody else did."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from hearthside.accounts.model import UserStatus
from hearthside.kit.actor import Role
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, HearthsideError, Unauthenticated
from tests.accounts.house import PASSWORD
from tests.accounts.supabase.conftest import EMAIL, Server, open_server
from tests.accounts.supabase.gotrue import ANON_KEY, SECRET, FakeGoTrue, serving

JWKS = "GET /.well-known/jwks.json"


def new_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"})


@pytest.fixture
async def publishing(database: Database) -> AsyncGenerator[Server]:
    """A server whose Supabase signs with a key that it publishes."""
    fake = FakeGoTrue(ManualClock(), key=new_key("first"))
    async with serving(fake), open_server(database, fake) as server:
        yield server


def newcomer(server: Server, email: str = EMAIL) -> dict[str, Any]:
    """Somebody who has never been here, signed in at Supabase; the claims of their token."""
    account = server.gotrue._new({"email": email, "password": PASSWORD, "data": {"full_name": "Ada"}})
    server.gotrue.accounts[account.id] = account
    server.gotrue.sign_in(account)
    return server.gotrue.claims_of(list(server.gotrue.sessions)[-1])


async def refused(server: Server, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await server.actor(token)
    return caught.value.code


async def test_who_is_seen_for_the_first_time_is_made_here(server: Server) -> None:
    claims = newcomer(server)
    actor = await server.actor(server.gotrue.token(**claims))
    assert actor.user_uid == claims["sub"]
    profile = await server.people.profiles.get(actor)
    assert (profile.email, profile.full_name) == (EMAIL, "Ada")
    (session,) = await server.people.accounts.sessions(actor)
    assert session.uid == claims["session_id"]


async def test_twenty_first_requests_at_once_make_one_user_and_one_session(server: Server) -> None:
    token = server.gotrue.token(**newcomer(server))
    actors = await asyncio.gather(*(server.actor(token) for _ in range(20)))
    assert len({(actor.user_id, actor.credential_id) for actor in actors}) == 1


async def test_published_keys_count_and_are_asked_for_once(publishing: Server) -> None:
    for number in range(3):
        claims = newcomer(publishing, f"user{number}@example.org")
        assert (await publishing.actor(publishing.gotrue.token(**claims))).user_uid == claims["sub"]
    assert publishing.gotrue.asked.count(JWKS) == 1


async def test_a_new_key_is_found_but_not_at_everybody_s_will(publishing: Server) -> None:
    await publishing.actor(publishing.gotrue.token(**newcomer(publishing)))
    claims = newcomer(publishing, "grace@example.org")
    publishing.gotrue.key = new_key("second")
    token = publishing.gotrue.token(**claims)
    assert await refused(publishing, token) == "auth_required"
    assert publishing.gotrue.asked.count(JWKS) == 1
    publishing.clock.advance(31)
    await publishing.actor(token)
    assert publishing.gotrue.asked.count(JWKS) == 2


async def test_known_keys_go_on_counting_while_supabase_is_away(publishing: Server) -> None:
    token = publishing.gotrue.token(**newcomer(publishing))
    await publishing.actor(token)
    publishing.clock.advance(700)
    publishing.gotrue.is_down = True
    await publishing.actor(token)
    strange = newcomer(publishing, "grace@example.org")
    publishing.gotrue.key = new_key("second")
    publishing.clock.advance(31)
    with pytest.raises(HearthsideError) as caught:
        await publishing.actor(publishing.gotrue.token(**strange))
    assert not isinstance(caught.value, Unauthenticated)


async def test_a_published_key_is_no_shared_secret(publishing: Server) -> None:
    claims = newcomer(publishing)
    assert publishing.gotrue.key is not None
    public = publishing.gotrue.key.as_pem(private=False)
    body = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT", "kid": "first"}, claims)
    )
    import hmac

    signature = base64.urlsafe_b64encode(hmac.digest(public, body.encode(), "sha256")).decode().rstrip("=")
    assert await refused(publishing, f"{body}.{signature}") == "auth_required"
    shared = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert await refused(publishing, shared) == "auth_required"


CHANGES: list[dict[str, Any]] = [
    {"aud": "anon"},
    {"aud": None},
    {"aud": ["other"]},
    {"sub": None},
    {"sub": 5},
    {"session_id": None},
    {"exp": None},
    {"exp": "soon"},
    {"amr": None, "iat": None},
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
async def test_a_token_that_is_not_a_person_s_is_refused(server: Server, change: dict[str, Any]) -> None:
    assert await refused(server, server.gotrue.token(**(newcomer(server) | change))) == "auth_required"


async def test_tokens_of_others_are_refused(server: Server) -> None:
    claims = newcomer(server)
    forged = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("x" * 40), algorithms=["HS256"])
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    )
    right = server.gotrue.token(**claims)
    for token in (forged, f"{unsigned}.", right[:-4], "a.b.c", "", "x", ANON_KEY, "x" * 9000, f"{right}é"):
        if token:
            assert await refused(server, token) == "auth_required", token
    keyless = jwt.encode({"alg": "ES256", "kid": "unknown"}, claims, new_key("unknown"), algorithms=["ES256"])
    assert await refused(server, keyless) == "auth_required"


async def test_an_old_token_says_that_it_is_old(server: Server) -> None:
    token = server.gotrue.token(**newcomer(server))
    await server.actor(token)
    server.clock.advance(3600)
    assert await refused(server, token) == "session_expired"


async def test_a_session_lives_as_long_as_this_server_says_however_often_it_is_renewed(server: Server) -> None:
    claims = newcomer(server)
    await server.actor(server.gotrue.token(**claims))
    for _ in range(3):
        server.clock.advance(timedelta(days=3).total_seconds())
    claims["exp"] = int(server.clock.now().timestamp()) + 3600
    assert await refused(server, server.gotrue.token(**claims)) == "session_expired"
    # Nor does it begin anew where nothing is known of it any more.
    assert await refused(server, server.gotrue.token(**(claims | {"session_id": "another"}))) == "session_expired"


async def test_a_token_whose_user_is_gone_at_supabase_makes_nobody_here(server: Server) -> None:
    claims = newcomer(server)
    server.gotrue.accounts.clear()
    assert await refused(server, server.gotrue.token(**claims)) == "session_expired"


async def test_a_session_of_one_user_is_not_another_s(server: Server) -> None:
    mine = newcomer(server)
    await server.actor(server.gotrue.token(**mine))
    other = newcomer(server, "grace@example.org") | {"session_id": mine["session_id"]}
    assert await refused(server, server.gotrue.token(**other)) == "auth_required"


async def test_an_address_that_is_another_account_s_is_not_taken_over(server: Server) -> None:
    await server.people.accounts.operator.create_user("root", email=EMAIL, password=PASSWORD, role=Role.ADMIN)
    with pytest.raises(Conflict) as caught:
        await server.actor(server.gotrue.token(**newcomer(server)))
    assert caught.value.code == "email_exists"


async def test_a_user_who_is_disabled_here_stays_out(server: Server) -> None:
    claims = newcomer(server)
    actor = await server.actor(server.gotrue.token(**claims))
    root = await server.people.accounts.operator.create_user("root", email=None, password=PASSWORD, role=Role.ADMIN)
    admin = await server.actor((await server.sign_in("root")).access_token)
    assert admin.user_id == root.id
    await server.people.accounts.update_user(admin, actor.user_id, status=UserStatus.DISABLED)
    assert await refused(server, server.gotrue.token(**claims)) == "user_inactive"
    fresh = server.gotrue.sign_in(server.gotrue.account(EMAIL))["access_token"]
    assert await refused(server, fresh) == "user_inactive"
