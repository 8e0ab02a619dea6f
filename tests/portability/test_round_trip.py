"""An account out as one zip and in again, into the same account and into others, on each kind of database."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hearthside.conversations import store as conversation_store
from hearthside.conversations.model import InlineModel, MessageRole, MessageStatus
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy, WorkspaceCopy
from hearthside.kit.actor import Scope
from hearthside.kit.db import Database
from hearthside.kit.errors import Forbidden, Invalid
from hearthside.portability.model import ArchiveFormat, ImportReport
from tests.portability.rooms import NOON, House, conversation, files_of, person, zip_of

ADA, BOB = person(1), person(2)


@pytest.fixture
def house(database: Database) -> House:
    return House.on(database)


def said(key: str, parent: str | None = None, content: str = "Hello", **changes: Any) -> MessageCopy:
    role = MessageRole.USER if parent is None else MessageRole.ASSISTANT
    message = MessageCopy(key, parent, role, content, MessageStatus.COMPLETE, None, None, NOON)
    return replace(message, **changes)


async def store(house: House, head: ConversationCopy, *messages: MessageCopy, **more: Any) -> None:
    async def pages() -> Any:
        yield messages

    await house.transfer.take(ADA, head, pages(), origin="test", **more)


TREE = (
    said("q", content="Wie lange? 😀\n\n```\n# no heading\n```"),
    said("a1", "q", "Eine Stunde.", status=MessageStatus.CANCELLED, created_at=NOON + timedelta(microseconds=1)),
    said("a2", "q", "", status=MessageStatus.FAILED, provider_meta={"error": {"code": "x", "n": [1, 2.5, None]}}),
    said(
        "a3",
        "q",
        "Zwei.",
        provider_meta={"provider": "local", "model": "ember", "finish_reason": "stop"},
        usage={"input_tokens": 3, "output_tokens": 5},
    ),
    said("s", role=MessageRole.SYSTEM, content="Be brief."),
    said("n", "a1", "Cut", status=MessageStatus.INTERRUPTED),
    said("m", "n", "Noted", metadata={"client": {"version": [1, None]}}),
)


async def furnish(house: House) -> None:
    """Workspaces, a tree with every status and branch, an empty conversation, and two of one title."""
    workspaces = [
        WorkspaceCopy("w1", "Home", is_default=True, created_at=NOON, updated_at=NOON),
        WorkspaceCopy("w2", "Work", is_default=False, created_at=NOON, updated_at=NOON + timedelta(days=1)),
    ]
    ids = await house.transfer.take_workspaces(ADA, workspaces, origin="test")
    await store(house, conversation("c1", leaf="a1", workspace="w2", title="Brot: wie?"), *TREE, workspaces=ids)
    own_model = InlineModel("openai", "gpt-4o", system_prompt="Be brief.", temperature=0.5, max_tokens=99)
    await store(house, conversation("c2", title="Empty", inline_model=own_model))
    await store(house, conversation("c3", title="Empty"), said("q"))


def without_ids(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What is in an archive, with every id replaced by the place where it first stands."""
    places: dict[str, int] = {}

    def plain(line: dict[str, Any]) -> dict[str, Any]:
        ids = {name: line[name] for name in ("key", "parent", "leaf", "workspace") if line.get(name)}
        return line | {name: places.setdefault(value, len(places)) for name, value in ids.items()}

    return {
        name: [plain(json.loads(line)) for line in content.splitlines()] if name.endswith(".jsonl") else content
        for name, content in files.items()
    }


async def test_an_archive_imports_into_another_account_without_loss(house: House) -> None:
    await furnish(house)
    house.people.profiles[1] = {"display_name": "Ada", "username": "ada"}
    first = await house.export(ADA)
    report = await house.portability.import_(BOB, io.BytesIO(first))
    assert report == ImportReport(ArchiveFormat.HEARTHSIDE, 3, 0, 8, 0, ())
    assert house.people.profiles[2] == {"display_name": "Ada"}

    house.people.profiles[2] = house.people.profiles[1]
    second = await house.export(BOB)
    assert without_ids(files_of(second)) == without_ids(files_of(first))
    ours = {message.key for _, messages in await house.contents(ADA) for message in messages}
    assert ours.isdisjoint(message.key for _, messages in await house.contents(BOB) for message in messages)


