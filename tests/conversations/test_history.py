"""What a model is asked; unit tests, because these are pure rules with many cases."""

from datetime import UTC, datetime

from hearthside.conversations.history import request
from hearthside.conversations.model import Message, MessageRole, MessageStatus
from tests.conversations.process import CHOICE

SYSTEM, USER, ASSISTANT = MessageRole.SYSTEM, MessageRole.USER, MessageRole.ASSISTANT


def message(role: MessageRole, content: str, status: MessageStatus = MessageStatus.COMPLETE) -> Message:
    return Message(1, "", 1, None, role, content, status, None, None, datetime(2026, 1, 1, tzinfo=UTC))


def asked(*branch: Message, beginning: str = "") -> list[tuple[str, str]]:
    made = request(branch, CHOICE, beginning=beginning, user_uid="someone")
    return [(one.role.value, one.text) for one in made.messages]


def test_system_messages_stand_first() -> None:
    branch = (message(USER, "Hi"), message(SYSTEM, "Be kind."), message(ASSISTANT, "Hello"), message(USER, "Bye"))
    assert asked(*branch) == [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]


def test_cancelled_and_interrupted_replies_are_told_and_failed_and_unfinished_ones_are_not() -> None:
    branch = [message(USER, "Hi")]
    for status in MessageStatus:
        branch += [message(ASSISTANT, status.value, status), message(USER, "and?")]
    assert [text for role, text in asked(*branch) if role == "assistant"] == ["complete", "cancelled", "interrupted"]


def test_neighbours_of_one_role_take_one_turn() -> None:
    branch = (message(USER, "Hi"), message(ASSISTANT, "", MessageStatus.FAILED), message(USER, "Are you there?"))
    assert asked(*branch) == [("user", "Hi\n\nAre you there?")]


def test_what_was_begun_stands_last() -> None:
    assert asked(message(USER, "Hi"), beginning="Once upon ") == [("user", "Hi"), ("assistant", "Once upon ")]
