"""Profiles: told, left as they are, cleared, and never another person's."""

import asyncio
from datetime import date
from typing import Any

import pytest

from hearthside.accounts.model import DeletionStatus, ProfileChange
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.errors import Conflict, Forbidden, Invalid, NotFound
from tests.accounts.house import HOME, PASSWORD, House

ALL = ProfileChange(
    full_name="Ada Lovelace",
    username="ada.lovelace",
    bio="Mathematician.\nWriter.",
    date_of_birth=date(1985, 12, 10),
    age=36,
    profession="Analyst",
    heard_from="Charles",
    avatar_url="https://example.org/ada.png",
    survey_completed=True,
    onboarding_responses={"primary_goal": "engines", "interests": ["maths", "ünïcödé \U0001f600"]},
)


async def ada(house: House) -> Actor:
    await house.accounts.sign_up(username="ada", email="ada@example.org", password=PASSWORD, origin=HOME)
    return (await house.sign_in("ada"))[1]


async def test_a_new_user_has_told_nothing(house: House) -> None:
    actor = await ada(house)
    profile = await house.profiles.get(actor)
    assert (profile.uid, profile.email, profile.username) == (actor.user_uid, "ada@example.org", "ada")
    assert {profile.full_name, profile.bio, profile.date_of_birth, profile.age, profile.avatar_url} == {None}
    assert (profile.survey_completed, profile.onboarding_responses) == (False, None)
    assert (profile.deletion_status, profile.deletion_requested_at) == (DeletionStatus.ACTIVE, None)
    assert profile.updated_at == profile.created_at == house.clock.now()


async def test_everything_that_is_told_is_kept(house: House) -> None:
    actor = await ada(house)
    house.clock.advance(60)
    profile = await house.profiles.update(actor, ALL)
    assert profile == await house.profiles.get(actor)
    told = {name: getattr(profile, name) for name in ALL.__dataclass_fields__}
    assert told == {name: getattr(ALL, name) for name in told}
    assert profile.updated_at == house.clock.now() > profile.created_at


async def test_what_is_not_said_stays_and_an_empty_text_clears(house: House) -> None:
    actor = await ada(house)
    before = await house.profiles.update(actor, ALL)
    assert await house.profiles.update(actor, ProfileChange()) == before
    after = await house.profiles.update(actor, ProfileChange(bio=" ", avatar_url="", age=37))
    assert (after.bio, after.avatar_url, after.age) == (None, None, 37)
    assert (after.profession, after.username, after.onboarding_responses) == (
        ALL.profession,
        ALL.username,
        ALL.onboarding_responses,
    )


async def test_a_new_user_name_signs_in_and_the_old_one_does_not(house: House) -> None:
    actor = await ada(house)
    await house.profiles.update(actor, ProfileChange(username="Countess"))
    new, _ = await house.sign_in("countess")
    assert new.user.username == "Countess"
    await house.user("ada")


async def test_a_taken_user_name_is_refused_and_nothing_of_the_change_is_kept(house: House) -> None:
    actor = await ada(house)
    await house.user("Grace")
    with pytest.raises(Conflict) as caught:
        await house.profiles.update(actor, ProfileChange(username="grace", full_name="Somebody", bio="else"))
    assert caught.value.code == "username_exists"
    profile = await house.profiles.get(actor)
    assert (profile.username, profile.full_name, profile.bio) == ("ada", None, None)


async def test_of_many_who_want_a_name_at_once_one_gets_it(house: House) -> None:
    actors = [(await house.signed_in(f"user{number}"))[1] for number in range(6)]
    changes = (house.profiles.update(actor, ProfileChange(username="wanted")) for actor in actors)
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 5


async def test_one_may_write_the_own_name_another_way(house: House) -> None:
    actor = await ada(house)
    assert (await house.profiles.update(actor, ProfileChange(username="ADA"))).username == "ADA"


WRONG: list[dict[str, Any]] = [
    {"full_name": ""},
    {"full_name": "x" * 121},
    {"full_name": "two\nlines"},
    {"username": "ab"},
    {"username": "a b c"},
    {"bio": "x" * 501},
    {"bio": "\x00"},
    {"bio": "\ud800"},
    {"profession": "x" * 121},
    {"heard_from": "x" * 121},
    {"age": 12},
    {"age": 121},
    {"date_of_birth": date(1899, 12, 31)},
    {"date_of_birth": date(2026, 1, 2)},
    {"avatar_url": "javascript:alert(1)"},
    {"avatar_url": "https://"},
    {"avatar_url": "https://example.org/" + "x" * 2000},
    {"avatar_url": "https://example.org/a b"},
    {"onboarding_responses": {"a": "\x00"}},
    {"onboarding_responses": {"a\ud800": 1}},
    {"onboarding_responses": {"a": [{"b": ["\x00"]}]}},
    {"onboarding_responses": {"a": float("nan")}},
    {"onboarding_responses": {"a": "x" * 32_000}},
]


async def test_what_is_wrong_is_said_by_name_and_not_kept(house: House) -> None:
    actor = await ada(house)
    before = await house.profiles.get(actor)
    for wrong in WRONG:
        with pytest.raises(Invalid) as caught:
            await house.profiles.update(actor, ProfileChange(**wrong))
        assert [problem.where for problem in caught.value.fields] == list(wrong), wrong
    assert await house.profiles.get(actor) == before


async def test_the_survey_is_completed_unless_it_says_otherwise(house: House) -> None:
    actor = await ada(house)
    answers = {"primary_goal": "engines"}
    later = ProfileChange(onboarding_responses=answers, survey_completed=False)
    assert not (await house.profiles.onboarding(actor, later)).survey_completed
    profile = await house.profiles.onboarding(actor, ProfileChange(onboarding_responses=answers, age=36))
    assert (profile.survey_completed, profile.onboarding_responses, profile.age) == (True, answers, 36)


async def test_only_ones_own_profile_is_there(house: House) -> None:
    actor = await ada(house)
    other = await house.user("grace")
    assert (await house.profiles.find(actor, actor.user_uid)).user_id == actor.user_id
    for uid in (other.uid, "no such user"):
        with pytest.raises(NotFound) as caught:
            await house.profiles.find(actor, uid)
        assert caught.value.code == "user_not_found"


async def test_a_token_needs_its_scopes(house: House) -> None:
    actor = await ada(house)
    secret, _ = await house.accounts.create_api_token(
        actor, name="reader", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    reader = await house.by_token(secret)
    await house.profiles.get(reader)
    with pytest.raises(Forbidden):
        await house.profiles.update(reader, ProfileChange(age=20))
