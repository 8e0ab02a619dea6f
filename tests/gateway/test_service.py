"""Routing and retries, with scripted providers."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from hearthside.gateway.failures import ServerFault
from hearthside.gateway.model import Event, Finished, FinishReason, ModelInfo, Request, TextDelta, Usage
from hearthside.gateway.providers.scripted import Gate, ScriptedProvider, says
from hearthside.gateway.service import Gateway
from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import HearthsideError, Invalid, RateLimited, Unavailable, UpstreamFailed
from hearthside.providers.model import BoundKey, Endpoint, WireProtocol
from tests.gateway.samples import HELLO

ENDPOINT = Endpoint("acme", "Acme", WireProtocol.OPENAI, "https://acme.example/v1", None, trusted=False)


class OneEndpoint:
    async def endpoint(self, user_id: int, provider_id: str, *, key: BoundKey | None = None) -> Endpoint:
        if (user_id, provider_id) != (7, "acme"):
            raise Invalid("no such provider", code="provider_not_found")
        return ENDPOINT


class House:
    """A gateway over one provider; `pauses` are the waits that it asked for."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self.clock = ManualClock()
        self.pauses: list[float] = []
        self.gateway = Gateway({WireProtocol.OPENAI: provider}, OneEndpoint(), self.clock, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def reply(self) -> list[Event]:
        return [event async for event in self.gateway.stream("acme", HELLO, user_id=7)]


AWAY = Unavailable("away", code="provider_unreachable")


async def test_a_reply() -> None:
    house = House(ScriptedProvider(says("Hel", "lo", usage=Usage(1, 2))))
    assert await house.reply() == [TextDelta("Hel"), TextDelta("lo"), Usage(1, 2), Finished(FinishReason.STOP)]


async def test_an_unknown_provider() -> None:
    house = House(ScriptedProvider())
    with pytest.raises(Invalid) as raised:
        await anext(house.gateway.stream("other", HELLO, user_id=7))
    assert raised.value.code == "provider_not_found"


async def test_a_protocol_that_nobody_speaks_here() -> None:
    gateway = Gateway({}, OneEndpoint(), ManualClock())
    with pytest.raises(Invalid, match="Acme"):
        await anext(gateway.stream("acme", HELLO, user_id=7))


@pytest.mark.parametrize("error", [AWAY, ServerFault("500"), RateLimited("slow", retry_after_seconds=1)])
async def test_what_may_pass_is_tried_again(error: HearthsideError) -> None:
    provider = ScriptedProvider([error], [error], says("Hello"))
    house = House(provider)
    assert (await house.reply())[0] == TextDelta("Hello")
    assert len(provider.requests) == 3
    assert len(house.pauses) == 2


async def test_two_retries_are_all() -> None:
    provider = ScriptedProvider([AWAY])
    with pytest.raises(Unavailable):
        await House(provider).reply()
    assert len(provider.requests) == 3


async def test_pauses_grow_and_honour_the_provider() -> None:
    house = House(ScriptedProvider([AWAY], [RateLimited("slow", retry_after_seconds=4)], says("x")))
    await house.reply()
    first, second = house.pauses
    assert 0.1 < first < 0.5
    assert second == 4


async def test_a_provider_that_wants_a_long_rest_is_not_asked_again() -> None:
    provider = ScriptedProvider([RateLimited("slow", retry_after_seconds=6)])
    with pytest.raises(RateLimited) as raised:
        await House(provider).reply()
    assert raised.value.retry_after_seconds == 6
    assert len(provider.requests) == 1


@pytest.mark.parametrize("error", [UpstreamFailed("bad key", code="provider_auth"), Invalid("too long")])
async def test_what_will_not_pass_is_not_tried_again(error: HearthsideError) -> None:
    provider = ScriptedProvider([error], says("Hello"))
    with pytest.raises(type(error)):
        await House(provider).reply()
    assert len(provider.requests) == 1


async def test_nothing_is_said_twice() -> None:
    provider = ScriptedProvider([TextDelta("Hel"), AWAY], says("Hello"))
    house = House(provider)
    events = house.gateway.stream("acme", HELLO, user_id=7)
    assert await anext(events) == TextDelta("Hel")
    with pytest.raises(Unavailable):
        await anext(events)
    assert len(provider.requests) == 1


async def test_a_reply_without_its_end_is_cut() -> None:
    with pytest.raises(UpstreamFailed) as raised:
        await House(ScriptedProvider([TextDelta("Hel")])).reply()
    assert raised.value.code == "stream_cut"


async def test_closing_the_stream_closes_the_providers() -> None:
    gate = Gate()
    provider = ScriptedProvider([TextDelta("Hel"), gate])
    async with aclosing(House(provider).gateway.stream("acme", HELLO, user_id=7)) as events:
        await anext(events)
    assert provider.closed.is_set()


async def test_cancelling_the_reader_closes_the_providers() -> None:
    gate = Gate()
    provider = ScriptedProvider([TextDelta("Hel"), gate])
    reading = asyncio.create_task(House(provider).reply())
    await gate.reached.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert provider.closed.is_set()


async def test_a_gate_holds_until_it_is_opened() -> None:
    gate = Gate()
    house = House(ScriptedProvider([gate, *says("Hello")]))
    reading = asyncio.create_task(house.reply())
    await gate.reached.wait()
    assert not reading.done()
    gate.open()
    assert (await reading)[0] == TextDelta("Hello")


async def test_a_provider_that_is_away_is_left_alone_for_a_while() -> None:
    provider = ScriptedProvider(*[[AWAY]] * 6, says("Back"))
    house = House(provider)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await house.reply()
    assert len(provider.requests) == 6
    with pytest.raises(Unavailable) as raised:
        await house.reply()
    assert len(provider.requests) == 6
    assert raised.value.code == "provider_unreachable"
    assert raised.value.retry_after_seconds == pytest.approx(10)
    house.clock.advance(10)
    assert (await house.reply())[0] == TextDelta("Back")
    assert (await house.reply())[0] == TextDelta("Back")


async def test_an_error_in_words_shows_that_the_provider_is_there() -> None:
    provider = ScriptedProvider(*[[AWAY]] * 5, [Invalid("no")], *[[AWAY]] * 3, says("Back"))
    house = House(provider)
    for kind in (Unavailable, Invalid, Unavailable):
        with pytest.raises(kind):
            await house.reply()
    assert (await house.reply())[0] == TextDelta("Back")


async def test_the_catalogue() -> None:
    house = House(ScriptedProvider())
    (model,) = await house.gateway.models(ENDPOINT)
    assert model.id == "scripted"
    broken = House(ScriptedProvider(models=AWAY))
    with pytest.raises(Unavailable):
        await broken.gateway.models(ENDPOINT)


class Talkative:
    """A provider that breaks the contract: it goes on after Finished."""

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        yield Finished(FinishReason.STOP)
        yield TextDelta("and another thing")

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        return ()


async def test_nothing_comes_after_the_end() -> None:
    gateway = Gateway({WireProtocol.OPENAI: Talkative()}, OneEndpoint(), ManualClock())
    assert [event async for event in gateway.stream("acme", HELLO, user_id=7)] == [Finished(FinishReason.STOP)]
