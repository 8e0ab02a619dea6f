"""API tokens: what they may do, how long, and how they end."""

from collections.abc import Callable

import pytest

from hearthside.accounts.model import ApiToken
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Actor, Role, Scope
from hearthside.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from tests.accounts.house import House

ALL = frozenset(Scope)
ORDINARY = ALL - {Scope.ADMIN}
DAY = 86_400


async def made(
    house: House, actor: Actor, scopes: frozenset[Scope] = ORDINARY, *, days: int | None = None
) -> tuple[str, ApiToken]:
    return await house.accounts.create_api_token(actor, name="script", scopes=scopes, expires_in_days=days)


async def refused(house: House, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await house.by_token(token)
    return caught.value.code


async def test_a_token_stands_for_its_maker(house: House) -> None:
    _, ada = await house.signed_in("ada")
    secret, token = await made(house, ada, frozenset({Scope.READ, Scope.GENERATE}))
    assert secret.startswith("hs_")
    assert len(secret) == len("hs_") + 43  # 256 bits
    assert token.last_four == secret[-4:]
    actor = await house.by_token(secret)
    assert (actor.user_id, actor.scopes) == (ada.user_id, {Scope.READ, Scope.GENERATE})
    assert await house.resolver.resolve(Credentials(api_key=secret)) == actor


async def test_nothing_but_the_whole_token_counts(house: House) -> None:
    _, ada = await house.signed_in("ada")
    secret, _ = await made(house, ada)
    for wrong in (secret[:-1], secret + "A", secret[:-1] + "!", secret.lower(), "hs_", f"{secret} "):
        assert await refused(house, wrong) == "auth_required"


async def test_no_token_can_do_what_its_maker_may_not(house: House) -> None:
    _, ada = await house.signed_in("ada")
    with pytest.raises(Forbidden):
        await made(house, ada, ALL)
    secret, _ = await made(house, ada, frozenset({Scope.READ, Scope.WRITE}))
    with pytest.raises(Forbidden):
        await made(house, await house.by_token(secret), frozenset({Scope.READ, Scope.GENERATE}))
    with pytest.raises(Invalid):
        await made(house, ada, frozenset())


async def test_an_admins_token_without_the_scope_is_no_admins(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    plain, _ = await made(house, root, ORDINARY)
    full, _ = await made(house, root, ALL)
    await house.accounts.users(await house.by_token(full))
    with pytest.raises(Forbidden) as caught:
        await house.accounts.users(await house.by_token(plain))
    assert caught.value.code == "admin_required"


async def test_an_admins_token_is_an_ordinary_one_when_they_no_longer_are(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    _, ada = await house.signed_in("ada", admin=True)
    secret, _ = await made(house, ada, ALL)
    assert (await house.by_token(secret)).is_admin
    await house.accounts.update_user(root, ada.user_id, role=Role.USER)
    actor = await house.by_token(secret)
    assert (actor.is_admin, actor.scopes) == (False, ORDINARY)


async def test_a_reading_token_changes_nothing_of_the_account(house: House) -> None:
    new, ada = await house.signed_in("ada")
    secret, token = await made(house, ada, frozenset({Scope.READ}))
    reader = await house.by_token(secret)
    await house.accounts.api_tokens(reader)
    for attempt in (
        made(house, reader, frozenset({Scope.READ})),
        house.accounts.revoke_api_token(reader, token.uid),
        house.accounts.end_session(reader, new.session.uid),
        house.accounts.change_password(reader, current="correct horse", new="another password"),
    ):
        with pytest.raises(Forbidden) as caught:
            await attempt
        assert caught.value.code == "scope_missing"


async def test_a_token_expires_even_while_it_is_in_use(house: House) -> None:
    _, ada = await house.signed_in("ada")
    secret, _ = await made(house, ada, days=1)
    house.clock.advance(DAY - 1)
    await house.by_token(secret)
    house.clock.advance(1)
    assert await refused(house, secret) == "session_expired"


async def test_a_token_made_by_a_token_does_not_outlive_it(house: House) -> None:
    _, ada = await house.signed_in("ada")
    secret, parent = await made(house, ada, days=1)
    maker = await house.by_token(secret)
    for days in (None, 30):
        _, child = await made(house, maker, days=days)
        assert child.expires_at == parent.expires_at


async def test_an_expiry_is_within_ten_years(house: House) -> None:
    _, ada = await house.signed_in("ada")
    for days in (0, -1, 3651):
        with pytest.raises(Invalid):
            await made(house, ada, days=days)


async def test_a_revoked_token_is_refused_at_once(house: House) -> None:
    _, ada = await house.signed_in("ada")
    secret, token = await made(house, ada)
    await house.by_token(secret)
    await house.accounts.revoke_api_token(ada, token.uid)
    assert await refused(house, secret) == "auth_required"
    assert await house.accounts.api_tokens(ada) == []


async def test_another_process_believes_a_revoked_token_for_five_seconds_at_most(build: Callable[..., House]) -> None:
    one = build()
    other = build(clock=one.clock)
    _, ada = await one.signed_in("ada")
    secret, token = await made(one, ada)
    await other.by_token(secret)
    await one.accounts.revoke_api_token(ada, token.uid)
    one.clock.advance(5)
    assert await refused(other, secret) == "auth_required"


async def test_tokens_are_seen_and_revoked_by_their_owner_alone(house: House) -> None:
    _, ada = await house.signed_in("ada")
    _, eve = await house.signed_in("eve", admin=True)
    secret, token = await made(house, ada)
    assert await house.accounts.api_tokens(eve) == []
    refusals = set()
    for uid in (token.uid, "0190a5f0-0000-7000-8000-000000000000", "", "\x00", "\ud800", "x" * 100_000):
        with pytest.raises(NotFound) as caught:
            await house.accounts.revoke_api_token(eve, uid)
        refusals.add((caught.value.code, caught.value.message))
    assert len(refusals) == 1
    await house.by_token(secret)


async def test_signing_out_with_a_token_revokes_it(house: House) -> None:
    new, ada = await house.signed_in("ada")
    secret, _ = await made(house, ada)
    assert await house.accounts.sign_out(await house.by_token(secret)) == 1
    assert await refused(house, secret) == "auth_required"
    await house.by_cookie(new)


async def test_a_user_has_a_hundred_tokens_at_most(house: House) -> None:
    _, ada = await house.signed_in("ada")
    for _ in range(100):
        await made(house, ada)
    with pytest.raises(Conflict):
        await made(house, ada)
