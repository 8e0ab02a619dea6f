"""What there is to choose from, and what is chosen where nobody says."""

import asyncio
from decimal import Decimal

import pytest

from hearthside.gateway.model import ModelInfo
from hearthside.kit.errors import Invalid, Unavailable
from hearthside.models.catalogue import Catalogue
from hearthside.models.model import Offer, Selection
from hearthside.models.shelves import FRESH_SECONDS, RETRY_SECONDS
from hearthside.providers.changes import ProviderChange
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.usage.model import ModelFacts, TokenPrices
from tests.models.conftest import MakeHouse
from tests.models.house import ANNA, BEN, CHEAP, DEAR, KEY, LAB, SHOP, House, Silence, model

AWAY = Unavailable("away", code="provider_unreachable")
ANNAS, BENS = ANNA.user_id, BEN.user_id


def ids(offer: Offer) -> list[str]:
    return [f"{listed.provider_id}/{listed.info.id}" for listed in offer.models]


async def only(catalogue: Catalogue) -> ModelInfo:
    (listed,) = (await catalogue.offer(ANNAS)).models
    return listed.info


async def test_every_provider_is_in_it(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a"), model("b")], "lab": [model("c")]})
    assert await house.catalogue.offer(ANNAS) == Offer(
        models=(await house.catalogue.offer_of(ANNAS, "shop")).models
        + (await house.catalogue.offer_of(ANNAS, "lab")).models
    )
    assert ids(await house.catalogue.offer(ANNAS)) == ["shop/a", "shop/b", "lab/c"]


async def test_ones_own_providers_are_ones_own(make_house: MakeHouse) -> None:
    house = make_house({"groq": [model("fast")]}, server=[])
    await house.directory.configure(ANNAS, "groq", api_key=KEY)
    assert ids(await house.catalogue.offer(ANNAS)) == ["groq/fast"]
    assert await house.catalogue.offer(BENS) == Offer()
    assert await house.catalogue.offer_of(BENS, "groq") == Offer()


@pytest.mark.parametrize("query", ["NANO", "swift", "Vendor/X", "straße", "  nano "])
async def test_a_search_looks_at_names_ids_and_descriptions_whatever_the_case(
    make_house: MakeHouse, query: str
) -> None:
    wanted = model("vendor/x-1", "Nano", about="A SWIFT model from the STRASSE")
    house = make_house({"shop": [model("other", "Other", about="slow"), wanted]})
    assert ids(await house.catalogue.offer(ANNAS, query=query)) == ["shop/vendor/x-1"]
    assert ids(await house.catalogue.offer_of(ANNAS, "shop", query=query)) == ["shop/vendor/x-1"]


async def test_a_search_for_nothing_finds_everything(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a"), model("b")]})
    assert ids(await house.catalogue.offer(ANNAS, query=" ")) == ["shop/a", "shop/b"]


async def test_a_provider_that_fails_is_left_out_and_named(make_house: MakeHouse) -> None:
    house = make_house({"shop": AWAY, "lab": [model("c")]})
    offer = await house.catalogue.offer(ANNAS)
    assert (ids(offer), offer.incomplete) == (["lab/c"], ("shop",))
    assert (await house.catalogue.offer_of(ANNAS, "shop")).incomplete == ("shop",)


async def test_nobody_waits_on_a_provider_that_says_nothing(make_house: MakeHouse) -> None:
    silence = Silence([model("late")])
    house = make_house({"shop": silence, "lab": [model("c")]})
    offer = await house.catalogue.offer(ANNAS)
    assert (ids(offer), offer.incomplete) == (["lab/c"], ("shop",))
    silence.over.set()
    while (await house.catalogue.offer(ANNAS)).incomplete:
        await asyncio.sleep(0)
    assert ids(await house.catalogue.offer(ANNAS)) == ["shop/late", "lab/c"]
    assert house.lists.asked.count("shop") == 1, "the answer that came late was not thrown away"


async def test_a_provider_that_dies_is_left_out_once_that_is_known(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a")], "lab": [model("c")]})
    await house.catalogue.offer(ANNAS)
    silence = house.lists.lists["shop"] = Silence(AWAY)
    house.clock.advance(FRESH_SECONDS)
    assert ids(await house.catalogue.offer(ANNAS)) == ["shop/a", "lab/c"], "asked in the background"
    silence.over.set()
    while not (offer := await house.catalogue.offer(ANNAS)).incomplete:
        await asyncio.sleep(0)
    assert (ids(offer), offer.incomplete) == (["lab/c"], ("shop",))


async def test_a_listing_is_remembered_and_a_failure_is_tried_again_sooner(make_house: MakeHouse) -> None:
    house = make_house({"shop": AWAY, "lab": [model("c")]})
    await house.catalogue.offer(ANNAS)
    await house.catalogue.offer(ANNAS)
    assert sorted(house.lists.asked) == ["lab", "shop"]
    house.clock.advance(RETRY_SECONDS)
    await house.catalogue.offer(ANNAS)
    await asyncio.sleep(0)
    assert sorted(house.lists.asked) == ["lab", "shop", "shop"]


async def test_prices_and_limits_are_filled_in(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a")]}, facts={"a": ModelFacts(128_000, CHEAP)}, server=[SHOP])
    found = await only(house.catalogue)
    assert (found.capabilities.max_context_tokens, found.max_output_tokens, found.prices) == (128_000, 9, CHEAP)


async def test_the_provider_knows_better(make_house: MakeHouse) -> None:
    free = TokenPrices(Decimal(0), Decimal(0))
    listed = model("a", context=4096, prices=free)
    house = make_house({"shop": [listed]}, facts={"a": ModelFacts(128_000, DEAR)}, server=[SHOP])
    assert await only(house.catalogue) == listed


async def test_what_nobody_knows_is_unknown(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a")]}, server=[SHOP])
    found = await only(house.catalogue)
    assert (found.capabilities.max_context_tokens, found.prices) == (None, None)


async def test_prices_are_looked_up_once_for_a_listing(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a")]}, server=[SHOP])
    for _ in range(3):
        await house.catalogue.offer(ANNAS)
    assert house.facts.asked == [SHOP.base_url]
    house.clock.advance(FRESH_SECONDS)
    await house.catalogue.offer(ANNAS)
    await asyncio.sleep(0)
    await house.catalogue.offer(ANNAS)
    assert house.facts.asked == [SHOP.base_url] * 2


@pytest.mark.parametrize("protocol", [WireProtocol.OLLAMA, WireProtocol.LOCAL])
async def test_a_machine_of_ones_own_has_no_prices(make_house: MakeHouse, protocol: WireProtocol) -> None:
    home = Endpoint("home", "Home", protocol, "https://home.example", None, trusted=True)
    house = make_house({"home": [model("a")]}, facts={"a": ModelFacts(1, DEAR)}, server=[home])
    assert (await only(house.catalogue)).prices is None
    assert house.facts.asked == []


async def test_the_users_default_comes_first(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a"), model("b")], "lab": [model("c")]}, default="lab/c")
    assert await house.catalogue.choose(ANNAS, None, None) == ("lab", "c")
    await set_default(house, "shop", "b")
    assert await house.catalogue.choose(ANNAS, None, None) == ("shop", "b")
    assert await house.catalogue.choose(BENS, None, None) == ("lab", "c")


async def test_a_model_that_is_named_comes_before_the_default(make_house: MakeHouse) -> None:
    house = make_house({"shop": [model("a"), model("b")], "lab": [model("c")]})
    await set_default(house, "shop", "b")
    assert await house.catalogue.choose(ANNAS, None, "c") == ("lab", "c")
    assert await house.catalogue.choose(ANNAS, "lab", None) == ("lab", "c")
    assert await house.catalogue.choose(ANNAS, "shop", None) == ("shop", "b")
    assert await house.catalogue.choose(ANNAS, "shop", "a") == ("shop", "a")


async def test_a_default_that_cannot_be_used_is_not_replaced_behind_ones_back(make_house: MakeHouse) -> None:
    house = make_house({"groq": [model("fast")], "lab": [model("c")]}, server=[LAB])
    await house.directory.configure(ANNAS, "groq", api_key=KEY)
    await set_default(house, "groq", "fast")
    await house.directory.update(ANNAS, "groq", ProviderChange(is_active=False))
    with pytest.raises(Invalid, match="default model 'fast'") as raised:
        await house.catalogue.choose(ANNAS, None, None)
    assert raised.value.code == "provider_not_found"


async def set_default(house: House, provider_id: str, name: str) -> None:
    (saved,) = await house.saved.import_(ANNA, provider_id, selections=[Selection(name)])
    await house.saved.set_default(ANNA, saved.uid)
