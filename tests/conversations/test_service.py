"""Conversations and messages: making, listing, finding, reading, branching, deleting; each user's own only."""

import asyncio
from collections.abc import Sequence

import pytest

from hearthside.conversations.model import Conversation, MessageRole, MessageStatus
from hearthside.conversations.service import DEFAULT_TITLE, MAX_TITLE_CHARACTERS
from hearthside.kit.actor import Scope
from hearthside.kit.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from hearthside.kit.pages import Page
from hearthside.usage.model import Quotas
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, BERT, CHOICE, Process, make_actor


async def titles(process: Process, query: str | None = None) -> list[str]:
    page = await process.conversations.list(ANNE, query=query)
    return [conversation.title for conversation in page.items]


async def make(process: Process, title: str, *contents: str) -> Conversation:
    process.clock.advance(1)
    conversation = await process.conversations.create(ANNE, title=title)
    for content in contents:
        await process.conversations.append(ANNE, conversation.id, content=content)
    return conversation


async def test_a_conversation_is_made_read_renamed_and_deleted(process: Process) -> None:
    made = await process.conversations.create(ANNE)
    assert (made.title, made.leaf_id, made.user_id) == (DEFAULT_TITLE, None, ANNE.user_id)
    assert await process.conversations.get(ANNE, made.id) == made
    process.clock.advance(1)
    renamed = await process.conversations.rename(ANNE, made.id, title="  Bread ")
    assert (renamed.title, renamed.created_at) == ("Bread", made.created_at)
    assert renamed.updated_at > made.updated_at
    await process.conversations.append(ANNE, made.id, content="Hello?")
    await process.conversations.delete(ANNE, made.id)
    assert await titles(process) == []
    with pytest.raises(NotFound) as refused:
        await process.conversations.get(ANNE, made.id)
    assert refused.value.code == "conversation_not_found"


async def test_an_id_is_never_used_again(process: Process) -> None:
    made = await process.conversations.create(ANNE)
    await process.conversations.delete(ANNE, made.id)
    assert (await process.conversations.create(ANNE)).id > made.id


@pytest.mark.parametrize("title", ["", "  ", "\0", "x" * (MAX_TITLE_CHARACTERS + 1)])
async def test_a_title_has_some_text_and_not_too_much(process: Process, title: str) -> None:
    with pytest.raises(Invalid) as refused:
        await process.conversations.create(ANNE, title=title)
    assert [problem.where for problem in refused.value.fields] == ["title"]
    conversation = await process.conversations.create(ANNE, title="x" * MAX_TITLE_CHARACTERS)
    with pytest.raises(Invalid):
        await process.conversations.rename(ANNE, conversation.id, title=title)


