"""ChatGPT's conversations, in the shapes that its exports have. The codec is pure, so it is tried by itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.kit.errors import Invalid
from hearthside.portability.chatgpt import from_conversation
from hearthside.portability.model import ForeignConversation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def node(id_: str, parent: str | None, message: dict[str, Any] | None, children: list[str]) -> dict[str, Any]:
    return {"id": id_, "parent": parent, "message": message, "children": children}


def said(role: str, *parts: Any, time: float | None = None, **more: Any) -> dict[str, Any]:
    kind = "text" if all(isinstance(part, str) for part in parts) else "multimodal_text"
    message: dict[str, Any] = {
        "id": "m",
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": time,
        "update_time": None,
        "content": {"content_type": kind, "parts": list(parts)},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
    }
    return message | more


def ran(role: str, kind: str, text: str, **more: Any) -> dict[str, Any]:
    return said(role, **more) | {"content": {"content_type": kind, "language": "unknown", "text": text}}


def read(*nodes: dict[str, Any], current: str | None = None, **more: Any) -> ForeignConversation:
    raw: dict[str, Any] = {
        "title": "Sourdough",
        "create_time": 1700000000.5,
        "update_time": 1700000100.25,
        "mapping": {one["id"]: one for one in nodes},
        "current_node": current,
        "conversation_id": "c-1",
    }
    return from_conversation(raw | more, now=NOW)


def lines(conversation: ForeignConversation) -> list[tuple[str, str | None, str]]:
    return [(message.key, message.parent, message.content) for message in conversation.messages]


def test_an_edit_and_a_second_answer_are_branches_and_the_current_one_is_shown() -> None:
    conversation = read(
        node("root", None, None, ["q1", "q2"]),
        node("q1", "root", said("user", "How long?", time=1700000001.0), ["a1", "a2"]),
        node("a1", "q1", said("assistant", "An hour."), []),
        node("a2", "q1", said("assistant", "Two hours."), []),
        node("q2", "root", said("user", "How hot?"), []),
        current="a2",
    )
    assert lines(conversation) == [
        ("q1", None, "How long?"),
        ("a1", "q1", "An hour."),
        ("a2", "q1", "Two hours."),
        ("q2", None, "How hot?"),
    ]
    assert conversation.head.leaf == "a2"
    assert [message.role for message in conversation.messages[:2]] == [MessageRole.USER, MessageRole.ASSISTANT]


def test_times_are_seconds_and_a_missing_one_is_that_of_the_message_before() -> None:
    conversation = read(
        node("q", None, said("user", "Hello", time=1700000001.125), ["a"]),
        node("a", "q", said("assistant", "Hi", time=None), []),
    )
    assert [m.created_at for m in conversation.messages] == [datetime(2023, 11, 14, 22, 13, 21, 125000, UTC)] * 2
    assert conversation.head.created_at == datetime(2023, 11, 14, 22, 13, 20, 500000, UTC)
    assert conversation.head.updated_at == datetime(2023, 11, 14, 22, 15, 0, 250000, UTC)


@pytest.mark.parametrize("time", [None, "yesterday", 1e300, True, [1]])
def test_times_that_are_none_count_as_missing(time: Any) -> None:
    conversation = read(node("q", None, said("user", "Hello", time=time), []), create_time=time, update_time=time)
    assert conversation.head.created_at == conversation.messages[0].created_at == NOW


def test_what_is_hidden_goes_and_what_hangs_below_it_hangs_below_its_parent() -> None:
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    conversation = read(
        node("root", None, None, ["s"]),
        node("s", "root", said("system", ""), ["u"]),
        node("u", "s", said("user", "About me: …", **hidden), ["q"]),
        node("q", "u", said("user", "Hello"), ["t"]),
        node("t", "q", said("assistant") | {"content": {"content_type": "thoughts", "thoughts": []}}, ["a"]),
        node("a", "t", said("assistant", "Hi"), []),
        current="a",
    )
    assert lines(conversation) == [("q", None, "Hello"), ("a", "q", "Hi")]


def test_a_system_message_that_is_shown_stays() -> None:
    conversation = read(node("s", None, said("system", "Be brief."), []))
    assert conversation.messages[0].role is MessageRole.SYSTEM


def test_all_that_a_reply_consists_of_is_one_message() -> None:
    conversation = read(
        node("q", None, said("user", "2+2?"), ["c"]),
        node("c", "q", ran("assistant", "code", "print(2+2)", recipient="python"), ["o"]),
        node("o", "c", ran("tool", "execution_output", "4"), ["a"]),
        node("a", "o", said("assistant", "Four.", metadata={"model_slug": "gpt-4o"}), ["n"]),
        node("n", "a", said("user", "Thanks"), []),
        current="n",
    )
    reply = "```python\nprint(2+2)\n```\n\n```\n4\n```\n\nFour."
    assert lines(conversation) == [("q", None, "2+2?"), ("c", "q", reply), ("n", "c", "Thanks")]
    assert conversation.messages[1].provider_meta == {"provider": "chatgpt", "model": "gpt-4o", "finish_reason": None}


def test_the_shown_leaf_may_be_a_part_of_a_reply() -> None:
    conversation = read(
        node("q", None, said("user", "2+2?"), ["c"]),
        node("c", "q", ran("assistant", "code", "2+2", recipient="python"), ["a"]),
        node("a", "c", said("assistant", "Four."), []),
        current="a",
    )
    assert conversation.head.leaf == "c"


def test_what_is_told_to_a_search_and_what_it_finds_is_left_out() -> None:
    page = said("tool") | {"content": {"content_type": "tether_quote", "text": "a whole page", "url": "https://x"}}
    conversation = read(
        node("q", None, said("user", "News?"), ["s"]),
        node("s", "q", ran("assistant", "code", 'search("news")', recipient="web"), ["p"]),
        node("p", "s", page, ["a"]),
        node("a", "p", said("assistant", "None."), []),
    )
    assert lines(conversation) == [("q", None, "News?"), ("a", "q", "None.")]


def test_parts_that_are_no_text_leave_their_names_and_their_words() -> None:
    image = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "sediment://file_0001",
        "metadata": {"dalle": {"prompt": "a loaf"}},
    }
    spoken = {"content_type": "audio_transcription", "text": "Look at this", "direction": "in"}
    attached = {"attachments": [{"id": "f", "name": "notes.pdf", "mime_type": "application/pdf"}]}
    conversation = read(node("q", None, said("user", image, "and this", spoken, None, 7, metadata=attached), []))
    assert conversation.messages[0].content == (
        "[file: notes.pdf]\n\n[image: file_0001]\n\na loaf\n\nand thisLook at this"
    )


def test_a_tools_picture_is_kept_and_its_text_for_the_model_is_not() -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-9"}
    conversation = read(node("t", None, said("tool", "DALL-E returned some images.", image), []))
    assert conversation.messages[0].content == "[image: file-9]"


def test_a_canvas_document_is_kept() -> None:
    call = '{"name": "recipe", "type": "document", "content": "# Bread\\n\\nFlour."}'
    conversation = read(node("c", None, ran("assistant", "code", call, recipient="canmore.create_textdoc"), []))
    assert conversation.messages[0].content == "**recipe**\n\n```\n# Bread\n\nFlour.\n```"


def test_marks_of_citations_become_links_or_go() -> None:
    text = "Rye\ue200cite\ue202turn0search1\ue201 rises\ue200cite\ue202turn0news2\ue201."
    references = [
        {"matched_text": "\ue200cite\ue202turn0search1\ue201", "alt": " ([Rye](https://r.example))", "type": "x"}
    ]
    conversation = read(node("a", None, said("assistant", text, metadata={"content_references": references}), []))
    assert conversation.messages[0].content == "Rye ([Rye](https://r.example)) rises."


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"status": "finished_successfully"}, MessageStatus.COMPLETE),
        ({"status": "in_progress"}, MessageStatus.INTERRUPTED),
        ({"status": "error"}, MessageStatus.FAILED),
        ({"metadata": {"finish_details": {"type": "interrupted"}}}, MessageStatus.CANCELLED),
    ],
)
def test_what_became_of_a_reply(message: dict[str, Any], status: MessageStatus) -> None:
    conversation = read(node("a", None, said("assistant", "Well", **message), []))
    assert conversation.messages[0].status is status


def test_a_node_whose_parent_is_missing_begins_a_branch_and_a_circle_is_left_out() -> None:
    conversation = read(
        node("q", "gone", said("user", "Hello"), []),
        node("x", "y", said("user", "round"), ["y"]),
        node("y", "x", said("user", "and round"), ["x"]),
        current="y",
    )
    assert lines(conversation) == [("q", None, "Hello")]
    assert conversation.head.leaf is None


def test_ten_thousand_turns_are_no_deeper_than_one() -> None:
    chain = [node("0", None, said("user", "0"), [])]
    chain += [node(str(n), str(n - 1), said(("user", "assistant")[n % 2], str(n)), []) for n in range(1, 10_000)]
    assert len(read(*chain, current="9999").messages) == 10_000


@pytest.mark.parametrize(
    "mapping", [{}, {"a": None}, {"a": {"message": []}}, {"a": {"message": {"author": 3, "content": "x"}}}]
)
def test_nodes_that_hold_nonsense_hold_nothing(mapping: Any) -> None:
    assert from_conversation({"id": "c", "mapping": mapping}, now=NOW).messages == ()


def test_a_conversation_without_an_id_cannot_be_told_from_others() -> None:
    with pytest.raises(Invalid):
        from_conversation({"mapping": {}}, now=NOW)
