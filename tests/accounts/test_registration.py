"""Signing up, and the first admin."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hearthside.accounts.model import NewSession, Origin, User
from hearthside.accounts.policy import AccountPolicy
from hearthside.kit.actor import Role
from hearthside.kit.errors import Conflict, Forbidden, HearthsideError, Invalid, NotFound, RateLimited
from hearthside.kit.secret import Secret
from hearthside.settings import SignUp
from tests.accounts.house import HOME, PASSWORD, House

Build = Callable[..., House]
# Above what a test does at once; how often one may try has tests of its own.
OFTEN = 1000


def invite_only(build: Build) -> House:
    return build(policy=AccountPolicy(sign_up=SignUp.INVITE, sign_in_attempts_per_minute=OFTEN))


async def sign_up(house: House, name: str, **more: Any) -> User:
    return await house.accounts.sign_up(
        **{"username": name, "email": None, "password": PASSWORD, "origin": HOME, **more}
    )


async def codes_of(attempts: list[Awaitable[Any]]) -> tuple[list[Any], set[str]]:
    """What succeeded, and the codes of what did not."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, HearthsideError)]
    succeeded = [result for result in results if not isinstance(result, BaseException)]
    assert len(refused) + len(succeeded) == len(results), results
    return succeeded, {error.code for error in refused}


async def test_an_open_server_takes_anybody_as_an_ordinary_user(house: House) -> None:
    user = await sign_up(house, "Ada", display_name=" Ada Lovelace ")
    assert (user.username, user.display_name, user.role) == ("Ada", "Ada Lovelace", Role.USER)


async def test_a_closed_server_takes_nobody(build: Build) -> None:
    house = build(policy=AccountPolicy(sign_up=SignUp.CLOSED))
    _, admin = await house.signed_in("root", admin=True)
    code, _ = await house.accounts.create_invite(admin)
    with pytest.raises(Forbidden) as caught:
        await sign_up(house, "ada", invite_code=code)
    assert caught.value.code == "sign_up_closed"


@pytest.mark.parametrize("policy", [SignUp.OPEN, SignUp.INVITE])
async def test_a_wrong_invite_is_refused_before_it_costs_anything(build: Build, policy: SignUp) -> None:
    house = build(policy=AccountPolicy(sign_up=policy))
    for code in ("hsi_wrong", "x" * 10_000, "\ud800"):
        with pytest.raises(Invalid) as caught:
            await sign_up(house, "ada", invite_code=code)
        assert caught.value.code == "invalid_invite"
    assert house.hasher.hashed == 0


async def test_an_invite_lets_one_person_in_once(build: Build) -> None:
    house = invite_only(build)
    with pytest.raises(Invalid) as caught:
        await sign_up(house, "ada")
    assert caught.value.code == "invalid_invite"
    _, admin = await house.signed_in("root", admin=True)
    code, invite = await house.accounts.create_invite(admin)
    ada = await sign_up(house, "ada", invite_code=code)
    with pytest.raises(Invalid):
        await sign_up(house, "eve", invite_code=code)
    (listed,) = await house.accounts.invites(admin)
    assert (listed.uid, listed.used_by, listed.used_at) == (invite.uid, ada.id, house.clock.now())


async def test_of_twenty_who_use_an_invite_at_once_one_gets_in(build: Build) -> None:
    house = invite_only(build)
    _, admin = await house.signed_in("root", admin=True)
    code, _ = await house.accounts.create_invite(admin)
    succeeded, refused = await codes_of([sign_up(house, f"user{number}", invite_code=code) for number in range(20)])
    assert (len(succeeded), refused) == (1, {"invalid_invite"})
    assert len(await house.accounts.users(admin)) == 2


async def test_an_invite_expires_and_can_be_taken_back(build: Build) -> None:
    house = invite_only(build)
    _, admin = await house.signed_in("root", admin=True)
    expiring, _ = await house.accounts.create_invite(admin, expires_in_hours=1)
    deleted, invite = await house.accounts.create_invite(admin)
    await house.accounts.delete_invite(admin, invite.id)
    house.clock.advance(3600)
    for code in (expiring, deleted):
        with pytest.raises(Invalid):
            await sign_up(house, "ada", invite_code=code)
    with pytest.raises(NotFound):
        await house.accounts.delete_invite(admin, invite.id)


async def test_an_invite_lives_a_month_at_most(house: House) -> None:
    _, admin = await house.signed_in("root", admin=True)
    for hours in (0, -1, 721):
        with pytest.raises(Invalid):
            await house.accounts.create_invite(admin, expires_in_hours=hours)


async def test_a_taken_name_does_not_cost_the_invite(build: Build) -> None:
    house = invite_only(build)
    _, admin = await house.signed_in("root", admin=True)
    code, _ = await house.accounts.create_invite(admin)
    with pytest.raises(Conflict):
        await sign_up(house, "ROOT", invite_code=code)
    await sign_up(house, "ada", invite_code=code)


async def test_invites_of_somebody_who_is_no_longer_an_admin_are_void(build: Build) -> None:
    house = invite_only(build)
    _, root = await house.signed_in("root", admin=True)
    _, mallory = await house.signed_in("mallory", admin=True)
    code, _ = await house.accounts.create_invite(mallory)
    await house.accounts.update_user(root, mallory.user_id, role=Role.USER)
    with pytest.raises(Invalid):
        await sign_up(house, "ada", invite_code=code)


