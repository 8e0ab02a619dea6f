"""Signing up, in, on and out at Supabase, with the rules of this server."""

from datetime import timedelta

import pytest

from hearthside.accounts.assembly import People
from hearthside.accounts.model import Action, ProfileChange, UserStatus
from hearthside.accounts.purge import Purge
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Actor, Role, Scope
from hearthside.kit.db import Database
from hearthside.kit.errors import (
    Conflict,
    Forbidden,
    HearthsideError,
    Invalid,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
)
from tests.accounts.house import HOME, PASSWORD
from tests.accounts.supabase.conftest import EMAIL, Server, open_server
from tests.accounts.supabase.gotrue import FakeGoTrue


async def code_of(act: object) -> tuple[type[HearthsideError], str]:
    with pytest.raises(HearthsideError) as caught:
        await act  # type: ignore[misc] - any coroutine
    return type(caught.value), caught.value.code


async def admin(people: People) -> Actor:
    await people.accounts.operator.create_user("root", email=None, password=PASSWORD, role=Role.ADMIN)
    new = await people.accounts.sign_in("root", PASSWORD, origin=HOME)
    return await people.resolver.resolve(Credentials(cookie=new.cookie))


async def test_a_sign_up_makes_the_user_here_under_supabase_s_id(server: Server) -> None:
    pair = await server.sign_up(full_name="Ada Lovelace")
    account = server.gotrue.account(EMAIL)
    assert (pair.user.uid, pair.user.email, pair.user.display_name) == (account.id, EMAIL, "Ada Lovelace")
    assert (pair.user.role, pair.user.status) == (Role.USER, UserStatus.ACTIVE)
    assert pair.session.uid in server.gotrue.sessions
    actor = await server.actor(pair.access_token)
    assert (actor.user_id, actor.credential_id) == (pair.user.id, pair.session.id)
    assert (await server.people.profiles.get(actor)).full_name == "Ada Lovelace"


async def test_signing_in_and_refreshing_stay_with_one_user(server: Server) -> None:
    first = await server.sign_up()
    second = await server.sign_in()
    third = await server.people.accounts.refresh(second.refresh_token, origin=HOME)
    assert {pair.user.id for pair in (first, second, third)} == {first.user.id}
    assert third.session.uid == second.session.uid != first.session.uid
    assert third.refresh_token != second.refresh_token
    assert (await server.actor(third.access_token)).user_id == first.user.id


async def test_a_used_refresh_token_is_refused(server: Server) -> None:
    pair = await server.sign_up()
    await server.people.accounts.refresh(pair.refresh_token, origin=HOME)
    for token in (pair.refresh_token, "unknown"):
        assert await code_of(server.people.accounts.refresh(token, origin=HOME)) == (Unauthenticated, "session_expired")


async def test_signing_out_ends_the_session_here_and_there(server: Server) -> None:
    pair = await server.sign_up()
    actor = await server.actor(pair.access_token)
    assert await server.people.accounts.sign_out(actor, origin=HOME) == 1
    assert server.gotrue.sessions == {}
    assert await code_of(server.actor(pair.access_token)) == (Unauthenticated, "session_expired")
    assert await code_of(server.people.accounts.refresh(pair.refresh_token, origin=HOME)) == (
        Unauthenticated,
        "session_expired",
    )


async def test_signing_out_works_while_supabase_is_away(server: Server) -> None:
    pair = await server.sign_up()
    actor = await server.actor(pair.access_token)
    server.gotrue.is_down = True
    assert await server.people.accounts.sign_out(actor, origin=HOME) == 1
    assert await code_of(server.actor(pair.access_token)) == (Unauthenticated, "session_expired")


