"""Replies: made by the server whether anybody reads them or not, kept whatever happens, not lost and not doubled."""

import asyncio
from contextlib import aclosing

import pytest

from hearthside.conversations.model import GenerationState, MessageRole, MessageStatus, ReplyChoice
from hearthside.gateway.model import Finished, FinishReason, ReasoningDelta, Sampling, TextDelta, Usage
from hearthside.gateway.providers.scripted import Gate, says
from hearthside.kit.actor import Scope
from hearthside.kit.errors import Forbidden, Invalid, NotFound, QuotaExceeded, RateLimited, UpstreamFailed
from hearthside.usage.model import Quotas
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, BERT, CHOICE, Process, make_actor, text, types

TEN_AND_TWO = {
    "input_tokens": 10,
    "output_tokens": 2,
    "cached_input_tokens": 0,
    "reasoning_tokens": 0,
    "total_tokens": 12,
}


async def test_a_reply_becomes_a_message_and_a_stream(start: Start) -> None:
    process = await start(says("Good ", "morning"))
    conversation_id = await process.ask(ANNE, "Hello?")
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    events = await process.follow(ANNE, generation)
    question, answer = await process.shown(ANNE, conversation_id)
    assert text(events) == "Good morning"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-2].type == "usage"
    assert events[-2].data == TEN_AND_TWO
    assert events[-1].type == "done"
    assert events[-1].data == {"status": "ok", "message_id": answer.id}
    assert (answer.role, answer.content, answer.status) == ("assistant", "Good morning", MessageStatus.COMPLETE)
    assert answer.parent_id == question.id
    assert answer.provider_meta == {"provider": "scripted", "model": "model-a", "finish_reason": "stop"}
    assert answer.usage == TEN_AND_TWO
    ended = await process.generations.get(ANNE, conversation_id, generation.uid)
    assert (ended.state, ended.message_id, ended.prompt_id) == (GenerationState.COMPLETE, answer.id, question.id)
    assert ended.finished_at is not None


async def test_the_model_is_asked_the_branch_with_the_users_choice(start: Start) -> None:
    process = await start(says("Hi"), says("Fine"))
    conversation_id = await process.ask(ANNE, "Hello?")
    await process.reply(ANNE, conversation_id)
    await process.conversations.append(ANNE, conversation_id, content="How are you?")
    sampling = Sampling(temperature=0.5, max_tokens=7)
    generation = await process.generations.reply(ANNE, conversation_id, ReplyChoice("scripted", "model-b", sampling))
    await process.follow(ANNE, generation)
    request = process.provider.requests[-1]
    assert [(message.role, message.text) for message in request.messages] == [
        ("user", "Hello?"),
        ("assistant", "Hi"),
        ("user", "How are you?"),
    ]
    assert (request.model, request.sampling, request.user) == ("model-b", sampling, ANNE.user_uid)


async def test_a_reply_goes_on_when_nobody_reads_it(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate, *says("morning")])
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    async with aclosing(process.generations.events(ANNE, conversation_id, generation.uid)) as reader:
        first = await anext(reader)
    gate.open()
    rest = await process.follow(ANNE, generation, after=first.seq)
    assert first.data["delta"] + text(rest) == "Good morning"
    assert rest[0].seq == first.seq + 1


async def test_several_readers_see_the_same(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("Good "), gate, *says("morning")])
    generation = await process.generations.reply(ANNE, await process.ask(ANNE), CHOICE)
    readers = [asyncio.create_task(process.follow(ANNE, generation)) for _ in range(3)]
    await gate.reached.wait()
    gate.open()
    one, two, three = await asyncio.gather(*readers)
    assert one == two == three == await process.follow(ANNE, generation)


async def test_reasoning_is_streamed_and_is_no_part_of_the_answer(start: Start) -> None:
    process = await start([ReasoningDelta("Hm"), *says("Yes")])
    conversation_id = await process.ask(ANNE)
    events = await process.reply(ANNE, conversation_id)
    assert types(events) == ["reasoning", "delta", "usage", "done"]
    assert (await process.shown(ANNE, conversation_id))[-1].content == "Yes"


