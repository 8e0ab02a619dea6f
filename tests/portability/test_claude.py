"""Claude's conversations, in the shapes that its exports have. The codec is pure, so it is tried by itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.kit.errors import Invalid
from hearthside.portability.claude import from_conversation
from hearthside.portability.model import ForeignConversation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = "00000000-0000-4000-8000-000000000000"


def said(uuid: str, sender: str, text: str, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = {
        "uuid": uuid,
        "text": text,
        "content": [{"type": "text", "text": text, "citations": []}],
        "sender": sender,
        "created_at": "2025-03-01T10:00:00.123456Z",
        "updated_at": "2025-03-01T10:00:00.123456Z",
        "attachments": [],
        "files": [],
    }
    return message | more


def read(*messages: Any, **more: Any) -> ForeignConversation:
    raw: dict[str, Any] = {
        "uuid": "c-1",
        "name": "Sourdough",
        "created_at": "2025-03-01T10:00:00.000001Z",
        "updated_at": "2025-03-02T11:00:00Z",
        "account": {"uuid": "u"},
        "chat_messages": list(messages),
    }
    return from_conversation(raw | more, now=NOW)


def lines(conversation: ForeignConversation) -> list[tuple[str, str | None, str]]:
    return [(message.key, message.parent, message.content) for message in conversation.messages]


def test_an_older_export_is_one_line_in_the_order_of_the_list() -> None:
    conversation = read(said("a", "human", "Hello"), said("b", "assistant", "Hi"), said("c", "human", "Bye"))
    assert lines(conversation) == [("a", None, "Hello"), ("b", "a", "Hi"), ("c", "b", "Bye")]
    assert [m.role for m in conversation.messages[:2]] == [MessageRole.USER, MessageRole.ASSISTANT]
    assert conversation.head.leaf == "c"
    assert conversation.head.created_at == datetime(2025, 3, 1, 10, 0, 0, 1, UTC)
    assert conversation.messages[0].created_at == datetime(2025, 3, 1, 10, 0, 0, 123456, UTC)


def test_a_newer_export_is_a_tree_whose_newest_message_is_shown() -> None:
    conversation = read(
        said("q", "human", "How long?", parent_message_uuid=ROOT),
        said("a1", "assistant", "An hour.", parent_message_uuid="q"),
        said("n", "human", "And?", parent_message_uuid="a2", created_at="2025-03-01T10:00:03Z"),
        said("a2", "assistant", "Two.", parent_message_uuid="q", created_at="2025-03-01T10:00:02Z"),
    )
    assert lines(conversation) == [
        ("q", None, "How long?"),
        ("a1", "q", "An hour."),
        ("a2", "q", "Two."),
        ("n", "a2", "And?"),
    ]
    assert conversation.head.leaf == "n"


def test_the_message_that_the_export_calls_the_current_one_is_shown() -> None:
    conversation = read(
        said("q", "human", "How long?", parent_message_uuid=ROOT),
        said("a1", "assistant", "An hour.", parent_message_uuid="q"),
        said("a2", "assistant", "Two.", parent_message_uuid="q"),
        current_leaf_message_uuid="a1",
    )
    assert conversation.head.leaf == "a1"


def test_text_and_documents_are_taken_and_reasoning_and_other_tools_are_not() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Here it is."},
        {"type": "tool_use", "name": "web_search", "input": {"query": "bread"}},
        {"type": "tool_result", "name": "web_search", "content": [{"type": "text", "text": "a page"}]},
        {
            "type": "tool_use",
            "name": "artifacts",
            "input": {"command": "create", "title": "Oven", "language": "python", "content": "heat()"},
        },
        {"type": "tool_use", "name": "create_file", "input": {"path": "/a.md", "file_text": "Flour."}},
        {"type": "text", "text": "Enjoy."},
    ]
    conversation = read(
        said("a", "assistant", "This block is not supported on your current device yet.", content=blocks)
    )
    assert conversation.messages[0].content == (
        "Here it is.\n\n**Oven**\n\n```python\nheat()\n```\n\n**/a.md**\n\n```\nFlour.\n```\n\nEnjoy."
    )


def test_the_oldest_exports_have_text_alone() -> None:
    message = said("a", "human", "Hello")
    del message["content"]
    assert lines(read(message)) == [("a", None, "Hello")]


def test_attached_text_stands_before_what_was_said_and_files_by_name() -> None:
    attachments = [{"file_name": "notes.txt", "file_type": "txt", "extracted_content": "one ``` two"}]
    files = [{"file_name": "notes.txt"}, {"file_name": "photo.jpg"}]
    conversation = read(said("q", "human", "Read this", attachments=attachments, files=files))
    assert conversation.messages[0].content == (
        "[file: notes.txt]\n\n````\none ``` two\n````\n\n[file: photo.jpg]\n\nRead this"
    )


def test_what_hangs_below_an_empty_message_hangs_below_its_parent() -> None:
    conversation = read(
        said("q", "human", "Hello", parent_message_uuid=ROOT),
        said("e", "assistant", "", parent_message_uuid="q"),
        said("n", "human", "Still there?", parent_message_uuid="e"),
    )
    assert lines(conversation) == [("q", None, "Hello"), ("n", "q", "Still there?")]


def test_a_reply_that_was_stopped_is_cancelled() -> None:
    conversation = read(said("a", "assistant", "Well", stop_reason="user_canceled"), model="claude-x")
    assert conversation.messages[0].status is MessageStatus.CANCELLED
    assert conversation.messages[0].provider_meta == {
        "provider": "claude",
        "model": "claude-x",
        "finish_reason": "user_canceled",
    }


def test_circles_and_doubles_end() -> None:
    conversation = read(
        said("x", "human", "round", parent_message_uuid="y"),
        said("y", "human", "and round", parent_message_uuid="x"),
        said("q", "human", "Hello", parent_message_uuid=ROOT),
        said("q", "human", "Hello again", parent_message_uuid=ROOT),
        said("a", "assistant", "Hi", parent_message_uuid="q"),
    )
    assert [key for key, _, _ in lines(conversation)] == ["q", "a", "q"]


@pytest.mark.parametrize("messages", [[], [None], [{}], [{"sender": "human", "content": 3}], ["text"]])
def test_messages_that_hold_nonsense_hold_nothing(messages: list[Any]) -> None:
    assert read(*messages).messages == ()


def test_a_conversation_without_a_uuid_cannot_be_told_from_others() -> None:
    with pytest.raises(Invalid):
        from_conversation({"chat_messages": []}, now=NOW)