async def test_a_browser_gets_a_session_of_this_server(server: Server) -> None:
    await server.sign_up()
    before = set(server.gotrue.sessions)
    new = await server.people.accounts.sign_in(EMAIL, PASSWORD, origin=HOME)
    assert (await server.people.resolver.resolve(Credentials(cookie=new.cookie))).user_id == new.user.id
    assert set(server.gotrue.sessions) == before
    other = await server.people.accounts.sign_up_for_session(
        username=None, email="grace@example.org", password=PASSWORD, origin=HOME
    )
    assert other.user.email == "grace@example.org"


async def test_a_user_name_chosen_here_signs_in_there(server: Server) -> None:
    pair = await server.sign_up()
    await server.people.profiles.update(await server.actor(pair.access_token), ProfileChange(username="ada"))
    assert (await server.sign_in("ada")).user.id == pair.user.id


async def test_this_server_s_own_users_stay_its_own(server: Server) -> None:
    await admin(server.people)
    pair = await server.sign_in("root")
    actor = await server.actor(pair.access_token)
    await server.people.accounts.refresh(pair.refresh_token, origin=HOME)
    await server.people.accounts.sign_out(actor, origin=HOME)
    assert server.gotrue.asked == []
    assert await code_of(server.actor(pair.access_token)) == (Unauthenticated, "session_expired")


async def test_what_is_wrong_is_said_as_everywhere(server: Server) -> None:
    await server.sign_up()
    accounts = server.people.accounts
    assert await code_of(server.sign_in(password="a wrong password")) == (Unauthenticated, "invalid_credentials")
    assert await code_of(server.sign_in("nobody@example.org")) == (Unauthenticated, "invalid_credentials")
    assert await code_of(server.sign_in("nobody")) == (Unauthenticated, "invalid_credentials")
    assert await code_of(server.sign_up()) == (Conflict, "email_exists")
    server.gotrue.account(EMAIL).is_banned = True
    assert await code_of(server.sign_in()) == (Unauthenticated, "user_inactive")
    without_address = accounts.sign_up(username="ada", email=None, password=PASSWORD, origin=HOME)
    assert await code_of(without_address) == (Invalid, "validation_error")
    entries = await accounts.audit(await admin(server.people), before_id=None, limit=100)
    assert sum(entry.action == Action.SIGN_IN_FAILED for entry in entries) == 4


async def test_a_supabase_that_is_away_is_no_wrong_password(server: Server) -> None:
    server.gotrue.is_down = True
    assert await code_of(server.sign_in()) == (Unavailable, "unavailable")


async def test_guessing_is_limited_before_supabase_is_asked(server: Server) -> None:
    await server.sign_up()
    for _ in range(10):
        await code_of(server.sign_in(password="a wrong password"))
    asked = len(server.gotrue.asked)
    with pytest.raises(RateLimited):
        await server.sign_in()
    assert len(server.gotrue.asked) == asked


async def test_a_letter_to_be_answered_first(database: Database, gotrue: FakeGoTrue) -> None:
    gotrue.confirms = True
    async with open_server(database, gotrue) as server:
        accounts = server.people.accounts
        signed_up = await accounts.sign_up_for_tokens(email=EMAIL, password=PASSWORD, origin=HOME)
        assert (signed_up.tokens, signed_up.user.email, signed_up.user.id) == (None, EMAIL, 0)
        # The same again: nobody learns whether the address is taken.
        again = await accounts.sign_up_for_tokens(email=EMAIL, password=PASSWORD, origin=HOME)
        assert again.tokens is None
        assert await code_of(server.sign_in()) == (Forbidden, "email_not_confirmed")
        in_a_browser = accounts.sign_up_for_session(
            username=None, email="grace@example.org", password=PASSWORD, origin=HOME
        )
        assert await code_of(in_a_browser) == (Forbidden, "email_not_confirmed")
        gotrue.account(EMAIL).is_confirmed = True
        assert (await server.sign_in()).user.uid == gotrue.account(EMAIL).id


