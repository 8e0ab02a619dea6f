"""What is left of a reply when its process dies, stops, or cannot reach the database; and how it is gone on with."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import sqlalchemy as sa

from hearthside.conversations.generation_store import generation_table
from hearthside.conversations.generations import LEASE_SECONDS
from hearthside.conversations.model import Generation, GenerationState, MessageStatus
from hearthside.gateway.model import TextDelta, Usage
from hearthside.gateway.providers.scripted import Gate, says
from hearthside.kit.errors import Unavailable, UpstreamFailed
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, CHOICE, Process, text, types
from tests.faulty_database import FaultyDatabase


@pytest.fixture
async def faulty(any_database_url: sa.URL) -> AsyncGenerator[FaultyDatabase]:
    database = FaultyDatabase(any_database_url)
    yield database
    await database.close()


async def silence(process: Process) -> None:
    """Nobody has heard of the running replies' owners for longer than a lease: as after a kill -9 some time ago."""
    async with process.database.write() as connection:
        long_ago = (
            sa.func.now()
            if process.database.is_sqlite
            else sa.func.now() - sa.text(f"interval '{LEASE_SECONDS + 1} s'")
        )
        await connection.execute(sa.update(generation_table).values(heartbeat_at=long_ago))


async def begin(process: Process, gate: Gate, *, conversation_id: int | None = None) -> Generation:
    """A reply that has said something, all of it committed, and hangs."""
    conversation_id = conversation_id or await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    await anext(process.generations.events(ANNE, conversation_id, generation.uid))
    return generation


async def test_after_a_crash_the_text_is_kept_and_the_reply_goes_on_in_the_same_message(start: Start) -> None:
    gate = Gate()
    crashed = await start([TextDelta("Once upon "), gate, TextDelta("lost")])
    generation = await begin(crashed, gate)
    reader = asyncio.create_task(crashed.follow(ANNE, generation))
    await silence(crashed)

    restarted = await start(says("a time.", usage=Usage(20, 2)))
    events = await restarted.follow(ANNE, generation)
    question, answer = await restarted.shown(ANNE, generation.conversation_id)
    assert types(events) == ["delta", "error", "done"]
    assert [event.seq for event in events] == [1, 2, 3]
    assert events[1].data["code"] == "interrupted"
    assert events[2].data == {"status": "error", "message_id": answer.id}
    assert (answer.content, answer.status) == ("Once upon ", MessageStatus.INTERRUPTED)
    ended = await restarted.generations.get(ANNE, generation.conversation_id, generation.uid)
    assert (ended.state, ended.error_code, ended.epoch) == (GenerationState.INTERRUPTED, "interrupted", 2)
    assert await reader == events

    going_on = await restarted.generations.reply(ANNE, generation.conversation_id, CHOICE)
    assert text(await restarted.follow(ANNE, going_on)) == "a time."
    whole = (await restarted.shown(ANNE, generation.conversation_id))[-1]
    assert (whole.id, whole.content, whole.status) == (answer.id, "Once upon a time.", MessageStatus.COMPLETE)
    assert [(one.role, one.text) for one in restarted.provider.requests[0].messages] == [
        ("user", question.content),
        ("assistant", "Once upon "),
    ]


