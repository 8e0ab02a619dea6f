"""Saved models: imported, one of them the default, deleted; and never anybody else's."""

import asyncio
from datetime import datetime

import pytest
import sqlalchemy as sa

from hearthside.kit.actor import Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Forbidden, Invalid, NotFound, Unavailable, UpstreamTimeout
from hearthside.models import store
from hearthside.models.model import ModelSettings, SavedModel, Selection
from hearthside.models.saved import SavedModels
from hearthside.models.store import model_default, saved_model
from hearthside.providers.changes import ProviderChange
from tests.models.conftest import MakeHouse
from tests.models.house import ANNA, BEN, KEY, LAB, House, Silence, actor, model

AWAY = Unavailable("away", code="provider_unreachable")


class Stopped(Exception):
    """What was under way ends here."""


class StoppedClock(ManualClock):
    """Whoever asks it for the time gets no further: the new default is written by then, and not committed."""

    def now(self) -> datetime:
        raise Stopped


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house({"shop": [model("a", "Model A", about="The first."), model("b"), model("c")], "lab": []})


async def saved(house: House, *names: str, provider_id: str = "shop") -> list[SavedModel]:
    return list(await house.saved.import_(ANNA, provider_id, selections=[Selection(name) for name in names]))


async def defaults(house: House) -> list[str]:
    return [one.model for one in await house.saved.list(ANNA) if one.is_default]


async def test_all_that_a_provider_lists(house: House) -> None:
    imported = await house.saved.import_(ANNA, "shop")
    assert [one.model for one in imported] == ["a", "b", "c"]
    first = imported[0]
    assert (first.name, first.display_name, first.description) == ("Model A", "Model A", "The first.")
    assert (first.settings, first.is_default, first.is_active) == (ModelSettings(), False, True)
    assert (first.settings.temperature, first.settings.max_tokens, first.settings.top_p) == (0.7, 2048, 1)
    assert await house.saved.list(ANNA) == imported
    assert await house.saved.get(ANNA, first.uid) == first


async def test_some_of_them_in_the_order_named(house: House) -> None:
    assert [one.model for one in await saved(house, "c", "a", "c")] == ["c", "a"]
    assert await saved(house) == []


async def test_importing_again_changes_what_is_there(house: House) -> None:
    (before,) = await saved(house, "a")
    house.clock.advance(60)
    named = [Selection("a", name="My A", description="Mine.")]
    (after,) = await house.saved.import_(ANNA, "shop", selections=named, settings={"temperature": 0.1})
    assert (after.id, after.uid, after.created_at) == (before.id, before.uid, before.created_at)
    assert (after.name, after.description, after.settings) == ("My A", "Mine.", ModelSettings(temperature=0.1))
    assert after.updated_at > before.updated_at
    (again, *_) = await house.saved.import_(ANNA, "shop")
    assert (again.name, again.settings.temperature, again.is_default) == ("My A", 0.1, False), (
        "not said, so not changed"
    )
    assert len(await house.saved.list(ANNA)) == 3


async def test_importing_again_leaves_the_default(house: House) -> None:
    (one,) = await saved(house, "a")
    await house.saved.set_default(ANNA, one.uid)
    await house.saved.import_(ANNA, "shop")
    assert await defaults(house) == ["a"]


async def test_settings_are_laid_over_all(house: House) -> None:
    settings = {"temperature": 1, "system_prompt": "Be kind.", "metadata": {"a": [1]}, "additional_params": {"k": None}}
    imported = await house.saved.import_(ANNA, "shop", settings=settings)
    expected = ModelSettings(1, system_prompt="Be kind.", metadata={"a": [1]}, additional_params={"k": None})
    assert [one.settings for one in imported] == [expected] * 3
    assert (await house.saved.list(ANNA))[0].settings == expected
    (one,) = await house.saved.import_(ANNA, "shop", selections=[Selection("a")], settings={"system_prompt": None})
    assert (one.settings.system_prompt, one.settings.temperature) == (None, 1)


async def test_a_model_that_is_not_on_the_list(house: House) -> None:
    (one,) = await saved(house, "unlisted", provider_id="lab")
    assert (one.name, one.display_name, one.description) == ("unlisted", None, None)


async def test_a_provider_that_does_not_answer(house: House) -> None:
    house.lists.lists["shop"] = AWAY
    assert [one.model for one in await saved(house, "a")] == ["a"]
    with pytest.raises(Unavailable) as raised:
        await house.saved.import_(ANNA, "shop")
    assert raised.value.code == "provider_unreachable"


async def test_a_provider_that_says_nothing_is_not_waited_for(house: House) -> None:
    house.lists.lists["shop"] = Silence()
    with pytest.raises(UpstreamTimeout):
        await house.saved.import_(ANNA, "shop")


