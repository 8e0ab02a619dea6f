"""A conversation as Markdown for people: a heading, then each message under its speaker. Pure functions."""

import re
from datetime import UTC, datetime

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy

_SPEAKERS = {MessageRole.USER: "You", MessageRole.ASSISTANT: "Assistant", MessageRole.SYSTEM: "System"}
_REMARKS = {
    MessageStatus.CANCELLED: "stopped here",
    MessageStatus.FAILED: "failed here",
    MessageStatus.INTERRUPTED: "cut off here",
    MessageStatus.STREAMING: "not finished",
}
_BACKTICKS = re.compile("`+")
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")


def to_heading(conversation: ConversationCopy) -> str:
    title = " ".join(conversation.title.split())
    return f"# {title}\n\n{_moment(conversation.created_at)} – {_moment(conversation.updated_at)}\n"


def to_section(message: MessageCopy, *, versions: int = 1) -> str:
    """`versions`: how many messages stand in its place in the tree, itself included; JSON has the others."""
    heading = f"\n## {_speaker(message)} · {_moment(message.created_at)}\n"
    others = f"\n*{versions - 1} more {'version' if versions == 2 else 'versions'} of this message.*\n"
    remark = _REMARKS.get(message.status)
    ending = f"\n*({remark})*\n" if remark else ""
    return f"{heading}{others if versions > 1 else ''}\n{message.content.rstrip()}\n{ending}"


def fenced(text: str, language: str = "") -> str:
    """Text as a block of code, whatever backticks are in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language if _LANGUAGE.fullmatch(language) else ''}\n{text.rstrip()}\n{fence}"


def _speaker(message: MessageCopy) -> str:
    model = (message.provider_meta or {}).get("model")
    speaker = _SPEAKERS[message.role]
    return f"{speaker} ({' '.join(model.split())})" if isinstance(model, str) and model else speaker


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
