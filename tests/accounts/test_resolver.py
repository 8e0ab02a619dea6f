"""Which credential counts, and what is remembered of it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from hearthside.accounts.cache import MOST_ENTRIES, ActorCache
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, Unauthenticated, Unavailable
from tests.accounts.house import HOME, PASSWORD, House

ADA = Actor(1, "uid", Role.USER, CredentialKind.SESSION, 1, frozenset(Scope))


async def test_nothing_is_not_a_credential(house: House) -> None:
    for nothing in (Credentials(), Credentials(cookie="", bearer="", api_key="")):
        with pytest.raises(Unauthenticated) as caught:
            await house.resolver.resolve(nothing)
        assert caught.value.code == "auth_required"


async def test_two_credentials_are_one_too_many(house: House) -> None:
    new, actor = await house.signed_in("ada")
    token, _ = await house.accounts.create_api_token(
        actor, name="script", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    for two in (
        Credentials(cookie=new.cookie, bearer=token),
        Credentials(cookie=new.cookie, api_key=token),
        Credentials(cookie=new.cookie, bearer=new.cookie),
        Credentials(bearer=pair.access_token, api_key=token),
    ):
        with pytest.raises(Invalid) as caught:
            await house.resolver.resolve(two)
        assert caught.value.code == "ambiguous_credentials"
    once = await house.resolver.resolve(Credentials(bearer=token, api_key=token))
    assert once.credential is CredentialKind.API_TOKEN


async def test_an_access_token_is_taken_from_either_header(house: House) -> None:
    await house.user("ada")
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    by_bearer = await house.resolver.resolve(Credentials(bearer=pair.access_token))
    by_key = await house.resolver.resolve(Credentials(api_key=pair.access_token))
    assert by_bearer == by_key
    assert (by_bearer.credential, by_bearer.credential_id) == (CredentialKind.ACCESS_TOKEN, pair.session.id)


async def test_a_cookie_is_no_token_and_a_token_no_cookie(house: House) -> None:
    """Also not by way of what is remembered: each was resolved a moment before."""
    new, actor = await house.signed_in("ada")
    token, _ = await house.accounts.create_api_token(
        actor, name="script", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    await house.by_token(token)
    for wrong in (
        Credentials(bearer=new.cookie),
        Credentials(cookie=token),
        Credentials(cookie=pair.access_token),
        Credentials(cookie=pair.refresh_token),
        Credentials(bearer=pair.refresh_token),
    ):
        with pytest.raises(Unauthenticated):
            await house.resolver.resolve(wrong)


async def test_a_cookie_that_is_not_known_is_that_of_an_ended_session(house: House) -> None:
    for cookie in ("unknown", "\ud800", "x" * 100_000):
        with pytest.raises(Unauthenticated) as caught:
            await house.resolver.resolve(Credentials(cookie=cookie))
        assert caught.value.code == "session_expired"


async def test_an_actor_is_remembered_without_asking_the_database(house: House) -> None:
    new, actor = await house.signed_in("ada")
    async with house.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM user_account"))
    assert await house.by_cookie(new) == actor
    house.clock.advance(5)
    with pytest.raises(Unauthenticated):
        await house.by_cookie(new)


async def test_a_database_that_is_away_makes_nobody_a_stranger() -> None:
    away = House(Database(sa.make_url("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")))
    for credentials in (Credentials(cookie="x"), Credentials(bearer="hs_x")):
        with pytest.raises(Unavailable):
            await away.resolver.resolve(credentials)


def test_what_is_remembered_is_bounded() -> None:
    """A unit test: the bound shows nowhere else but in memory."""
    cache = ActorCache(ManualClock())
    for number in range(MOST_ENTRIES + 1):
        cache.put(str(number), ADA, version=cache.version)
    assert cache.get("0") is None
    assert cache.get("1") == cache.get(str(MOST_ENTRIES)) == ADA


def test_forgetting_one_user_keeps_the_others() -> None:
    cache = ActorCache(ManualClock())
    eve = replace(ADA, user_id=2)
    cache.put("ada", ADA, version=cache.version)
    cache.put("eve", eve, version=cache.version)
    cache.forget_user(ADA.user_id)
    assert (cache.get("ada"), cache.get("eve")) == (None, eve)