async def test_the_one_that_was_taken_for_dead_cannot_write(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    stale = await start([TextDelta("Once "), gate, *says("too late")])
    generation = await begin(stale, gate)
    await silence(stale)
    restarted = await start()
    gate.open()
    await stale.generations.close(10)
    assert "it has another owner" in caplog.text
    assert text(await restarted.follow(ANNE, generation)) == "Once "
    answer = (await restarted.shown(ANNE, generation.conversation_id))[-1]
    assert (answer.content, answer.status) == ("Once ", MessageStatus.INTERRUPTED)
    assert (await restarted.usage.today(ANNE)).requests == 1


async def test_the_one_that_was_taken_for_dead_stops_at_its_next_heartbeat(start: Start) -> None:
    gate = Gate()
    stale = await start([TextDelta("Once "), gate])
    await begin(stale, gate)
    await silence(stale)
    await start()
    await stale.generations.beat()
    await stale.provider.closed.wait()


async def test_a_crash_before_the_first_word_leaves_an_empty_message_that_is_filled_later(start: Start) -> None:
    gate = Gate()
    crashed = await start([gate])
    conversation_id = await crashed.ask(ANNE)
    await crashed.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    await silence(crashed)
    restarted = await start(says("Here."))
    await restarted.reply(ANNE, conversation_id)
    assert [message.content for message in await restarted.shown(ANNE, conversation_id)] == ["Hello?", "Here."]
    assert [message.role for message in restarted.provider.requests[0].messages] == ["user"]


async def test_a_reply_can_be_interrupted_again_and_again(start: Start) -> None:
    conversation_id: int | None = None
    for word in ("One ", "two ", "three "):
        gate = Gate()
        process = await start([TextDelta(word), gate])
        generation = await begin(process, gate, conversation_id=conversation_id)
        conversation_id = generation.conversation_id
        await silence(process)
    last = await start(says("four."))
    assert conversation_id is not None
    await last.reply(ANNE, conversation_id)
    assert [one.content for one in await last.shown(ANNE, conversation_id)] == ["Hello?", "One two three four."]


@pytest.mark.postgres
@pytest.mark.parametrize("any_database_url", ["postgres"], indirect=True)  # on SQLite there is one process only
async def test_the_living_are_left_alone_where_processes_share_a_database(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Alive "), gate, *says("and well")])
    generation = await begin(process, gate)
    elsewhere = await start()
    await silence(process)
    await process.generations.beat()
    elsewhere.clock.advance(LEASE_SECONDS)
    await elsewhere.generations.beat()
    gate.open()
    assert text(await elsewhere.follow(ANNE, generation)) == "Alive and well"


async def test_two_who_recover_at_once_do_it_once(start: Start) -> None:
    gate = Gate()
    others = [await start() for _ in range(3)]
    crashed = await start([TextDelta("Once "), gate])
    generation = await begin(crashed, gate)
    await silence(crashed)
    crashed.clock.advance(LEASE_SECONDS)
    await asyncio.gather(*(other.generations.beat() for other in others))
    assert types(await others[0].follow(ANNE, generation)) == ["delta", "error", "done"]
    assert (await others[0].usage.today(ANNE)).requests == 1


@pytest.mark.postgres
@pytest.mark.parametrize("any_database_url", ["postgres"], indirect=True)
async def test_nobody_is_called_dead_soon_after_the_database_was_away(start: Start, faulty: FaultyDatabase) -> None:
    gate, other_gate = Gate(), Gate()
    process = await start([TextDelta("Alive "), gate, *says("and well")])
    generation = await begin(process, gate)
    elsewhere = await start([TextDelta("Me too"), other_gate], database=faulty)
    await begin(elsewhere, other_gate)
    elsewhere.clock.advance(LEASE_SECONDS)
    faulty.is_away = True
    await elsewhere.generations.beat()
    faulty.is_away = False
    await silence(process)
    elsewhere.clock.advance(LEASE_SECONDS - 1)
    await elsewhere.generations.beat()
    await process.generations.beat()
    elsewhere.clock.advance(1)
    await elsewhere.generations.beat()
    gate.open()
    assert text(await elsewhere.follow(ANNE, generation)) == "Alive and well"


async def test_a_stopping_server_lets_replies_finish(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate, *says("morning")])
    generation = await begin(process, gate)
    closing = asyncio.create_task(process.generations.close(60))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await process.generations.reply(ANNE, generation.conversation_id, CHOICE)
    assert refused.value.code == "shutting_down"
    gate.open()
    await closing
    assert (await process.shown(ANNE, generation.conversation_id))[-1].content == "Good morning"


async def test_a_stopping_server_keeps_what_there_is_of_those_that_take_too_long(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate])
    generation = await begin(process, gate)
    await process.generations.close(0)
    assert process.provider.closed.is_set()
    events = await process.follow(ANNE, generation)
    assert types(events) == ["delta", "error", "done"]
    assert events[1].data["code"] == "shutting_down"
    assert (await process.shown(ANNE, generation.conversation_id))[-1].status is MessageStatus.INTERRUPTED
    restarted = await start(says("morning"))
    await restarted.reply(ANNE, generation.conversation_id)
    assert (await restarted.shown(ANNE, generation.conversation_id))[-1].content == "Good morning"


async def test_a_reply_outlasts_a_database_that_is_away_for_a_while(start: Start, faulty: FaultyDatabase) -> None:
    gate, second = Gate(), Gate()
    process = await start([TextDelta("Good "), gate, TextDelta("morning"), second, *says("!")], database=faulty)
    generation = await begin(process, gate)
    reader = asyncio.create_task(process.follow(ANNE, generation))
    faulty.is_away = True
    gate.open()
    await second.reached.wait()
    second.open()
    for _ in range(3):
        faulty.refused.clear()
        await faulty.refused.wait()
    faulty.is_away = False
    assert text(await reader) == "Good morning!"
    answer = (await process.shown(ANNE, generation.conversation_id))[-1]
    assert (answer.content, answer.status) == ("Good morning!", MessageStatus.COMPLETE)


async def test_an_ending_whose_answer_was_lost_is_written_once(start: Start, faulty: FaultyDatabase) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate, UpstreamFailed("It broke.")], database=faulty)
    generation = await begin(process, gate)
    faulty.lost_answers = 1
    gate.open()
    assert types(await process.follow(ANNE, generation)) == ["delta", "error", "done"]
    assert faulty.lost_answers == 0
    assert (await process.shown(ANNE, generation.conversation_id))[-1].content == "Good "
    assert (await process.usage.today(ANNE)).requests == 1
