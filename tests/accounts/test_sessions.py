"""Sessions: how they end, and who sees them."""

from collections.abc import Callable

import pytest

from hearthside.accounts.model import NewSession, Origin, UserStatus
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Role, Scope
from hearthside.kit.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from tests.accounts.house import PASSWORD, House

HOUR, DAY = 3600, 86_400


async def ended(house: House, new: NewSession) -> str:
    """Why the session's cookie is refused."""
    with pytest.raises(Unauthenticated) as caught:
        await house.by_cookie(new)
    return caught.value.code


async def test_an_idle_session_ends(house: House) -> None:
    new, _ = await house.signed_in("ada")
    house.clock.advance(72 * HOUR)
    assert await ended(house, new) == "session_expired"


async def test_a_session_in_use_ends_at_its_last_day_all_the_same(house: House) -> None:
    new, _ = await house.signed_in("ada")
    for _ in range(6):
        house.clock.advance(DAY)
        await house.by_cookie(new)
        await house.presence.write()
    house.clock.advance(DAY - 1)
    assert (await house.by_cookie(new)).credential_id == new.session.id
    house.clock.advance(1)  # less than the five seconds of the cache
    assert await ended(house, new) == "session_expired"


async def test_signing_out_ends_this_session_at_once_and_no_other(house: House) -> None:
    here, actor = await house.signed_in("ada")
    there, _ = await house.sign_in("ada")
    assert await house.accounts.sign_out(actor) == 1
    assert await ended(house, here) == "session_expired"
    await house.by_cookie(there)
    assert await house.accounts.sign_out(actor) == 0


async def test_another_process_believes_an_ended_session_for_five_seconds_at_most(
    build: Callable[..., House],
) -> None:
    one = build()
    other = build(clock=one.clock)
    new, actor = await one.signed_in("ada")
    await other.by_cookie(new)
    await one.accounts.sign_out(actor)
    one.clock.advance(5)
    assert await ended(other, new) == "session_expired"


async def test_a_lookup_that_is_overtaken_by_a_sign_out_is_not_remembered(house: House) -> None:
    """A unit test: only here can the two be put in the order that matters."""
    new, actor = await house.signed_in("ada")
    version = house.cache.version
    await house.accounts.sign_out(actor)
    house.cache.put("late", actor, version=version)
    assert house.cache.get("late") is None
    assert await ended(house, new) == "session_expired"


async def test_a_password_change_ends_the_other_sessions(house: House) -> None:
    here, actor = await house.signed_in("ada")
    there, _ = await house.sign_in("ada")
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=Origin("192.0.2.9"))
    await house.by_token(pair.access_token)
    await house.accounts.change_password(actor, current=PASSWORD, new="a better password")
    assert (await house.by_cookie(here)).credential_id == here.session.id
    assert await ended(house, there) == "session_expired"
    for attempt in (
        house.by_token(pair.access_token),
        house.accounts.refresh(pair.refresh_token, origin=Origin("192.0.2.9")),
        house.accounts.sign_in("ada", PASSWORD, origin=Origin("192.0.2.9")),
    ):
        with pytest.raises(Unauthenticated):
            await attempt
    await house.accounts.sign_in("ada", "a better password", origin=Origin("192.0.2.9"))


async def test_a_password_change_asks_for_the_current_one_and_not_too_often(house: House) -> None:
    _, actor = await house.signed_in("ada")
    for _ in range(10):
        with pytest.raises(Forbidden) as caught:
            await house.accounts.change_password(actor, current="a wrong one", new="a better password")
        assert caught.value.code == "wrong_password"
    with pytest.raises(RateLimited):
        await house.accounts.change_password(actor, current=PASSWORD, new="a better password")


async def test_a_new_password_has_8_to_1024_characters(house: House) -> None:
    _, actor = await house.signed_in("ada")
    for password in ("", "seven77", "x" * 1025):
        with pytest.raises(Invalid):
            await house.accounts.change_password(actor, current=PASSWORD, new=password)


