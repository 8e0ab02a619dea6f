"""Exports of ChatGPT's and Claude's on their way into an account, on each kind of database."""

import io
import json
from typing import Any

import pytest

from hearthside.kit.db import Database
from hearthside.portability.model import ArchiveFormat, Limits, Tally
from tests.portability.rooms import House, person, zip_of, zip_of_conversations

ADA = person(1)


@pytest.fixture
def house(database: Database) -> House:
    return House.on(database)


def gpt(key: str, *texts: str, title: str | None = "Bread") -> dict[str, Any]:
    mapping: dict[str, Any] = {"root": {"message": None, "parent": None, "children": ["0"]}}
    for number, text in enumerate(texts):
        role = ("user", "assistant")[number % 2]
        message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, "create_time": 1e9}
        mapping[str(number)] = {"message": message, "parent": str(number - 1) if number else "root"}
    return {"conversation_id": key, "title": title, "mapping": mapping, "current_node": str(len(texts) - 1)}


def claude(key: str, *texts: str) -> dict[str, Any]:
    messages = [
        {"uuid": f"{key}-{number}", "sender": ("human", "assistant")[number % 2], "text": text}
        for number, text in enumerate(texts)
    ]
    return {"uuid": key, "name": "Bread", "chat_messages": messages, "created_at": "2025-03-01T10:00:00Z"}


async def texts(house: House) -> list[list[str]]:
    return [[message.content for message in messages] for _, messages in await house.contents(ADA)]


async def test_an_export_of_chatgpts_in_several_files(house: House) -> None:
    packed = zip_of(
        {
            "conversations-000.json": json.dumps([gpt("a", "Hello", "Hi"), gpt("b", "And?", title=None)]),
            "conversations-001.json": json.dumps([gpt("c", "Bye"), gpt("d")]),
            "chat.html": "<html>",
        }
    )
    report = await house.portability.import_(ADA, packed)
    assert (report.format, report.conversations, report.messages, report.skipped) == (ArchiveFormat.CHATGPT, 3, 4, 1)
    assert await texts(house) == [["Hello", "Hi"], ["And?"], ["Bye"]]
    (first, messages), (second, _), _ = await house.contents(ADA)
    assert (first.title, second.title) == ("Bread", "New Conversation")
    assert first.leaf == messages[1].key
    assert first.workspace == (await house.transfer.workspaces(ADA))[0].key


async def test_an_export_that_comes_again_only_adds_what_is_new(house: House) -> None:
    await house.portability.import_(ADA, zip_of_conversations(claude("a", "Hello", "Hi"), claude("b", "And?")))
    again = zip_of_conversations(claude("a", "Hello", "Hi", "More"), claude("b", "And?"), claude("c", "New"))
    report = await house.portability.import_(ADA, again)
    assert (report.format, report.conversations, report.grown) == (ArchiveFormat.CLAUDE, 1, 1)
    assert (report.messages, report.skipped) == (2, 1)
    assert await texts(house) == [["Hello", "Hi", "More"], ["And?"], ["New"]]


async def test_the_same_id_at_another_origin_is_another_conversation(house: House) -> None:
    await house.portability.import_(ADA, zip_of_conversations(gpt("a", "Hello")))
    await house.portability.import_(ADA, zip_of_conversations(claude("a", "Hello")))
    assert await texts(house) == [["Hello"], ["Hello"]]


async def test_conversations_that_cannot_be_read_are_told_and_the_others_come(house: House) -> None:
    nameless, strange, deep = gpt("", "Hello"), {"title": "?"}, gpt("deep", "Hello")
    deep["mapping"]["x"] = json.loads("[" * 70 + "]" * 70)
    report = await house.portability.import_(
        ADA, zip_of_conversations(gpt("a", "Hello"), nameless, strange, deep, claude("b", "Hi"))
    )
    assert [problem.partition(":")[0] for problem in report.problems] == [
        f"conversations.json, conversation {number}" for number in (2, 3, 4)
    ]
    assert await texts(house) == [["Hello"], ["Hi"]]


async def test_a_file_that_is_cut_off_gives_what_is_whole(house: House) -> None:
    data = json.dumps([gpt("a", "Hello"), gpt("b", "And?")]).encode()[:-40]
    report = await house.portability.import_(ADA, io.BytesIO(data))
    assert report.conversations == 1
    assert len(report.problems) == 1
    assert await texts(house) == [["Hello"]]


async def test_text_that_no_database_takes_is_cleaned(house: House) -> None:
    await house.portability.import_(ADA, zip_of_conversations(gpt("a\0\ud800", "Hello \0\ud800", title="\0\ud800")))
    ((head, messages),) = await house.contents(ADA)
    assert (head.title, messages[0].content) == ("�", "Hello �")


async def test_a_hundred_problems_are_told_and_the_rest_counted(house: House) -> None:
    report = await house.portability.import_(ADA, zip_of_conversations(claude("a", "Hi"), *[{}] * 150))
    assert len(report.problems) == 101
    assert report.problems[-1] == "… and 50 more."


async def test_progress_is_told_after_every_conversation(house: House) -> None:
    seen: list[int] = []

    def watch(tally: Tally) -> None:
        seen.append(tally.conversations)

    packed = zip_of_conversations(gpt("a", "Hello"), gpt("b", "And?"))
    await house.portability.import_(ADA, packed, watch=watch)
    assert seen == [1, 2]


async def test_a_conversation_that_is_too_large_is_told(database: Database) -> None:
    house = House.on(database, Limits(document_bytes=2000))
    report = await house.portability.import_(ADA, zip_of_conversations(gpt("a", "x" * 3000), gpt("b", "Hello")))
    assert (report.conversations, len(report.problems)) == (1, 1)