async def test_text_that_cannot_be_stored_is_made_storable(start: Start) -> None:
    process = await start([TextDelta("a\0\ud83d"), TextDelta("\ude00b\udc00"), Finished(FinishReason.STOP)])
    conversation_id = await process.ask(ANNE)
    events = await process.reply(ANNE, conversation_id)
    assert text(events) == "a\N{GRINNING FACE}b\ufffd"
    assert (await process.shown(ANNE, conversation_id))[-1].content == text(events)


async def test_asking_twice_is_one_reply(start: Start) -> None:
    gate = Gate()
    process = await start([gate, *says("Hi")])
    conversation_id = await process.ask(ANNE)
    replies = await asyncio.gather(*(process.generations.reply(ANNE, conversation_id, CHOICE) for _ in range(5)))
    assert len({generation.uid for generation in replies}) == 1
    gate.open()
    await process.follow(ANNE, replies[0])
    assert len(process.provider.requests) == 1
    assert len(await process.shown(ANNE, conversation_id)) == 2


async def test_asking_from_the_question_again_shows_the_reply_that_is_being_made(start: Start) -> None:
    gate = Gate()
    process = await start([gate, *says("Hi")])
    conversation_id = await process.ask(ANNE)
    question = (await process.shown(ANNE, conversation_id))[0]
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    edit = await process.conversations.append(ANNE, conversation_id, content="Hello!", parent_id=None)
    assert edit.parent_id is None
    await process.conversations.select_leaf(ANNE, conversation_id, question.id)
    assert await process.generations.reply(ANNE, conversation_id, CHOICE) == generation
    gate.open()
    await process.follow(ANNE, generation)
    assert [message.content for message in await process.shown(ANNE, conversation_id)] == ["Hello?", "Hi"]


async def test_after_an_answer_comes_another_beside_it(start: Start) -> None:
    process = await start(says("One"), says("Two"))
    conversation_id = await process.ask(ANNE)
    await process.reply(ANNE, conversation_id)
    await process.reply(ANNE, conversation_id)
    assert [message.content for message in await process.shown(ANNE, conversation_id)] == ["Hello?", "Two"]
    everything = await process.conversations.messages(ANNE, conversation_id, limit=10, tree=True)
    question, one, two = everything.items
    assert one.parent_id == two.parent_id == question.id
    assert [message.text for message in process.provider.requests[1].messages] == ["Hello?"]


async def test_cancelling_closes_the_upstream_request_at_once_and_keeps_the_text(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("So far"), gate])
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    await process.generations.cancel(ANNE, generation.uid)
    assert process.provider.closed.is_set()
    answer = (await process.shown(ANNE, conversation_id))[-1]
    assert (answer.content, answer.status, answer.usage) == ("So far", MessageStatus.CANCELLED, None)
    events = await process.follow(ANNE, generation)
    assert text(events) == "So far"
    assert events[-1].data == {"status": "canceled", "message_id": answer.id}
    assert "error" not in types(events)
    with pytest.raises(NotFound) as refused:
        await process.generations.cancel(ANNE, generation.uid)
    assert refused.value.code == "generation_not_found"


async def test_cancelling_before_the_first_step_ends_it_too(start: Start) -> None:
    process = await start([Gate()])
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    await process.generations.cancel(ANNE, generation.uid)
    assert types(await process.follow(ANNE, generation)) == ["done"]
    assert (await process.shown(ANNE, conversation_id))[-1].status is MessageStatus.CANCELLED


async def test_another_process_can_cancel(start: Start) -> None:
    gate = Gate()
    process, elsewhere = await start([TextDelta("So far"), gate]), await start()
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    await elsewhere.generations.cancel(ANNE, generation.uid)
    assert (await elsewhere.follow(ANNE, generation))[-1].data["status"] == "canceled"
    assert process.provider.closed.is_set()