async def test_disabling_ends_everything_at_once_and_for_good(house: House) -> None:
    new, actor = await house.signed_in("ada")
    token, _ = await house.accounts.create_api_token(
        actor, name="script", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    await house.by_token(token)
    _, admin = await house.signed_in("root", admin=True)
    await house.accounts.update_user(admin, actor.user_id, status=UserStatus.DISABLED)
    assert await ended(house, new) == "user_inactive"
    with pytest.raises(Unauthenticated) as caught:
        await house.by_token(token)
    assert caught.value.code == "user_inactive"

    await house.accounts.update_user(admin, actor.user_id, status=UserStatus.ACTIVE)
    assert await ended(house, new) == "session_expired"
    with pytest.raises(Unauthenticated):
        await house.by_token(token)


async def test_no_session_id_outlives_a_change_of_role(house: House) -> None:
    new, actor = await house.signed_in("ada")
    _, admin = await house.signed_in("root", admin=True)
    await house.accounts.update_user(admin, actor.user_id, role=Role.ADMIN)
    assert await ended(house, new) == "session_expired"
    again, promoted = await house.sign_in("ada")
    assert promoted.is_admin
    assert again.cookie != new.cookie


async def test_devices_are_listed_and_ended_by_their_owner_alone(house: House) -> None:
    here, ada = await house.signed_in("ada")
    there, _ = await house.sign_in("ada", origin=Origin("203.0.113.5", "Old \x1b[31mphone\n"))
    _, eve = await house.signed_in("eve")
    assert {session.uid for session in await house.accounts.sessions(ada)} == {here.session.uid, there.session.uid}
    assert there.session.user_agent == "Old [31mphone"

    refusals = set()
    for uid in (there.session.uid, "0190a5f0-0000-7000-8000-000000000000", "", "\x00", "\ud800", "x" * 100_000):
        with pytest.raises(NotFound) as caught:
            await house.accounts.end_session(eve, uid)
        refusals.add((caught.value.code, caught.value.message))
    assert len(refusals) == 1
    await house.by_cookie(there)

    await house.accounts.end_session(ada, there.session.uid)
    assert await ended(house, there) == "session_expired"
    assert [session.uid for session in await house.accounts.sessions(ada)] == [here.session.uid]


async def test_last_use_is_written_once_for_many_requests(house: House) -> None:
    new, actor = await house.signed_in("ada")
    token, made = await house.accounts.create_api_token(
        actor, name="script", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    house.clock.advance(50)
    await house.by_cookie(new)
    await house.by_token(token)
    before = (await house.accounts.sessions(actor))[0].last_seen_at
    assert before == new.session.created_at
    assert made.last_used_at is None

    await house.presence.write()
    assert (await house.accounts.sessions(actor))[0].last_seen_at == house.clock.now()
    assert (await house.accounts.api_tokens(actor))[0].last_used_at == house.clock.now()


async def test_what_was_noted_is_written_when_the_server_stops(house: House) -> None:
    new, actor = await house.signed_in("ada")
    await house.presence.start()
    house.clock.advance(50)
    await house.by_cookie(new)
    await house.presence.close()
    assert (await house.accounts.sessions(actor))[0].last_seen_at == house.clock.now()


async def test_the_csrf_token_belongs_to_one_session(house: House) -> None:
    new, actor = await house.signed_in("ada")
    other, _ = await house.sign_in("ada")
    credentials = Credentials(cookie=new.cookie)
    assert await house.accounts.csrf_token(actor) == new.csrf_token
    house.resolver.check_csrf(actor, credentials, new.csrf_token)
    for wrong in (None, "", other.csrf_token, new.csrf_token[:-1], new.csrf_token + "A", new.cookie, "\ud800é"):
        with pytest.raises(Forbidden) as caught:
            house.resolver.check_csrf(actor, credentials, wrong)
        assert caught.value.code == "csrf_invalid"


async def test_the_csrf_token_cannot_be_made_without_the_servers_key(build: Callable[..., House]) -> None:
    house = build()
    foreign = build(keys=type(house.keys)(b"\x01" * 32))
    new, actor = await house.signed_in("ada")
    with pytest.raises(Forbidden):
        foreign.resolver.check_csrf(actor, Credentials(cookie=new.cookie), new.csrf_token)


async def test_tokens_in_headers_need_no_csrf_token(house: House) -> None:
    await house.user("ada")
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=Origin("192.0.2.9"))
    actor = await house.by_token(pair.access_token)
    house.resolver.check_csrf(actor, Credentials(bearer=pair.access_token), None)
    with pytest.raises(Invalid):
        await house.accounts.csrf_token(actor)