async def test_a_closed_server_takes_those_whom_it_knows(database: Database, gotrue: FakeGoTrue) -> None:
    async with open_server(database, gotrue) as server:
        known = await server.sign_up()
    async with open_server(database, gotrue, sign_up="closed") as server:
        assert (await server.sign_in()).user.id == known.user.id
        assert await code_of(server.sign_up("grace@example.org")) == (Forbidden, "sign_up_closed")
        stranger = server.gotrue._new({"email": "grace@example.org", "password": PASSWORD})
        server.gotrue.accounts[stranger.id] = stranger
        assert await code_of(server.sign_in("grace@example.org")) == (Forbidden, "sign_up_closed")


async def test_the_password_is_changed_there(server: Server) -> None:
    actor = await server.actor((await server.sign_up()).access_token)
    change = server.people.accounts.change_password(actor, current=PASSWORD, new="another password")
    assert await code_of(change) == (Forbidden, "password_elsewhere")


async def test_api_tokens_work_as_everywhere(server: Server) -> None:
    actor = await server.actor((await server.sign_up()).access_token)
    secret, _ = await server.people.accounts.create_api_token(
        actor, name="program", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    assert (await server.actor(secret)).user_id == actor.user_id


async def test_a_deletion_ends_supabase_s_tokens_too_and_a_sign_in_there_takes_it_back(server: Server) -> None:
    pair = await server.sign_up()
    elsewhere = server.gotrue.sign_in(server.gotrue.account(EMAIL))
    server.clock.advance(5)
    state = await server.people.deletion.request(await server.actor(pair.access_token))
    server.clock.advance(5)
    # Neither the token that was used here, nor one that never was, nor what they are renewed to.
    for token in (pair.access_token, elsewhere["access_token"]):
        assert await code_of(server.actor(token)) == (Unauthenticated, "session_expired")
    for token in (pair.refresh_token, elsewhere["refresh_token"]):
        renewed = server.people.accounts.refresh(token, origin=HOME)
        assert await code_of(renewed) == (Unauthenticated, "session_expired")
    back = await server.sign_in()
    assert back.account_status.canceled == state
    assert (await server.people.profiles.get(await server.actor(back.access_token))).deletion is None


async def test_a_new_sign_in_with_supabase_s_client_takes_it_back_as_well(server: Server) -> None:
    pair = await server.sign_up()
    await server.people.deletion.request(await server.actor(pair.access_token))
    server.clock.advance(5)
    token = server.gotrue.sign_in(server.gotrue.account(EMAIL))["access_token"]
    assert (await server.people.profiles.get(await server.actor(token))).deletion is None


async def test_the_purge_removes_the_user_there_too(server: Server) -> None:
    pair = await server.sign_up()
    await server.people.deletion.request(await server.actor(pair.access_token))
    server.clock.advance(timedelta(days=30).total_seconds())
    purge = Purge(server.database, server.clock, forgetters=[server.people.accounts.identity.forget])
    server.gotrue.is_down = True
    assert await purge.run() == 0
    server.gotrue.is_down = False
    assert await purge.run() == 1
    assert server.gotrue.accounts == {}
    # Somebody who is gone there already is no obstacle, but a key that Supabase refuses is.
    await server.people.accounts.identity.forget(pair.user.uid)


async def test_a_wrong_key_is_no_user_who_is_gone(database: Database, gotrue: FakeGoTrue) -> None:
    async with open_server(database, gotrue, supabase_service_role_key="another") as server:
        pair = await server.sign_up()
        assert await code_of(server.people.accounts.identity.forget(pair.user.uid)) == (
            UpstreamFailed,
            "identity_error",
        )
        assert len(gotrue.accounts) == 1


async def test_what_does_not_go_together_is_said_at_the_start(database: Database, gotrue: FakeGoTrue) -> None:
    for wrong in ({"sign_up": "invite"}, {"supabase_anon_key": None}, {"supabase_service_role_key": None}):
        with pytest.raises(ValueError, match="SUPABASE_URL"):
            async with open_server(database, gotrue, **wrong):
                pass