async def test_a_wish_to_cancel_is_found_at_the_next_heartbeat_where_the_wakeup_was_lost(start: Start) -> None:
    gate = Gate()
    process, elsewhere = await start([TextDelta("So far"), gate]), await start(deaf=True)
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    await elsewhere.generations.cancel(ANNE, generation.uid)
    assert not process.provider.closed.is_set()
    await process.generations.beat()
    assert (await process.follow(ANNE, generation))[-1].data["status"] == "canceled"


async def test_an_error_keeps_the_text_and_says_what_was_wrong(start: Start) -> None:
    process = await start([TextDelta("So far"), UpstreamFailed("It broke.\0", code="stream_cut")], says("Whole"))
    conversation_id = await process.ask(ANNE)
    events = await process.reply(ANNE, conversation_id)
    answer = (await process.shown(ANNE, conversation_id))[-1]
    assert types(events) == ["delta", "error", "done"]
    assert events[-2].data == {"code": "stream_cut", "message": "It broke."}
    assert events[-1].data == {"status": "error", "message_id": answer.id}
    assert (answer.content, answer.status) == ("So far", MessageStatus.FAILED)
    assert answer.provider_meta is not None
    assert answer.provider_meta["error"] == {"code": "stream_cut", "message": "It broke."}
    assert text(await process.reply(ANNE, conversation_id)) == "Whole"
    whole = (await process.shown(ANNE, conversation_id))[-1]
    assert whole.parent_id == answer.parent_id


async def test_a_provider_that_stops_without_an_end_has_failed(start: Start) -> None:
    process = await start([TextDelta("So far")])
    events = await process.reply(ANNE, await process.ask(ANNE))
    assert events[-2].data["code"] == "stream_cut"


async def test_a_provider_that_breaks_is_an_error_that_tells_nothing_of_the_inside(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    process = await start([TextDelta("So far"), RuntimeError("/secret/path")])
    conversation_id = await process.ask(ANNE)
    events = await process.reply(ANNE, conversation_id)
    assert events[-2].data["code"] == "internal_error"
    assert "secret" not in events[-2].data["message"]
    assert "a reply failed" in caplog.text


async def test_there_must_be_something_to_reply_to(process: Process) -> None:
    conversation = await process.conversations.create(ANNE)
    for ask in (process.generations.reply, process.generations.retry):
        with pytest.raises(Invalid) as refused:
            await ask(ANNE, conversation.id, CHOICE)
        assert refused.value.code == "no_user_message"
    await process.conversations.append(ANNE, conversation.id, content="Be kind.", role=MessageRole.SYSTEM)
    with pytest.raises(Invalid):
        await process.generations.reply(ANNE, conversation.id, CHOICE)


async def test_other_users_find_nothing(start: Start) -> None:
    gate = Gate()
    process = await start([gate, *says("Hi")])
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    for attempt in (
        process.generations.reply(BERT, conversation_id, CHOICE),
        process.generations.retry(BERT, conversation_id, CHOICE),
        process.generations.get(BERT, conversation_id, generation.uid),
        process.generations.get(ANNE, conversation_id + 1, generation.uid),
        process.generations.cancel(BERT, generation.uid),
        process.generations.cancel(ANNE, "unknown"),
        anext(process.generations.events(BERT, conversation_id, generation.uid)),
    ):
        with pytest.raises(NotFound):
            await attempt
    gate.open()
    assert (await process.follow(ANNE, generation))[-1].data["status"] == "ok"


async def test_a_token_needs_the_scope(process: Process) -> None:
    conversation_id = await process.ask(ANNE)
    reader, generator = make_actor(1, Scope.READ), make_actor(1, Scope.GENERATE)
    with pytest.raises(Forbidden):
        await process.generations.reply(reader, conversation_id, CHOICE)
    generation = await process.generations.reply(generator, conversation_id, CHOICE)
    assert text(await process.follow(generator, generation)) == "Hello"
    assert text(await process.follow(reader, generation)) == "Hello"


async def test_replies_at_once_are_capped_by_user(start: Start) -> None:
    gate = Gate()
    process = await start([gate, *says("Hi")], max_running=2)
    conversations = [await process.ask(ANNE) for _ in range(4)]
    results = await asyncio.gather(
        *(process.generations.reply(ANNE, one, CHOICE) for one in conversations), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, RateLimited)]
    assert [error.code for error in refused] == ["too_many_replies"] * 2
    await process.generations.reply(BERT, await process.ask(BERT), CHOICE)
    gate.open()
    begun = [result for result in results if not isinstance(result, BaseException)]
    await asyncio.gather(*(process.follow(ANNE, generation) for generation in begun))
    assert (await process.reply(ANNE, await process.ask(ANNE)))[-1].data["status"] == "ok"