async def test_an_archive_holds_what_it_says(house: House) -> None:
    await furnish(house)
    files = files_of(await house.export(ADA))
    assert list(files) == [
        "hearthside.json",
        "README.md",
        "profile.json",
        "workspaces.jsonl",
        "conversations/000001-brot-wie.jsonl",
        "conversations/000001-brot-wie.md",
        "conversations/000002-empty.jsonl",
        "conversations/000002-empty.md",
        "conversations/000003-empty.jsonl",
        "conversations/000003-empty.md",
    ]
    assert json.loads(files["hearthside.json"])["parts"] == ["profile", "conversations"]
    assert files["conversations/000001-brot-wie.md"].decode() == (
        "# Brot: wie?\n\n2025-03-01 12:00 UTC – 2025-03-01 13:00 UTC\n\n"
        "## You · 2025-03-01 12:00 UTC\n\n*1 more version of this message.*\n\n"
        "Wie lange? 😀\n\n```\n# no heading\n```\n\n"
        "## Assistant · 2025-03-01 12:00 UTC\n\n*2 more versions of this message.*\n\nEine Stunde.\n"
        "\n*(stopped here)*\n"
    )


async def test_the_tree_comes_out_as_it_went_in(house: House) -> None:
    await furnish(house)
    (head, messages), *_ = await house.contents(ADA)
    names = {message.key: original.key for message, original in zip(messages, TREE, strict=True)}
    assert [replace(m, key=names[m.key], parent=names.get(m.parent or "")) for m in messages] == list(TREE)
    assert names[head.leaf or ""] == "a1"
    assert (head.created_at, head.updated_at) == (NOON, NOON + timedelta(hours=1))


async def test_an_archive_that_is_imported_again_adds_nothing(house: House) -> None:
    await furnish(house)
    archive = await house.export(ADA)
    await house.portability.import_(BOB, io.BytesIO(archive))
    before = await house.contents(BOB), await house.transfer.workspaces(BOB)
    report = await house.portability.import_(BOB, io.BytesIO(archive))
    assert (report.conversations, report.grown, report.messages, report.skipped) == (0, 0, 0, 3)
    assert (await house.contents(BOB), await house.transfer.workspaces(BOB)) == before


async def test_an_archive_that_comes_home_adds_nothing(house: House) -> None:
    await furnish(house)
    before = await house.contents(ADA), await house.transfer.workspaces(ADA)
    report = await house.portability.import_(ADA, io.BytesIO(await house.export(ADA)))
    assert (report.conversations, report.messages, report.skipped) == (0, 0, 3)
    assert (await house.contents(ADA), await house.transfer.workspaces(ADA)) == before


async def test_a_conversation_that_has_grown_gets_what_is_new_and_shows_it(house: House) -> None:
    head = conversation("c", leaf="a")
    await store(house, head, said("q"), said("a", "q", "Hi"))
    later = replace(head, leaf="m", updated_at=head.updated_at + timedelta(days=1))
    await store(house, later, said("q"), said("a", "q", "Hi"), said("m", "a", "More"), said("b", "q", "Other"))
    ((grown, messages),) = await house.contents(ADA)
    assert [message.content for message in messages] == ["Hello", "Hi", "More", "Other"]
    assert (messages[2].parent, messages[3].parent) == (messages[1].key, messages[0].key)
    assert (grown.leaf, grown.updated_at) == (messages[2].key, later.updated_at)


async def test_a_branch_that_the_archive_knows_nothing_of_stays_the_one_that_is_shown(house: House) -> None:
    head = conversation("c", leaf="a")
    await store(house, head, said("q"), said("a", "q", "Here"))
    await store(house, replace(head, leaf="b"), said("q"), said("b", "q", "There"))
    ((after, messages),) = await house.contents(ADA)
    assert [message.content for message in messages] == ["Hello", "Here", "There"]
    assert after.leaf == messages[1].key


async def test_two_imports_at_once_make_one_conversation(house: House) -> None:
    await furnish(house)
    archive = await house.export(ADA)
    both = await asyncio.gather(*(house.portability.import_(BOB, io.BytesIO(archive)) for _ in range(2)))
    assert sum(report.conversations for report in both) == 3
    assert len(await house.contents(BOB)) == 3


async def test_an_archive_whose_conversations_were_deleted_brings_them_back(house: House, database: Database) -> None:
    await furnish(house)
    archive = await house.export(ADA)
    (conversation_id, _), *_ = [found async for found in house.transfer.conversations(ADA)]
    async with database.write() as connection:
        assert await conversation_store.delete(connection, ADA.user_id, conversation_id)
    report = await house.portability.import_(ADA, io.BytesIO(archive))
    assert (report.conversations, report.messages, report.skipped) == (1, 7, 2)


