"""Signing in with a password, and guessing one."""

from collections.abc import Callable

import pytest

from hearthside.accounts.model import Action, Origin, UserStatus
from hearthside.accounts.passwords import NOBODYS_HASH, QuickHasher
from hearthside.accounts.resolver import Credentials
from hearthside.kit.errors import RateLimited, Unauthenticated
from tests.accounts.house import HOME, PASSWORD, House

PER_MINUTE = 10


async def refusal(house: House, login: str, password: str, *, origin: Origin = HOME) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await house.accounts.sign_in(login, password, origin=origin)
    return caught.value


async def test_a_session_starts_with_the_right_password(house: House) -> None:
    ada = await house.user("Ada")
    new, actor = await house.sign_in("Ada")
    assert (new.user.id, actor.user_id, actor.user_uid) == (ada.id, ada.id, ada.uid)
    assert new.user.last_login_at == house.clock.now()
    assert (new.session.address, new.session.user_agent) == (HOME.address, HOME.user_agent)


async def test_case_does_not_tell_logins_apart(house: House) -> None:
    ada = await house.accounts.sign_up(username="Ada", email="Ada@example.org", password=PASSWORD, origin=HOME)
    for login in ("Ada", "ada", "ADA", "ada@example.org", "Ada@Example.ORG", " ada "):
        assert (await house.accounts.sign_in(login, PASSWORD, origin=HOME)).user.uid == ada.uid


async def test_an_unknown_user_costs_and_says_the_same_as_a_wrong_password(house: House) -> None:
    await house.user("ada")
    wrong = await refusal(house, "ada", "a wrong password")
    assert (wrong.code, len(house.hasher.verified)) == ("invalid_credentials", 1)
    for login in ("nobody", "nobody@example.org", "", "\x00", "\ud800", "a b", "x" * 100_000):
        house.hasher.verified.clear()
        unknown = await refusal(house, login, "a wrong password")
        assert house.hasher.verified == [NOBODYS_HASH], login
        assert (unknown.code, unknown.message) == (wrong.code, wrong.message)


async def test_only_who_knows_the_password_hears_that_an_account_is_disabled(house: House) -> None:
    ada = await house.user("ada")
    _, admin = await house.signed_in("root", admin=True)
    await house.accounts.update_user(admin, ada.id, status=UserStatus.DISABLED)
    assert (await refusal(house, "ada", "a wrong password")).code == "invalid_credentials"
    assert (await refusal(house, "ada", PASSWORD)).code == "user_inactive"


async def test_tries_from_one_address_are_limited_whatever_they_try(house: House) -> None:
    await house.user("ada")
    for number in range(PER_MINUTE):
        await refusal(house, f"user{number}", "a wrong password")
    house.hasher.verified.clear()
    with pytest.raises(RateLimited) as caught:
        await house.accounts.sign_in("ada", PASSWORD, origin=HOME)
    assert house.hasher.verified == []
    house.clock.advance(caught.value.retry_after_seconds or 0)
    await house.accounts.sign_in("ada", PASSWORD, origin=HOME)


async def test_one_ipv6_customer_counts_once(house: House) -> None:
    for number in range(PER_MINUTE):
        await refusal(house, f"user{number}", "a wrong password", origin=Origin(f"2001:db8:1:2::{number:x}"))
    with pytest.raises(RateLimited):
        await house.accounts.sign_in("ada", PASSWORD, origin=Origin("2001:db8:1:2:ffff::1"))
    await refusal(house, "ada", PASSWORD, origin=Origin("2001:db8:1:3::1"))


async def test_tries_on_one_account_from_many_addresses_are_limited(house: House) -> None:
    await house.user("ada")
    for number in range(PER_MINUTE):
        await refusal(house, "ada", "a wrong password", origin=Origin(f"198.51.100.{number}"))
    with pytest.raises(RateLimited):
        await house.accounts.sign_in("ada", PASSWORD, origin=Origin("198.51.100.250"))


async def test_strangers_cannot_lock_a_person_out_where_they_signed_in_before(house: House) -> None:
    await house.signed_in("ada")
    for number in range(PER_MINUTE - 1):
        await refusal(house, "ada", "a wrong password", origin=Origin(f"198.51.100.{number}"))
    with pytest.raises(RateLimited):
        await house.accounts.sign_in("ada", "a wrong password", origin=Origin("198.51.100.250"))
    new, _ = await house.sign_in("ada", origin=HOME)
    assert new.user.username == "ada"


async def test_a_failure_is_on_record_without_what_was_typed(house: House) -> None:
    ada = await house.user("ada")
    await refusal(house, "ada", "a wrong password")
    await refusal(house, "my-secret-password", "a wrong password")
    _, admin = await house.signed_in("root", admin=True)
    entries = await house.accounts.audit(admin, before_id=None, limit=100)
    failures = [entry for entry in entries if entry.action == Action.SIGN_IN_FAILED]
    assert [entry.target for entry in failures] == ["", ada.uid]
    assert {entry.address for entry in failures} == {HOME.address}
    assert "my-secret-password" not in repr(entries)


class OvertakenHasher(QuickHasher):
    """Lets something happen between the moment a password is found right and the moment a session starts."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None

    async def verify(self, password: str, hashed: str) -> bool:
        right = await super().verify(password, hashed)
        if self.meanwhile is not None:
            then, self.meanwhile = self.meanwhile, None
            await then()
        return right


async def test_a_password_change_ends_even_the_session_that_is_about_to_start(build: Callable[..., House]) -> None:
    hasher = OvertakenHasher()
    house = build(hasher=hasher)
    await house.user("ada")
    hasher.meanwhile = lambda: house.accounts.operator.reset_password("ada", "another password")
    with pytest.raises(Unauthenticated):
        await house.accounts.sign_in("ada", PASSWORD, origin=HOME)


async def test_a_user_disabled_while_signing_in_gets_no_session(build: Callable[..., House]) -> None:
    hasher = OvertakenHasher()
    house = build(hasher=hasher)
    ada = await house.user("ada")
    _, admin = await house.signed_in("root", admin=True)
    hasher.meanwhile = lambda: house.accounts.update_user(admin, ada.id, status=UserStatus.DISABLED)
    assert (await refusal(house, "ada", PASSWORD)).code == "user_inactive"


async def test_every_sign_in_has_an_id_of_its_own(house: House) -> None:
    first, _ = await house.signed_in("ada")
    second, _ = await house.sign_in("ada")
    assert first.cookie != second.cookie
    assert first.session.uid != second.session.uid
    assert (await house.resolver.resolve(Credentials(cookie=first.cookie))).credential_id == first.session.id