async def test_the_list_is_newest_updated_first_and_pages_without_gaps(process: Process) -> None:
    made = [await make(process, f"Number {number}") for number in range(7)]
    await process.conversations.create(BERT, title="Bert's")
    process.clock.advance(1)
    await process.conversations.append(ANNE, made[2].id, content="Hello?")
    expected = [made[number].title for number in (2, 6, 5, 4, 3, 1, 0)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page: Page[Conversation] = await process.conversations.list(ANNE, limit=3, cursor=cursor)
        seen += [conversation.title for conversation in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == expected


async def test_pages_do_not_lose_what_has_the_same_time(process: Process) -> None:
    made = [await process.conversations.create(ANNE) for _ in range(5)]
    first = await process.conversations.list(ANNE, limit=3)
    second = await process.conversations.list(ANNE, limit=3, cursor=first.next_cursor)
    assert [one.id for one in (*first.items, *second.items)] == [one.id for one in reversed(made)]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5LjE"])
async def test_a_cursor_of_somebodys_own_making_is_refused(process: Process, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        await process.conversations.list(ANNE, cursor=cursor)
    assert refused.value.code == "invalid_cursor"


async def test_words_are_found_in_titles_and_messages(process: Process) -> None:
    await make(process, "Sourdough bread", "How long must it rise?")
    await make(process, "Garden", "When do I plant tomatoes?", "And the bread-fruit?")
    await make(process, "Tax", "When is it due?")
    assert await titles(process, "bread") == ["Garden", "Sourdough bread"]
    assert await titles(process, "BREAD sour") == ["Sourdough bread"]
    assert await titles(process, "plant tom") == ["Garden"]
    assert await titles(process, "tom plant") == []
    assert await titles(process, "bread-fruit") == ["Garden"]
    assert await titles(process, "when") == ["Tax", "Garden"]
    assert await titles(process, "cheese") == []
    assert await titles(process, "  ") == ["Tax", "Garden", "Sourdough bread"]
    assert await titles(process, None) == ["Tax", "Garden", "Sourdough bread"]


@pytest.mark.parametrize(
    "query",
    [
        '"', "'", "''", "\\", "a'b", "bread AND", "NOT bread", "title:bread", "user_id:1", "(bread", "bread*", "^bread",
        "bread NEAR/2 x", "{", "%", "-bread", "!", "a & | !", ":*", "bread:*A", "\0", "b\0r", "user 1", "user 2",
        "'; DROP TABLE message; --", "x" * 3000, "\u00b2",
    ],
)  # fmt: skip
async def test_what_people_type_is_text_and_nothing_else(process: Process, query: str) -> None:
    await make(process, "Sourdough")
    assert await titles(process, query) == []


async def test_only_ones_own_words_are_found(process: Process) -> None:
    await make(process, "Sourdough", "bread")
    hers = await process.conversations.create(BERT, title="bread")
    await process.conversations.append(BERT, hers.id, content="bread")
    assert await titles(process, "bread") == ["Sourdough"]


async def test_the_search_follows_every_change(process: Process) -> None:
    conversation = await make(process, "Sourdough", "rise")
    await process.conversations.rename(ANNE, conversation.id, title="Rye")
    assert await titles(process, "sourdough") == []
    assert await titles(process, "rye") == ["Rye"]
    await process.reply(ANNE, conversation.id)
    assert await titles(process, "hello") == ["Rye"]
    await process.conversations.delete(ANNE, conversation.id)
    again = await make(process, "Other")
    assert again.id != conversation.id
    for word in ("rye", "rise", "hello"):
        assert await titles(process, word) == []


async def test_found_conversations_come_in_pages_too(process: Process) -> None:
    made = [await make(process, f"Bread {number}", "bread", "more bread") for number in range(5)]
    first = await process.conversations.list(ANNE, query="bread", limit=3)
    second = await process.conversations.list(ANNE, query="bread", limit=3, cursor=first.next_cursor)
    assert [one.title for one in (*first.items, *second.items)] == [one.title for one in reversed(made)]


async def test_messages_follow_each_other_and_come_in_pages(process: Process) -> None:
    conversation_id = await process.ask(ANNE, *(f"Message {number}" for number in range(5)))
    first = await process.conversations.messages(ANNE, conversation_id, limit=3)
    second = await process.conversations.messages(ANNE, conversation_id, limit=3, cursor=first.next_cursor)
    everything = (*first.items, *second.items)
    assert [message.content for message in everything] == [f"Message {number}" for number in range(5)]
    assert [message.parent_id for message in everything] == [None, *(message.id for message in everything[:-1])]
    assert second.next_cursor is None
    assert (everything[0].role, everything[0].status) == (MessageRole.USER, MessageStatus.COMPLETE)


async def test_an_edit_is_a_sibling_and_both_branches_stay(process: Process) -> None:
    conversation_id = await process.ask(ANNE, "Hello?")
    await process.reply(ANNE, conversation_id)
    question, answer = await process.shown(ANNE, conversation_id)
    first = await process.conversations.append(ANNE, conversation_id, content="And then?")
    edit = await process.conversations.append(ANNE, conversation_id, content="And now?", parent_id=answer.id)
    assert [one.id for one in await process.shown(ANNE, conversation_id)] == [question.id, answer.id, edit.id]
    assert first.parent_id == edit.parent_id
    tree = await process.conversations.messages(ANNE, conversation_id, limit=10, tree=True)
    assert [one.id for one in tree.items] == [question.id, answer.id, first.id, edit.id]


async def test_selecting_a_message_shows_the_newest_branch_through_it(process: Process) -> None:
    conversation_id = await process.ask(ANNE, "One", "Two")
    one, two = await process.shown(ANNE, conversation_id)
    other = await process.conversations.append(ANNE, conversation_id, content="Other", parent_id=None)
    conversation = await process.conversations.select_leaf(ANNE, conversation_id, one.id)
    assert conversation.leaf_id == two.id
    await process.conversations.select_leaf(ANNE, conversation_id, other.id)
    assert await process.shown(ANNE, conversation_id) == (other,)


async def test_a_parent_must_be_of_the_same_conversation(process: Process) -> None:
    here, there = await process.ask(ANNE), await process.ask(ANNE)
    foreign = (await process.shown(ANNE, there))[0]
    for attempt in (
        process.conversations.append(ANNE, here, content="Hello?", parent_id=foreign.id),
        process.conversations.append(ANNE, here, content="Hello?", parent_id=10**9),
        process.conversations.select_leaf(ANNE, here, foreign.id),
    ):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.code == "message_not_found"


@pytest.mark.parametrize("content", ["", " \n", "\0"])
async def test_an_empty_message_is_refused(process: Process, content: str) -> None:
    conversation_id = await process.ask(ANNE)
    with pytest.raises(Invalid):
        await process.conversations.append(ANNE, conversation_id, content=content)


async def test_any_text_is_kept(process: Process) -> None:
    content = "\N{GRINNING FACE} \ud83d\ude00 \udc00 \x07 " + "wide \u4e16\u754c " * 50_000
    conversation_id = await process.ask(ANNE, content)
    kept = content.replace("\ud83d\ude00", "\N{GRINNING FACE}").replace("\udc00", "\ufffd")
    assert (await process.shown(ANNE, conversation_id))[0].content == kept


async def test_messages_sent_at_once_make_one_branch(process: Process) -> None:
    conversation_id = await process.ask(ANNE)
    await asyncio.gather(
        *(process.conversations.append(ANNE, conversation_id, content=str(number)) for number in range(10))
    )
    contents = [message.content for message in await process.shown(ANNE, conversation_id)]
    assert sorted(contents[1:], key=int) == [str(number) for number in range(10)]


async def test_messages_are_counted_and_the_days_quota_enforced(start: Start) -> None:
    process = await start(quotas=Quotas(daily_messages=2))
    conversation_id = await process.ask(ANNE, "One", "Two")
    with pytest.raises(QuotaExceeded):
        await process.conversations.append(ANNE, conversation_id, content="Three")
    with pytest.raises(QuotaExceeded):
        await process.generations.retry(ANNE, conversation_id, CHOICE)
    assert len(await process.shown(ANNE, conversation_id)) == 2


async def test_what_is_another_users_does_not_exist(process: Process) -> None:
    conversation_id = await process.ask(ANNE)
    message = (await process.shown(ANNE, conversation_id))[0]
    for attempt in (
        process.conversations.get(BERT, conversation_id),
        process.conversations.rename(BERT, conversation_id, title="Mine"),
        process.conversations.delete(BERT, conversation_id),
        process.conversations.messages(BERT, conversation_id, limit=10),
        process.conversations.append(BERT, conversation_id, content="Hello?"),
        process.conversations.select_leaf(BERT, conversation_id, message.id),
    ):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.code == "conversation_not_found"
    assert (await process.conversations.list(BERT)).items == ()
    assert await process.shown(ANNE, conversation_id) == (message,)


async def test_a_token_needs_the_scope(process: Process) -> None:
    conversation_id = await process.ask(ANNE)
    reader, writer = make_actor(1, Scope.READ), make_actor(1, Scope.WRITE)
    await process.conversations.get(reader, conversation_id)
    await process.conversations.append(writer, conversation_id, content="Hello?")
    attempts: Sequence[object] = (
        process.conversations.list(writer),
        process.conversations.messages(writer, conversation_id, limit=1),
        process.conversations.create(reader),
        process.conversations.append(reader, conversation_id, content="Hello?"),
        process.conversations.rename(reader, conversation_id, title="Mine"),
        process.conversations.delete(reader, conversation_id),
    )
    for attempt in attempts:
        with pytest.raises(Forbidden):
            await attempt
