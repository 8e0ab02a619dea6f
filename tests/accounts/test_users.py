"""What an admin may do to users, and the record of it."""

import asyncio

import pytest
import sqlalchemy as sa

from hearthside.accounts.model import Action, Origin, UserStatus
from hearthside.kit.actor import Actor, Role, Scope
from hearthside.kit.db import metadata
from hearthside.kit.errors import Conflict, Forbidden, NotFound
from tests.accounts.house import HOME, PASSWORD, House


async def test_only_admins_do_what_admins_do(house: House) -> None:
    _, ada = await house.signed_in("ada")
    for attempt in (
        house.accounts.users(ada),
        house.accounts.update_user(ada, ada.user_id, role=Role.ADMIN),
        house.accounts.create_invite(ada),
        house.accounts.invites(ada),
        house.accounts.delete_invite(ada, 1),
        house.accounts.audit(ada, before_id=None, limit=10),
    ):
        with pytest.raises(Forbidden) as caught:
            await attempt
        assert caught.value.code == "admin_required"


async def test_an_unknown_user_is_not_found(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    with pytest.raises(NotFound) as caught:
        await house.accounts.update_user(root, 999_999, role=Role.ADMIN)
    assert caught.value.code == "user_not_found"


async def test_the_last_active_admin_stays(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    _, other = await house.signed_in("other", admin=True)
    await house.accounts.update_user(root, other.user_id, status=UserStatus.DISABLED)
    for change in ({"role": Role.USER}, {"status": UserStatus.DISABLED}):
        with pytest.raises(Conflict) as caught:
            await house.accounts.update_user(root, root.user_id, **change)
        assert caught.value.code == "last_admin"
    await house.accounts.update_user(root, other.user_id, status=UserStatus.ACTIVE)
    await house.accounts.update_user(root, root.user_id, role=Role.USER)


async def test_admins_who_demote_each_other_at_once_leave_one(house: House) -> None:
    ring = [(await house.signed_in(f"admin{number}", admin=True))[1] for number in range(8)]

    async def demote(by: Actor, whom: Actor) -> bool:
        try:
            await house.accounts.update_user(by, whom.user_id, role=Role.USER)
        except Conflict:
            return False
        return True

    done = await asyncio.gather(*(demote(by, whom) for by, whom in zip(ring, ring[1:] + ring[:1], strict=True)))
    assert sorted(done) == [False] + [True] * 7


async def test_what_was_done_is_on_record_in_pages(house: House) -> None:
    _, root = await house.signed_in("root", admin=True)
    ada = await house.user("ada")
    at = Origin("203.0.113.5")
    await house.accounts.update_user(root, ada.id, status=UserStatus.DISABLED, origin=at)
    await house.accounts.create_invite(root, origin=at)
    entries = await house.accounts.audit(root, before_id=None, limit=2)
    assert [entry.action for entry in entries] == [Action.INVITE_CREATED, Action.USER_UPDATED]
    assert {(entry.actor_user_id, entry.address) for entry in entries} == {(root.user_id, "203.0.113.5")}
    assert (entries[1].target, entries[1].detail) == (ada.uid, {"status": "active → disabled"})
    older = await house.accounts.audit(root, before_id=entries[-1].id, limit=100)
    assert [entry.action for entry in older] == [Action.USER_CREATED, Action.SIGN_IN, Action.USER_CREATED]


async def test_ids_are_never_given_twice(house: House) -> None:
    """SQLite alone would give the id of a deleted last row again."""
    ada = await house.user("ada")
    async with house.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM user_account"))
    assert (await house.user("eve")).id > ada.id


async def test_no_secret_is_stored(house: House) -> None:
    """Every row of every table is read: what signs somebody in must not be in any of them."""
    bootstrap_token = await house.accounts.prepare_bootstrap()
    assert bootstrap_token is not None
    new = await house.accounts.bootstrap(bootstrap_token, username="root", password=PASSWORD, origin=HOME)
    root = await house.by_cookie(new)
    first = await house.accounts.issue_tokens("root", PASSWORD, origin=HOME)
    second = await house.accounts.refresh(first.refresh_token, origin=HOME)
    api_token, _ = await house.accounts.create_api_token(
        root, name="script", scopes=frozenset({Scope.READ}), expires_in_days=None
    )
    invite_code, _ = await house.accounts.create_invite(root)

    stored = []
    async with house.database.read() as connection:
        for table in metadata.sorted_tables:
            stored += [repr(tuple(row)) for row in await connection.execute(sa.select(table))]
    text = "\n".join(stored)
    assert new.session.uid in text
    pairs = [first.refresh_token, second.refresh_token, first.access_token, second.access_token]
    for secret in (PASSWORD, bootstrap_token, new.cookie, new.csrf_token, api_token, invite_code, *pairs):
        assert secret not in text
