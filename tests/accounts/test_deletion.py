"""Asking for the deletion of one's account: what ends at once, and how it comes back."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from hearthside.accounts.model import AccountStatus, Action, Cancelled, DeletionStatus, UserStatus
from hearthside.accounts.passwords import QuickHasher
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Scope
from hearthside.kit.errors import Conflict, HearthsideError, Unauthenticated
from tests.accounts.house import HOME, PASSWORD, House

GRACE = timedelta(days=30)


async def refused(house: House, credentials: Credentials) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await house.resolver.resolve(credentials)
    return caught.value.code


async def test_day_zero_ends_every_way_in_at_once(house: House) -> None:
    new, actor = await house.signed_in("ada")
    other, _ = await house.sign_in("ada")
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    secret, _ = await house.accounts.create_api_token(
        actor, name="program", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    ways = [
        Credentials(cookie=new.cookie),
        Credentials(cookie=other.cookie),
        Credentials(bearer=pair.access_token),
        Credentials(bearer=secret),
    ]
    for way in ways:
        await house.resolver.resolve(way)
    state = await house.deletion.request(actor, origin=HOME)
    assert (state.requested_at, state.scheduled_for) == (house.clock.now(), house.clock.now() + GRACE)
    assert [await refused(house, way) for way in ways] == ["session_expired"] * 3 + ["auth_required"]
    with pytest.raises(Unauthenticated):
        await house.accounts.refresh(pair.refresh_token, origin=HOME)


async def test_what_runs_is_stopped_in_the_same_transaction_and_told_after_it(house: House) -> None:
    _, actor = await house.signed_in("ada")
    await house.deletion.request(actor)
    assert house.runner.asked == house.runner.told == [actor.user_id]


async def test_what_cannot_be_stopped_keeps_the_account_as_it_was(house: House) -> None:
    new, actor = await house.signed_in("ada")

    async def refuse(connection: object, user_id: int) -> Callable[[], None]:
        raise Conflict("not now")

    house.runner.stop_all = refuse  # type: ignore[method-assign] - the port is the test's own
    with pytest.raises(Conflict):
        await house.deletion.request(actor)
    assert house.runner.told == []
    assert (await house.by_cookie(new)).user_id == actor.user_id
    assert (await house.profiles.get(actor)).deletion_status is DeletionStatus.ACTIVE


async def test_signing_in_brings_the_account_back_and_says_so(house: House) -> None:
    for sign_in in (house.accounts.sign_in, house.accounts.issue_tokens):
        name = sign_in.__name__.replace("_", "-")
        _, actor = await house.signed_in(name)
        state = await house.deletion.request(actor)
        house.clock.advance(timedelta(days=29).total_seconds())
        back = await sign_in(name, PASSWORD, origin=HOME)
        status = back.account_status
        assert status == AccountStatus(canceled=state)
        assert (status.deletion_scheduled, status.deletion_scheduled_for) == (False, None)
        assert status.deletion_canceled
        assert status.previous_deletion_requested_at == state.requested_at
        assert status.previous_deletion_scheduled_for == state.scheduled_for
        assert back.user.deletion is None
        again = await sign_in(name, PASSWORD, origin=HOME)
        assert again.account_status == AccountStatus()


async def test_a_refresh_says_that_nothing_is_scheduled(house: House) -> None:
    await house.user("ada")
    pair = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    assert (await house.accounts.refresh(pair.refresh_token, origin=HOME)).account_status == AccountStatus()


async def test_a_wrong_password_brings_nothing_back(house: House) -> None:
    _, actor = await house.signed_in("ada")
    await house.deletion.request(actor)
    with pytest.raises(Unauthenticated):
        await house.accounts.sign_in("ada", "a wrong password", origin=HOME)
    new = await house.accounts.sign_in("ada", PASSWORD, origin=HOME)
    assert new.account_status.deletion_canceled


async def test_cancelling_by_hand(house: House) -> None:
    _, actor = await house.signed_in("ada")
    state = await house.deletion.request(actor)
    # Somebody whose request was under way when the sessions ended.
    assert await house.deletion.cancel(actor) == Cancelled(
        canceled=True, previous_requested_at=state.requested_at, previous_scheduled_for=state.scheduled_for
    )
    assert await house.deletion.cancel(actor) == Cancelled(canceled=False)


async def test_asked_twice_the_first_request_stands(house: House) -> None:
    _, actor = await house.signed_in("ada")
    first = await house.deletion.request(actor)
    house.clock.advance(3600)
    assert await house.deletion.request(actor) == first
    entries = await audit(house)
    assert entries.count(Action.DELETION_REQUESTED) == 1


async def test_the_last_admin_has_to_make_another_one_first(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    with pytest.raises(Conflict) as caught:
        await house.deletion.request(root)
    assert caught.value.code == "last_admin"
    await house.user("second", admin=True)
    await house.deletion.request(root)


async def test_an_admin_who_goes_counts_no_more(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    second, other = await house.signed_in("second", admin=True)
    await house.deletion.request(root)
    with pytest.raises(Conflict):
        await house.accounts.update_user(other, second.user.id, status=UserStatus.DISABLED)


async def test_of_two_admins_who_go_at_once_one_stays(house: House) -> None:
    actors = [(await house.signed_in(name, admin=True))[1] for name in ("ada", "grace")]
    results = await asyncio.gather(*(house.deletion.request(actor) for actor in actors), return_exceptions=True)
    assert sum(isinstance(result, HearthsideError) for result in results) == 1


async def test_unused_invites_go_with_their_maker(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    _, other = await house.signed_in("second", admin=True)
    await house.accounts.create_invite(root)
    await house.deletion.request(root)
    assert await house.accounts.invites(other) == []


class OvertakenHasher(QuickHasher):
    """Lets a deletion happen between the moment a password is found right and the moment a session starts."""

    meanwhile: Callable[[], object] | None = None

    async def verify(self, password: str, hashed: str) -> bool:
        right = await super().verify(password, hashed)
        if self.meanwhile is not None:
            then, self.meanwhile = self.meanwhile, None
            await then()
        return right


async def test_a_sign_in_that_overtakes_the_request_keeps_the_account(build: Callable[..., House]) -> None:
    hasher = OvertakenHasher()
    house = build(hasher=hasher)
    _, actor = await house.signed_in("ada")
    hasher.meanwhile = lambda: house.deletion.request(actor)
    new, _ = await house.sign_in("ada")
    assert new.account_status.deletion_canceled


async def test_it_is_all_on_record(house: House) -> None:
    _, actor = await house.signed_in("ada")
    await house.deletion.request(actor, origin=HOME)
    await house.sign_in("ada")
    entries = await audit(house)
    assert entries.index(Action.DELETION_CANCELED) < entries.index(Action.DELETION_REQUESTED)


async def audit(house: House) -> list[str]:
    _, root = await house.signed_in("the-auditor", admin=True)
    return [entry.action for entry in await house.accounts.audit(root, before_id=None, limit=100)]