async def test_names_and_addresses_are_taken_whatever_their_case(house: House) -> None:
    await sign_up(house, "Ada", email="Ada@Example.org")
    with pytest.raises(Conflict) as caught:
        await sign_up(house, "aDA")
    assert caught.value.code == "username_exists"
    with pytest.raises(Conflict) as caught:
        await sign_up(house, "", email=" aDA@eXAMPLE.org ")
    assert caught.value.code == "email_exists"


async def test_of_twenty_who_take_a_name_at_once_one_gets_it(build: Build) -> None:
    house = build(policy=AccountPolicy(sign_up=SignUp.OPEN, sign_in_attempts_per_minute=OFTEN))
    succeeded, refused = await codes_of([sign_up(house, name) for name in ["ada", "ADA"] * 10])
    assert (len(succeeded), refused) == (1, {"username_exists"})


WRONG: list[dict[str, Any]] = [
    {"username": "ab"},
    {"username": "x" * 41},
    {"username": "a b c"},
    {"username": "ada@home"},
    {"username": "ädä"},
    {"username": "ada\n"},
    {"username": "ada\x00"},
    {"username": None},
    {"username": None, "email": "ada"},
    {"username": None, "email": "ada@"},
    {"username": None, "email": "ada@example.org\x00"},
    {"username": None, "email": "\ud800@example.org"},
    {"username": None, "email": "\ufdfa" * 60 + "@example.org"},
    {"display_name": "x" * 121},
    {"display_name": "two\nlines"},
    {"display_name": "\ud800"},
    {"password": "seven77"},
    {"password": "x" * 1025},
]


async def test_what_is_wrong_with_a_new_user_is_said(build: Build) -> None:
    house = build(policy=AccountPolicy(sign_up=SignUp.OPEN, sign_in_attempts_per_minute=OFTEN))
    for wrong in WRONG:
        with pytest.raises(Invalid):
            await sign_up(house, "ada", **wrong)


async def test_a_password_may_be_any_text(house: House) -> None:
    for number, password in enumerate(["x" * 1024, "ünïcödé \U0001f600", "oddity: \ud800\x00", " blanks "]):
        await sign_up(house, f"user{number}", password=password)
        await house.accounts.sign_in(f"user{number}", password, origin=HOME)


async def test_signing_up_is_limited_by_address(house: House) -> None:
    for number in range(10):
        await sign_up(house, f"user{number}")
    with pytest.raises(RateLimited):
        await sign_up(house, "ada")
    await sign_up(house, "ada", origin=Origin("203.0.113.5"))


async def bootstrap(house: House, token: str, name: str = "root") -> NewSession:
    return await house.accounts.bootstrap(token, username=name, password=PASSWORD, origin=HOME)


async def test_the_first_admin_is_made_with_the_token_of_the_first_start(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    assert await house.accounts.prepare_bootstrap() is None
    new = await bootstrap(house, token)
    assert new.user.role is Role.ADMIN
    assert (await house.by_cookie(new)).is_admin
    assert await house.accounts.prepare_bootstrap() is None


async def test_of_processes_that_start_at_once_one_shows_a_token(build: Build) -> None:
    house = build()
    tokens = await asyncio.gather(*(build().accounts.prepare_bootstrap() for _ in range(5)))
    (token,) = [token for token in tokens if token]
    await bootstrap(house, token)


async def test_of_twenty_who_use_the_token_at_once_one_becomes_admin(build: Build) -> None:
    house = build(policy=AccountPolicy(sign_in_attempts_per_minute=OFTEN))
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    succeeded, refused = await codes_of([bootstrap(house, token, f"root{number}") for number in range(20)])
    assert (len(succeeded), refused) == (1, {"bootstrap_disabled"})
    assert len(await house.accounts.users(await house.by_cookie(succeeded[0]))) == 1


async def test_a_wrong_token_makes_nobody(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    for wrong in ("", token[:-1], token + "A", token.upper(), "\ud800"):
        with pytest.raises(Forbidden) as caught:
            await bootstrap(house, wrong)
        assert caught.value.code == "invalid_bootstrap_token"
    await bootstrap(house, token)


async def test_guessing_the_token_is_limited(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    for _ in range(10):
        with pytest.raises(Forbidden):
            await bootstrap(house, "a guess")
    with pytest.raises(RateLimited):
        await bootstrap(house, token)


async def test_an_admin_made_otherwise_voids_the_token(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    await house.user("root", admin=True)
    with pytest.raises(Forbidden) as caught:
        await bootstrap(house, token, "second")
    assert caught.value.code == "bootstrap_disabled"


async def test_a_token_from_the_settings_takes_the_place_of_a_random_one(build: Build) -> None:
    printed = await build().accounts.prepare_bootstrap()
    assert printed is not None
    house = build(policy=AccountPolicy(bootstrap_token=Secret("chosen by the operator")))
    assert await house.accounts.prepare_bootstrap() is None
    with pytest.raises(Forbidden):
        await bootstrap(house, printed)
    await bootstrap(house, "chosen by the operator")


async def test_a_used_token_stays_used_when_its_admin_is_gone(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    await bootstrap(house, token)
    async with house.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM user_account"))
    with pytest.raises(Forbidden) as caught:
        await bootstrap(house, token)
    assert caught.value.code == "invalid_bootstrap_token"
    assert await house.accounts.prepare_bootstrap() is None


async def test_a_mistake_does_not_cost_the_token(house: House) -> None:
    token = await house.accounts.prepare_bootstrap()
    assert token is not None
    await house.user("taken")
    with pytest.raises(Conflict):
        await bootstrap(house, token, "taken")
    await bootstrap(house, token)


async def test_the_first_to_sign_up_is_no_admin(house: House) -> None:
    assert (await sign_up(house, "ada")).role is Role.USER
