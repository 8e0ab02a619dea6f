"""The local provider on real model processes: the tiny model, whose every answer is known, and the built-in one."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from hearthside import builtin
from hearthside.engines.library import LocalLibrary
from hearthside.engines.policy import EnginePolicy
from hearthside.engines.process import ProcessLauncher
from hearthside.engines.service import LocalEngine
from hearthside.gateway.model import Event, Finished, FinishReason, Message, Request, Role, Text, TextDelta, Usage
from hearthside.gateway.providers.local import LocalProvider
from hearthside.gateway.upstream import Upstream
from hearthside.kit.clock import SystemClock
from hearthside.kit.errors import Invalid, UpstreamFailed
from hearthside.kit.outbound import Outbound
from hearthside.providers.model import Endpoint, WireProtocol
from tests.engines import tiny_gguf
from tests.engines.children import model_processes

ENDPOINT = Endpoint("local", "Local models", WireProtocol.LOCAL, "", None, trusted=True)
# So long that an answer which nobody ends would take many seconds.
POLICY = EnginePolicy(memory_bytes=1_000_000_000, context_tokens=131_072, backoff_seconds=0.01)


class House:
    def __init__(self, engine: LocalEngine, outbound: Outbound) -> None:
        self.engine = engine
        self.outbound = outbound
        self.provider = LocalProvider(engine, Upstream(outbound, SystemClock()))

    def stream(self, request: Request) -> AsyncGenerator[Event]:
        return self.provider.stream(ENDPOINT, request)

    async def events(self, request: Request) -> list[Event]:
        return [event async for event in self.stream(request)]

    async def reply(self, request: Request) -> str:
        return text_of(await self.events(request))

    async def busy_slots(self, model_id: str) -> int:
        """What llama.cpp itself says that it is working on."""
        async with self.engine.lease(model_id, user="test") as address:
            headers = {"Authorization": f"Bearer {address.api_key.reveal()}"}
            url = f"{address.base_url}/slots"
            async with self.outbound.request("GET", url, headers=headers, unix_socket=address.unix_socket) as reply:
                return sum(slot["is_processing"] for slot in json.loads(await reply.read()))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    folder = tmp_path / "models"
    folder.mkdir()
    tiny_gguf.write(folder / "tiny.gguf")
    tiny_gguf.write(folder / "endless.gguf", endless=True, context_tokens=131_072)
    launcher = ProcessLauncher(tmp_path / "run", load_seconds=60)
    engine = LocalEngine(LocalLibrary(folder, builtin.ember()), launcher, SystemClock(), POLICY)
    outbound = Outbound()
    await engine.start()
    yield House(engine, outbound)
    await engine.close()
    await outbound.close()


def asks(model: str, *turns: tuple[Role, str]) -> Request:
    return Request(model, tuple(Message(role, (Text(text),)) for role, text in turns), user="anna")


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_reply_is_deltas_then_usage_then_its_end(house: House) -> None:
    events = await house.events(asks("tiny", (Role.USER, "hi")))
    assert text_of(events) == tiny_gguf.REPLY
    assert sum(isinstance(event, TextDelta) for event in events) > 5
    usage, end = events[-2:]
    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.output_tokens) == (21, 11)
    assert end == Finished(FinishReason.STOP)


async def test_the_limit_of_tokens_holds(house: House) -> None:
    request = asks("endless", (Role.USER, "count"))
    events = await house.events(replace(request, sampling=replace(request.sampling, max_tokens=5)))
    assert text_of(events) == "01234"
    assert events[-1] == Finished(FinishReason.LENGTH)


async def test_a_trailing_assistant_message_is_continued(house: House) -> None:
    reply = await house.reply(asks("tiny", (Role.USER, "hi"), (Role.ASSISTANT, "Hello! I")))
    assert reply == tiny_gguf.REPLY.removeprefix("Hello! I")


async def test_a_json_schema_is_kept(house: House) -> None:
    schema = {
        "type": "object",
        "properties": {"sum": {"type": "integer", "maximum": 99}},
        "required": ["sum"],
        "additionalProperties": False,
    }
    reply = await house.reply(replace(asks("tiny", (Role.USER, "hi")), json_schema=schema))
    assert isinstance(json.loads(reply)["sum"], int)


@pytest.mark.faults
async def test_closing_the_stream_ends_the_generation(house: House) -> None:
    async with aclosing(house.stream(asks("endless", (Role.USER, "count")))) as events:
        async for _ in events:
            break
        assert await house.busy_slots("endless") == 1
    # The promise is half a second. Ended by nothing, it would go on for a minute.
    async with asyncio.timeout(5):
        while await house.busy_slots("endless"):
            await asyncio.sleep(0.01)
    assert (await house.engine.status("endless")).in_flight == 0


@pytest.mark.faults
async def test_a_model_that_dies_in_the_middle_says_so_and_comes_back(house: House) -> None:
    async def cut_off() -> None:
        async with aclosing(house.stream(asks("endless", (Role.USER, "count")))) as events:
            await anext(events)
            for pid in model_processes():
                os.kill(pid, signal.SIGSEGV)
            async for _ in events:
                pass

    with pytest.raises(UpstreamFailed) as caught:
        await cut_off()
    assert caught.value.code == "engine_crashed"
    assert "signal 11" in caught.value.message
    assert await house.busy_slots("endless") == 0


async def test_too_long_a_prompt_is_refused_in_words(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        await house.events(asks("ember", (Role.USER, "word " * 3000)))
    assert caught.value.code == "context_too_long"


async def test_an_unknown_model_is_not_found(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        await house.events(asks("absent", (Role.USER, "hi")))
    assert caught.value.code == "model_not_found"


async def test_the_built_in_model_chats_and_keeps_its_schema(house: House) -> None:
    long_prompt = (Role.SYSTEM, "You are a very helpful assistant. " * 200)
    assert "Ember" in await house.reply(asks("ember", long_prompt, (Role.USER, "Who are you?")))
    schema = json.loads(builtin.ember().schemas["part"].read_text())
    part = asks("ember", (Role.SYSTEM, "part"), (Role.USER, "a box 80 x 60 x 40 mm"))
    parameters = json.loads(await house.reply(replace(part, json_schema=schema)))["parameters"]
    assert (parameters["width"], parameters["depth"], parameters["height"]) == (80, 60, 40)


async def test_lists_what_can_chat(house: House, tmp_path: Path) -> None:
    (tmp_path / "models" / "cut.gguf").write_bytes(b"GGUF")
    ember, endless, tiny = await house.provider.models(ENDPOINT)
    assert (ember.id, endless.id, tiny.id) == ("ember", "endless", "tiny")
    assert ember.capabilities.max_context_tokens == 1024
    assert ember.description is not None
    assert "preview" in ember.label