async def test_only_the_actors_own_things_are_exported(house: House) -> None:
    await furnish(house)
    assert await house.contents(BOB) == []
    names = files_of(await house.export(BOB))
    assert not [name for name in names if name.startswith("conversations/")]


async def test_another_persons_keys_reach_nothing_of_theirs(house: House) -> None:
    await furnish(house)
    before = await house.contents(ADA)
    (head, messages), *_ = before
    evil = {
        "hearthside.json": '{"format": "hearthside-account", "version": 1}',
        "workspaces.jsonl": "",
        "conversations/1.jsonl": "\n".join(
            json.dumps(line)
            for line in (
                {"type": "conversation", "key": head.key, "title": "Mine now"},
                {"key": messages[0].key, "role": "user", "status": "complete", "content": "overwritten"},
                {"key": "x", "parent": messages[1].key, "role": "user", "status": "complete", "content": "below"},
            )
        ),
    }
    await house.portability.import_(BOB, zip_of(evil))
    assert await house.contents(ADA) == before
    ((_, theirs),) = await house.contents(BOB)
    assert [message.parent for message in theirs] == [None, None]


async def test_a_conversation_that_breaks_off_leaves_nothing_and_the_others_come(house: House) -> None:
    await furnish(house)
    files: dict[str, str | bytes] = dict(files_of(await house.export(ADA)))
    name = "conversations/000001-brot-wie.jsonl"
    files[name] = bytes(files[name])[:-30]
    report = await house.portability.import_(BOB, zip_of(files))
    assert (report.conversations, report.messages) == (2, 1)
    assert [problem.partition(":")[0] for problem in report.problems] == [name]


async def test_lines_that_say_nothing_are_told_and_passed_over(house: House) -> None:
    lines = [
        {"type": "conversation", "key": "c", "title": " \n" + "x" * 600, "created_at": "soon"},
        {"key": "q", "role": "user", "status": "complete", "content": "Hello \x00"},
        {"key": "q", "role": "user", "status": "complete", "content": "twice"},
        {"key": "k", "role": "robot", "status": "complete"},
        {"role": "user", "status": "complete"},
        {"key": "m", "role": "user", "status": "fresh"},
        {"key": "a", "parent": "b", "role": "assistant", "status": "streaming", "usage": {"x": -1, "y": 2, "z": "3"}},
        {"key": "b", "parent": "a", "role": "assistant", "status": "complete", "provider_meta": {"x": "y" * 300_000}},
    ]
    files = {
        "hearthside.json": '{"format": "hearthside-account", "version": 1}',
        "conversations/1.jsonl": "\n".join(map(json.dumps, lines)),
        "conversations/2.jsonl": "",
        "conversations/3.jsonl": '{"type": "message"}',
    }
    report = await house.portability.import_(BOB, zip_of(files))
    assert [problem.partition(":")[0] for problem in report.problems] == [
        *(f"conversations/1.jsonl, line {line}" for line in (4, 5, 6, 8)),
        "conversations/2.jsonl",
        "conversations/3.jsonl",
    ]
    ((head, messages),) = await house.contents(BOB)
    assert head.title == "x" * 500
    assert [(m.content, m.status, m.usage, m.parent) for m in messages] == [
        ("Hello ", MessageStatus.COMPLETE, None, None),
        ("", MessageStatus.INTERRUPTED, {"y": 2}, None),
    ]


@pytest.mark.parametrize(
    ("manifest", "code"),
    [("", "archive_invalid"), ("[]", "archive_invalid"), ('{"format": "x"}', "archive_invalid"),
     ('{"format": "hearthside-account", "version": 2}', "archive_version")],
)  # fmt: skip
async def test_a_manifest_that_is_not_ours_or_too_new_is_refused(house: House, manifest: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await house.portability.import_(ADA, zip_of({"hearthside.json": manifest}))
    assert caught.value.code == code


async def test_a_token_needs_the_scope(house: House) -> None:
    reader, writer = person(1, frozenset({Scope.READ})), person(1, frozenset({Scope.WRITE}))
    assert await house.export(reader)
    with pytest.raises(Forbidden):
        await house.portability.import_(reader, io.BytesIO(b"[]"))
    with pytest.raises(Forbidden):
        await house.export(writer)