async def test_a_provider_that_no_longer_answers_is_taken_at_its_last_word(house: House) -> None:
    await house.catalogue.offer(ANNA.user_id)
    house.lists.lists["shop"] = AWAY
    assert [one.model for one in await house.saved.import_(ANNA, "shop")] == ["a", "b", "c"]


async def test_with_sync_the_provider_is_asked_now(house: House) -> None:
    await house.catalogue.offer(ANNA.user_id)
    house.lists.lists["shop"] = [model("new")]
    assert [one.model for one in await house.saved.import_(ANNA, "shop", sync=False)] == ["a", "b", "c"]
    assert [one.model for one in await house.saved.import_(ANNA, "shop")] == ["new"]


async def test_without_sync_a_provider_never_asked_is_asked(house: House) -> None:
    assert len(await house.saved.import_(ANNA, "shop", sync=False)) == 3


async def test_a_provider_that_is_switched_off(house: House) -> None:
    await house.directory.configure(ANNA.user_id, "groq", api_key=KEY)
    await house.directory.update(ANNA.user_id, "groq", ProviderChange(is_active=False))
    with pytest.raises(Invalid) as raised:
        await saved(house, "fast", provider_id="groq")
    assert raised.value.code == "provider_inactive"
    with pytest.raises(Invalid) as raised:
        await saved(house, "fast", provider_id="nobody")
    assert raised.value.code == "provider_not_found"


async def test_a_saved_model_says_what_its_provider_is_now(house: House) -> None:
    config = await house.directory.configure(ANNA.user_id, "groq", api_key=KEY)
    (one,) = await saved(house, "fast", provider_id="groq")
    assert (one.provider_uid, one.base_url, one.is_active) == (config.uid, "https://api.groq.com/openai/v1", True)
    await house.directory.update(ANNA.user_id, "groq", ProviderChange(is_active=False))
    assert not (await house.saved.get(ANNA, one.uid)).is_active
    (own,) = await saved(house, "a")
    assert (own.provider_uid, own.base_url, own.is_active) == (None, None, True), "the server's address is the server's"


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 2.1},
        {"temperature": "warm"},
        {"temperature": float("nan")},
        {"temperature": True},
        {"top_p": -0.1},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"frequency_penalty": -3},
        {"presence_penalty": 2.5},
        {"system_prompt": 5},
        {"metadata": []},
        {"nonsense": 1},
    ],
)
async def test_settings_that_cannot_be(house: House, settings: dict[str, object]) -> None:
    with pytest.raises(Invalid) as raised:
        await house.saved.import_(ANNA, "shop", settings=settings)
    assert [problem.where for problem in raised.value.fields] == [f"body.settings.{name}" for name in settings]
    assert await house.saved.list(ANNA) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 301, "a\0b", "\ud800"])
async def test_names_that_cannot_be(house: House, name: str) -> None:
    with pytest.raises(Invalid):
        await saved(house, name)


async def test_what_a_database_cannot_hold_is_made_so_that_it_can(house: House) -> None:
    house.lists.lists["shop"] = [model("a", "A\0B" + "x" * 400, about="half \ud83d"), model("m" * 400)]
    (one,) = await house.saved.import_(ANNA, "shop", settings={"system_prompt": "a\0", "metadata": {"k\0": "\ud83d"}})
    assert (one.name, one.description) == ("ABx" + "x" * 297, "half \ufffd")
    assert (one.settings.system_prompt, one.settings.metadata) == ("a", {"k": "\ufffd"})


async def test_exactly_one_is_the_default(house: House) -> None:
    a, b, _ = await house.saved.import_(ANNA, "shop")
    assert await house.saved.default_of(ANNA.user_id) is None
    assert (await house.saved.set_default(ANNA, a.uid)).is_default
    chosen = await house.saved.set_default(ANNA, b.uid)
    assert await defaults(house) == ["b"]
    assert await house.saved.default_of(ANNA.user_id) == chosen
    assert await house.saved.default_of(BEN.user_id) is None


async def test_fifty_at_once_leave_one_default(house: House) -> None:
    house.lists.lists["shop"] = [model(f"m{number}") for number in range(50)]
    imported = await house.saved.import_(ANNA, "shop")
    answers = await asyncio.gather(*(house.saved.set_default(ANNA, one.uid) for one in imported))
    assert all(answer.is_default for answer in answers), "each one won for a moment"
    assert len(await defaults(house)) == 1


async def test_defaults_set_while_others_are_deleted(house: House) -> None:
    """Whoever comes late finds nothing, and there is never a default that is not there, nor none at all."""
    house.lists.lists["shop"] = [model(f"m{number}") for number in range(20)]
    imported = await house.saved.import_(ANNA, "shop")
    await house.saved.set_default(ANNA, imported[0].uid)
    doomed, kept = imported[:10], imported[10:]
    outcomes = await asyncio.gather(
        *(house.saved.delete(ANNA, one.uid) for one in doomed),
        *(house.saved.set_default(ANNA, one.uid) for one in [*doomed, *kept]),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} <= {NotFound}
    assert len(await house.saved.list(ANNA)) == 10
    assert len(await defaults(house)) == 1


