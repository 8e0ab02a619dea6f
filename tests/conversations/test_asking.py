"""Asking: a message and the reply to it in one act, for clients that wait for the answer."""

import asyncio

import pytest

from hearthside.conversations.model import GenerationState, MessageRole
from hearthside.gateway.model import TextDelta
from hearthside.gateway.providers.scripted import Gate, says
from hearthside.kit.actor import Scope
from hearthside.kit.errors import Forbidden, Invalid, NotFound, QuotaExceeded, RateLimited, UpstreamFailed
from hearthside.usage.model import Quotas
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, BERT, CHOICE, Process, make_actor


async def test_the_message_is_followed_by_its_reply(start: Start) -> None:
    process = await start(says("Good ", "morning"))
    conversation = await process.conversations.create(ANNE)
    asked, begun = await process.generations.ask(ANNE, conversation.id, "Hello?", CHOICE, metadata={"a": 1})
    ended = await process.generations.ended(ANNE, conversation.id, begun.uid)
    assert (ended.state, ended.prompt_id) == (GenerationState.COMPLETE, asked.id)
    question, answer = await process.shown(ANNE, conversation.id)
    assert (question, question.metadata) == (asked, {"a": 1})
    assert answer == await process.conversations.message(ANNE, conversation.id, ended.message_id)
    assert (answer.role, answer.content, answer.parent_id) == (MessageRole.ASSISTANT, "Good morning", asked.id)


async def test_each_of_several_at_once_has_a_reply_of_its_own(start: Start) -> None:
    process = await start(says("Yes"))
    conversation = await process.conversations.create(ANNE)
    pairs = await asyncio.gather(
        *(process.generations.ask(ANNE, conversation.id, f"{number}?", CHOICE) for number in range(5))
    )
    ended = await asyncio.gather(*(process.generations.ended(ANNE, conversation.id, begun.uid) for _, begun in pairs))
    assert [one.prompt_id for one in ended] == [asked.id for asked, _ in pairs]
    assert len(await process.shown(ANNE, conversation.id)) == 10, "one branch, nobody's message beside another's"


async def test_waiting_ends_however_the_reply_ends(start: Start) -> None:
    process = await start([TextDelta("Half"), UpstreamFailed("It broke.", code="provider_error")])
    conversation = await process.conversations.create(ANNE)
    _, begun = await process.generations.ask(ANNE, conversation.id, "Hello?", CHOICE)
    ended = await process.generations.ended(ANNE, conversation.id, begun.uid)
    assert (ended.state, ended.error_code, ended.error_message) == ("failed", "provider_error", "It broke.")


async def test_who_stops_waiting_ends_nothing(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate, *says("morning")])
    conversation = await process.conversations.create(ANNE)
    _, begun = await process.generations.ask(ANNE, conversation.id, "Hello?", CHOICE)
    waiting = asyncio.create_task(process.generations.ended(ANNE, conversation.id, begun.uid))
    await gate.reached.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.open()
    ended = await process.generations.ended(ANNE, conversation.id, begun.uid)
    assert ended.state is GenerationState.COMPLETE


@pytest.mark.parametrize("content", ["", " \n", "\0"])
async def test_an_empty_message_is_refused(process: Process, content: str) -> None:
    conversation = await process.conversations.create(ANNE)
    with pytest.raises(Invalid):
        await process.generations.ask(ANNE, conversation.id, content, CHOICE)
    assert await process.shown(ANNE, conversation.id) == ()


async def test_a_message_that_cannot_be_replied_to_is_not_stored(start: Start) -> None:
    gate = Gate()
    process = await start([gate, *says("Hi")], max_running=1)
    busy = await process.conversations.create(ANNE)
    _, running = await process.generations.ask(ANNE, busy.id, "First", CHOICE)
    second = await process.conversations.create(ANNE)
    with pytest.raises(RateLimited):
        await process.generations.ask(ANNE, second.id, "Second", CHOICE)
    assert await process.shown(ANNE, second.id) == ()
    gate.open()
    await process.generations.ended(ANNE, busy.id, running.uid)


async def test_the_days_messages_are_counted(start: Start) -> None:
    process = await start(quotas=Quotas(daily_messages=1))
    conversation = await process.conversations.create(ANNE)
    _, begun = await process.generations.ask(ANNE, conversation.id, "First", CHOICE)
    await process.generations.ended(ANNE, conversation.id, begun.uid)
    with pytest.raises(QuotaExceeded):
        await process.generations.ask(ANNE, conversation.id, "Second", CHOICE)
    assert len(await process.shown(ANNE, conversation.id)) == 2


async def test_other_users_find_nothing(process: Process) -> None:
    conversation = await process.conversations.create(ANNE)
    asked, begun = await process.generations.ask(ANNE, conversation.id, "Mine", CHOICE)
    with pytest.raises(NotFound):
        await process.generations.ask(BERT, conversation.id, "Stolen", CHOICE)
    with pytest.raises(NotFound):
        await process.generations.ended(BERT, conversation.id, begun.uid)
    with pytest.raises(NotFound):
        await process.conversations.message(BERT, conversation.id, asked.id)
    with pytest.raises(NotFound):
        await process.conversations.find(BERT, conversation.uid)
    await process.generations.ended(ANNE, conversation.id, begun.uid)
    assert (await process.conversations.find(ANNE, conversation.uid)).id == conversation.id


async def test_a_token_needs_both_scopes(process: Process) -> None:
    conversation = await process.conversations.create(ANNE)
    for scope in (Scope.WRITE, Scope.GENERATE):
        with pytest.raises(Forbidden):
            await process.generations.ask(make_actor(1, scope), conversation.id, "Hello?", CHOICE)


async def test_pages_by_offset_leave_out_what_has_no_text(start: Start) -> None:
    process = await start([UpstreamFailed("It broke.")], says("Two"))
    conversation = await process.conversations.create(ANNE)
    for content in ("1", "2"):
        _, begun = await process.generations.ask(ANNE, conversation.id, content, CHOICE)
        await process.generations.ended(ANNE, conversation.id, begun.uid)

    async def page(limit: int, offset: int, *, with_empty: bool) -> list[str]:
        found = await process.conversations.messages(
            ANNE, conversation.id, limit=limit, offset=offset, with_empty=with_empty
        )
        return [message.content for message in found.items]

    assert await page(10, 0, with_empty=True) == ["1", "", "2", "Two"]
    assert await page(10, 0, with_empty=False) == ["1", "2", "Two"]
    assert await page(1, 1, with_empty=False) == ["2"]
    assert await page(10, 2, with_empty=False) == ["Two"]
    assert await page(10, 3, with_empty=False) == []