async def test_the_days_tokens_are_counted_and_enforced(start: Start) -> None:
    process = await start(says("Hi", usage=Usage(90, 10)), quotas=Quotas(daily_tokens=100))
    conversation_id = await process.ask(ANNE)
    await process.reply(ANNE, conversation_id)
    today = await process.usage.today(ANNE)
    assert (today.requests, today.messages, today.input_tokens, today.output_tokens) == (1, 1, 90, 10)
    for ask in (process.generations.reply, process.generations.retry):
        with pytest.raises(QuotaExceeded):
            await ask(ANNE, conversation_id, CHOICE)
    assert len(await process.shown(ANNE, conversation_id)) == 2


async def test_a_broken_off_reply_costs_an_estimate(start: Start) -> None:
    process = await start([TextDelta("x" * 400), UpstreamFailed("It broke.")])
    await process.reply(ANNE, await process.ask(ANNE, "y" * 80))
    today = await process.usage.today(ANNE)
    assert (today.input_tokens, today.output_tokens) == (20, 100)


async def test_retrying_asks_a_copy_and_the_next_who_asks_gets_that_reply(start: Start) -> None:
    process = await start(says("One"), says("Two"), says("Three"))
    conversation_id = await process.ask(ANNE)
    await process.reply(ANNE, conversation_id)
    question = (await process.shown(ANNE, conversation_id))[0]
    copy = await process.generations.retry(ANNE, conversation_id, CHOICE)
    assert (copy.content, copy.role, copy.parent_id) == (question.content, MessageRole.USER, question.parent_id)
    assert copy.id != question.id
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    assert text(await process.follow(ANNE, generation)) == "Two"
    assert [message.id for message in await process.shown(ANNE, conversation_id)] == [copy.id, generation.message_id]
    assert text(await process.reply(ANNE, conversation_id)) == "Three"


async def test_a_retry_that_has_finished_is_shown_once_to_who_asks(start: Start) -> None:
    process = await start(says("One"), says("Two"), says("Three"))
    conversation_id = await process.ask(ANNE)
    await process.reply(ANNE, conversation_id)
    await process.generations.retry(ANNE, conversation_id, CHOICE)
    await process.generations.close(10)
    later = await start(says("Three"))
    assert text(await later.reply(ANNE, conversation_id)) == "Two"
    assert text(await later.reply(ANNE, conversation_id)) == "Three"


async def test_a_retry_that_finished_long_ago_is_not_waited_for(start: Start) -> None:
    process = await start(says("One"), says("Two"))
    conversation_id = await process.ask(ANNE)
    await process.generations.retry(ANNE, conversation_id, CHOICE)
    await process.generations.close(10)
    process.clock.advance(3600)
    later = await start(says("Three"))
    assert text(await later.reply(ANNE, conversation_id)) == "Three"


async def test_deleting_the_conversation_ends_its_reply(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("So far"), gate])
    conversation_id = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation_id, CHOICE)
    reader = asyncio.create_task(process.follow(ANNE, generation))
    await gate.reached.wait()
    await process.conversations.delete(ANNE, conversation_id)
    await reader
    await process.provider.closed.wait()
    async with process.database.read() as connection:
        assert await process.events.logged(connection, generation.uid) == []
    with pytest.raises(NotFound):
        await process.generations.get(ANNE, conversation_id, generation.uid)