async def test_one_that_is_being_made_the_default_is_deleted(house: House, database: Database) -> None:
    a, _ = await saved(house, "a", "b")
    async with database.write() as connection:
        await store.lock_user(connection, ANNA.user_id)
        await store.set_default(connection, ANNA.user_id, a.id)
        deletion = asyncio.create_task(house.saved.delete(ANNA, a.uid))
        for _ in range(20):
            await house.saved.list(ANNA)  # time enough to look too early, for one that does not wait
    await deletion
    assert await defaults(house) == ["b"]


async def test_a_set_default_that_fails_leaves_the_old_one(house: House) -> None:
    a, b, _ = await house.saved.import_(ANNA, "shop")
    (bens,) = await house.saved.import_(BEN, "shop", selections=[Selection("a")])
    await house.saved.set_default(ANNA, a.uid)
    for uid in (bens.uid, "nobody"):
        with pytest.raises(NotFound) as raised:
            await house.saved.set_default(ANNA, uid)
        assert raised.value.code == "saved_model_not_found"
    await house.saved.delete(ANNA, b.uid)
    with pytest.raises(NotFound):
        await house.saved.set_default(ANNA, b.uid)
    assert await defaults(house) == ["a"]
    assert await house.saved.default_of(BEN.user_id) is None


async def test_a_set_default_that_breaks_off_halfway_leaves_the_old_one(house: House, database: Database) -> None:
    a, b, _ = await house.saved.import_(ANNA, "shop")
    await house.saved.set_default(ANNA, a.uid)
    broken = SavedModels(database, StoppedClock(), house.directory, house.catalogue)
    with pytest.raises(Stopped):
        await broken.set_default(ANNA, b.uid)
    assert await defaults(house) == ["a"]


async def test_the_most_recently_used_other_one_follows_a_deleted_default(house: House) -> None:
    a, b, c = await house.saved.import_(ANNA, "shop")
    for one in (a, c, b):
        house.clock.advance(60)
        await house.saved.touch(ANNA.user_id, "shop", one.model)
    house.clock.advance(60)
    await house.saved.set_default(ANNA, a.uid)
    await house.saved.delete(ANNA, a.uid)
    assert await defaults(house) == ["b"]
    await house.saved.delete(ANNA, b.uid)
    assert await defaults(house) == ["c"]
    await house.saved.delete(ANNA, c.uid)
    assert await house.saved.default_of(ANNA.user_id) is None


async def test_deleting_another_one_leaves_the_default(house: House) -> None:
    a, b, c = await house.saved.import_(ANNA, "shop")
    await house.saved.delete(ANNA, c.uid)
    assert await defaults(house) == [], "nobody wanted one"
    await house.saved.set_default(ANNA, a.uid)
    await house.saved.delete(ANNA, b.uid)
    assert await defaults(house) == ["a"]


async def test_a_use_of_what_is_not_saved_is_no_error(house: House) -> None:
    await house.saved.touch(ANNA.user_id, "shop", "never-saved")


async def test_another_persons_are_not_there(house: House) -> None:
    (one,) = await saved(house, "a")
    for act in (house.saved.get, house.saved.delete, house.saved.set_default):
        with pytest.raises(NotFound):
            await act(BEN, one.uid)
    assert await house.saved.list(BEN) == []
    assert await house.saved.get(ANNA, one.uid) == one


async def test_a_token_that_may_only_read(house: House) -> None:
    (one,) = await saved(house, "a")
    reader = actor(ANNA.user_id, Scope.READ)
    assert await house.saved.get(reader, one.uid) == one
    with pytest.raises(Forbidden):
        await house.saved.import_(reader, "shop")
    for act in (house.saved.delete, house.saved.set_default):
        with pytest.raises(Forbidden):
            await act(reader, one.uid)


async def test_erasing_leaves_nothing_of_the_user(house: House, database: Database) -> None:
    for someone in (ANNA, BEN):
        (one,) = await house.saved.import_(someone, "shop", selections=[Selection("a")])
        await house.saved.set_default(someone, one.uid)
    async with database.write() as connection:
        await house.saved.erase(connection, ANNA.user_id)
        await house.saved.erase(connection, ANNA.user_id)
        for table in (saved_model, model_default):
            assert list(await connection.scalars(sa.select(table.c.user_id))) == [BEN.user_id]


async def test_the_server_of_a_shared_name_serves_while_ones_own_is_off(house: House) -> None:
    await house.directory.configure(ANNA.user_id, LAB.provider_id, api_key=KEY, base_url=LAB.base_url)
    await house.directory.update(ANNA.user_id, LAB.provider_id, ProviderChange(is_active=False))
    assert [one.model for one in await saved(house, "x", provider_id="lab")] == ["x"]
