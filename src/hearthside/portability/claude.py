"""Claude's data export: `conversations.json`. A pure codec.

Nobody publishes the format; this follows what exports hold. A conversation is {uuid, name, created_at, updated_at,
chat_messages}; a message {uuid, sender (human | assistant), text, content, created_at, attachments, files} and, in
newer exports, parent_message_uuid, which makes the list a tree. Older ones are one line, in the order of the list.
`content` holds blocks (text, thinking, tool_use, tool_result, …), and `text` repeats those of text, with a remark in
place of every other one; the oldest have `text` alone.

Taken over: texts, what was attached as text (a long paste is an attachment), names of files, and the documents that
Claude wrote (artifacts and files). Reasoning and other tools are left out.
"""

from collections.abc import Iterator
from datetime import datetime

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy
from hearthside.kit.errors import Invalid
from hearthside.portability import fields
from hearthside.portability.fields import Json
from hearthside.portability.markdown import fenced
from hearthside.portability.model import ArchiveFormat, ForeignConversation

_ROLES = {
    "human": MessageRole.USER,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
    "system": MessageRole.SYSTEM,
}


def is_conversation(raw: Json) -> bool:
    return isinstance(raw.get("chat_messages"), list)


def from_conversation(raw: Json, *, now: datetime) -> ForeignConversation:
    """`now` stands in where the file says nothing of the time. Errors: Invalid."""
    key = fields.text(raw, "uuid")
    if not key:
        raise Invalid("it has no uuid")
    created_at = fields.moment(raw, "created_at") or now
    tree = _Tree(raw, created_at)
    head = ConversationCopy(
        key=key,
        title=fields.text(raw, "name") or fields.text(raw, "summary")[:80],
        workspace=None,
        leaf=tree.leaf(fields.text(raw, "current_leaf_message_uuid")),
        created_at=created_at,
        updated_at=fields.moment(raw, "updated_at") or created_at,
    )
    return ForeignConversation(ArchiveFormat.CLAUDE, head, tuple(tree.messages))


class _Tree:
    """The messages that hold something. What hangs below one that holds nothing hangs below its parent."""

    def __init__(self, conversation: Json, created_at: datetime) -> None:
        self._model = fields.text_or_none(conversation, "model")
        listed = fields.objects(conversation, "chat_messages")
        keys = {fields.text(message, "uuid") for message in listed}
        self._is_linked = any(fields.text(message, "parent_message_uuid") in keys - {""} for message in listed)
        self._places: dict[
            str, str | None
        ] = {}  # of every message: its own key or, where it holds nothing, its parent's
        self._last: str | None = None  # of the list, whatever it holds
        self._newest: MessageCopy | None = None
        self.messages: list[MessageCopy] = []
        for message in _in_order(listed, keys):
            self._add(message, self._newest.created_at if self._newest else created_at)

    def leaf(self, wanted: str) -> str | None:
        """The message that the export calls the current one, else the newest: no message is newer than what follows."""
        return self._places.get(wanted) or (self._newest.key if self._newest else None)

    def _add(self, message: Json, before: datetime) -> None:
        key = fields.text(message, "uuid") or f"message-{len(self._places) + 1}"
        parent = self._parent_of(message)
        copy = _message(message, key, parent, self._model, before)
        self._places[key] = key if copy else parent
        self._last = key
        if copy is not None:
            self.messages.append(copy)
            if self._newest is None or copy.created_at >= self._newest.created_at:
                self._newest = copy

    def _parent_of(self, message: Json) -> str | None:
        """Where messages are linked, a parent that is not in the list is the root; else it is the one before."""
        if self._is_linked:
            return self._places.get(fields.text(message, "parent_message_uuid"))
        return self._places.get(self._last or "")


def _in_order(messages: list[Json], keys: set[str]) -> Iterator[Json]:
    """Parents before their children, and else as they are listed."""
    children: dict[str, list[Json]] = {}
    roots: list[Json] = []
    for message in messages:
        parent = fields.text(message, "parent_message_uuid")
        (children.setdefault(parent, []) if parent in keys and parent else roots).append(message)
    waiting = roots[::-1]
    while waiting:
        message = waiting.pop()
        yield message
        # Taken out, so that two messages of one uuid do not both bring what hangs below.
        waiting += reversed(children.pop(fields.text(message, "uuid"), []))


def _message(message: Json, key: str, parent: str | None, model: str | None, before: datetime) -> MessageCopy | None:
    role = _ROLES.get(fields.text(message, "sender"))
    content = "\n\n".join(text for text in (*_attached(message), _written(message)) if text)
    if role is None or not content:
        return None
    stop_reason = fields.text_or_none(message, "stop_reason")
    meta = {"provider": ArchiveFormat.CLAUDE.value, "model": model, "finish_reason": stop_reason}
    return MessageCopy(
        key=key,
        parent=parent,
        role=role,
        content=content,
        status=MessageStatus.CANCELLED if stop_reason == "user_canceled" else MessageStatus.COMPLETE,
        provider_meta=meta if role is MessageRole.ASSISTANT else None,
        usage=None,
        created_at=fields.moment(message, "created_at") or before,
    )


def _written(message: Json) -> str:
    blocks = fields.objects(message, "content")
    if not blocks:
        return fields.text(message, "text").strip()
    return "\n\n".join(filter(None, (_block(block).strip() for block in blocks)))


def _block(block: Json) -> str:
    kind = fields.text(block, "type")
    if kind in {"text", "voice_note"}:
        return fields.text(block, "text")
    return _document(fields.mapping(block, "input")) if kind == "tool_use" else ""


def _document(made: Json) -> str:
    """A document that a tool was given to write: an artifact {title, language, content}, a file {path, file_text}."""
    written = fields.text(made, "content") if "command" in made else fields.text(made, "file_text")
    if not written:
        return ""
    title = fields.text(made, "title") or fields.text(made, "path")
    return f"**{title}**\n\n{fenced(written, fields.text(made, 'language'))}"


def _attached(message: Json) -> Iterator[str]:
    names: set[str] = set()
    for attachment in fields.objects(message, "attachments"):
        name, content = fields.text(attachment, "file_name"), fields.text(attachment, "extracted_content")
        names.add(name)
        yield f"[file: {name or 'pasted text'}]" + (f"\n\n{fenced(content)}" if content else "")
    for file in fields.objects(message, "files"):
        name = fields.text(file, "file_name")
        if name and name not in names:
            yield f"[file: {name}]"
