"""ChatGPT's data export: `conversations.json`, or `conversations-000.json` and so on. A pure codec.

Nobody publishes the format; this follows what exports hold. A conversation is {conversation_id | id, title,
create_time, update_time, current_node, mapping}; `mapping` is a tree of nodes {id, parent, children, message | null}.
A message is {author {role, name}, recipient, content {content_type, parts | text | …}, create_time, status, metadata};
times are seconds since 1970, or null.

What ChatGPT shows is taken over: every branch, texts, transcripts, the code that was run and what it printed, canvas
documents, names of files and pictures. What it hides is left out: hidden and empty nodes, its own system messages,
reasoning, searches and the pages that they found. What hangs below a node that is left out hangs below its parent. All
that a reply consists of becomes one message, as it is shown.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy
from hearthside.kit.errors import Invalid
from hearthside.portability import fields
from hearthside.portability.fields import Json
from hearthside.portability.markdown import fenced
from hearthside.portability.model import ArchiveFormat, ForeignConversation

_ROLES = {
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
    "tool": MessageRole.ASSISTANT,
    "system": MessageRole.SYSTEM,
}
_STATUSES = {
    "in_progress": MessageStatus.INTERRUPTED,
    "finished_partial_completion": MessageStatus.INTERRUPTED,
    "error": MessageStatus.FAILED,
}
# Citations stand in the text between characters of the private use area: E200 kind E202 place E201.
_MARKS = re.compile("\ue200[^\ue200\ue201]*\ue201")
_CANVAS = "canmore."
_SHOWN_TO = re.compile(r"all|assistant|python|canmore\..*")


def is_conversation(raw: Json) -> bool:
    return isinstance(raw.get("mapping"), dict)


def from_conversation(raw: Json, *, now: datetime) -> ForeignConversation:
    """`now` stands in where the file says nothing of the time. Errors: Invalid."""
    key = fields.text(raw, "conversation_id") or fields.text(raw, "id")
    if not key:
        raise Invalid("it has no id")
    created_at = fields.moment(raw, "create_time") or fields.moment(raw, "update_time") or now
    tree = _Tree(fields.mapping(raw, "mapping"), created_at)
    messages = tuple(tree.messages())
    head = ConversationCopy(
        key=key,
        title=fields.text(raw, "title"),
        workspace=None,
        leaf=tree.place_of(fields.text(raw, "current_node")),
        created_at=created_at,
        updated_at=fields.moment(raw, "update_time") or max((m.created_at for m in messages), default=created_at),
    )
    return ForeignConversation(ArchiveFormat.CHATGPT, head, messages)


@dataclass(slots=True)
class _Turn:
    """A node that is shown, below the nearest one above it that is shown too."""

    key: str
    parent: str | None
    role: MessageRole
    texts: list[str]
    created_at: datetime
    status: MessageStatus
    model: str | None
    finish_reason: str | None


class _Tree:
    """Nodes become turns; a chain of turns of the assistant's becomes one message."""

    def __init__(self, nodes: Json, created_at: datetime) -> None:
        self._nodes = nodes
        self._created_at = created_at
        self._places: dict[str, str | None] = {}  # of every node: the key of the turn that it is in, or hangs below
        self._turns: dict[str, _Turn] = {}
        for key, parent in self._walk():
            self._place(key, parent)
        self._merge()

    def messages(self) -> Iterator[MessageCopy]:
        for turn in self._turns.values():
            yield MessageCopy(
                key=turn.key,
                parent=turn.parent,
                role=turn.role,
                content="\n\n".join(turn.texts),
                status=turn.status,
                provider_meta=_meta(turn) if turn.role is MessageRole.ASSISTANT else None,
                usage=None,
                created_at=turn.created_at,
            )

    def place_of(self, node: str) -> str | None:
        return self._places.get(node)

    def _walk(self) -> Iterator[tuple[str, str | None]]:
        """Every node that hangs on a root, parents before their children, with its parent."""
        children: dict[str | None, list[str]] = {}
        for key in self._nodes:
            parent = fields.text(fields.mapping(self._nodes, key), "parent")
            children.setdefault(parent if parent in self._nodes else None, []).append(key)
        waiting: list[tuple[str, str | None]] = [(key, None) for key in reversed(children.get(None, []))]
        while waiting:
            key, parent = waiting.pop()
            yield key, parent
            waiting += [(child, key) for child in reversed(self._in_order(key, children.get(key, [])))]

    def _in_order(self, key: str, children: list[str]) -> list[str]:
        """As the node itself lists them: in the order in which they were made."""
        listed = fields.items(fields.mapping(self._nodes, key), "children")
        order = {child: place for place, child in enumerate(listed) if isinstance(child, str)}
        return sorted(children, key=lambda child: order.get(child, len(order)))

    def _place(self, key: str, parent: str | None) -> None:
        above = self._places[parent] if parent is not None else None
        before = self._turns[above].created_at if above is not None else self._created_at
        turn = _turn(key, above, fields.mapping(fields.mapping(self._nodes, key), "message"), before)
        if turn is not None:
            self._turns[key] = turn
        self._places[key] = above if turn is None else key

    def _merge(self) -> None:
        followers = Counter(turn.parent for turn in self._turns.values())
        merged: dict[str, str] = {}
        for turn in list(self._turns.values()):
            turn.parent = merged.get(turn.parent or "", turn.parent)
            above = self._turns.get(turn.parent or "")
            if above and above.role is turn.role is MessageRole.ASSISTANT and followers[turn.parent] == 1:
                _add(above, turn)
                merged[turn.key] = above.key
                followers[above.key] = followers[turn.key]
                del self._turns[turn.key]
        self._places = {node: merged.get(place or "", place) for node, place in self._places.items()}


def _add(above: _Turn, turn: _Turn) -> None:
    above.texts += turn.texts
    above.status = turn.status
    above.model = turn.model or above.model
    above.finish_reason = turn.finish_reason or above.finish_reason


def _meta(turn: _Turn) -> dict[str, Any]:
    return {"provider": ArchiveFormat.CHATGPT.value, "model": turn.model, "finish_reason": turn.finish_reason}


def _turn(key: str, parent: str | None, message: Json, before: datetime) -> _Turn | None:
    role = _ROLES.get(fields.text(fields.mapping(message, "author"), "role"))
    content = _content(message).strip()
    if role is None or not content or _is_hidden(message):
        return None
    metadata = fields.mapping(message, "metadata")
    finish_reason = fields.text_or_none(fields.mapping(metadata, "finish_details"), "type")
    status = _STATUSES.get(fields.text(message, "status"), MessageStatus.COMPLETE)
    return _Turn(
        key=key,
        parent=parent,
        role=role,
        texts=[content],
        created_at=fields.moment(message, "create_time") or before,
        status=MessageStatus.CANCELLED if finish_reason == "interrupted" else status,
        model=fields.text_or_none(metadata, "model_slug"),
        finish_reason=finish_reason,
    )


def _is_hidden(message: Json) -> bool:
    hidden = fields.mapping(message, "metadata").get("is_visually_hidden_from_conversation") is True
    return hidden or not _SHOWN_TO.fullmatch(fields.text(message, "recipient") or "all")


def _content(message: Json) -> str:
    content = fields.mapping(message, "content")
    kind = fields.text(content, "content_type")
    is_tool = fields.text(fields.mapping(message, "author"), "role") == "tool"
    if kind in {"text", "multimodal_text"}:
        # A tool's text is for the model alone; its pictures are for people.
        parts = [part for part in fields.items(content, "parts") if not (is_tool and isinstance(part, str))]
        return "\n\n".join(filter(None, (*_attachments(message), _cited("".join(_parts(parts)), message))))
    if kind in {"code", "execution_output", "system_error"}:
        return _code(fields.text(content, "text"), fields.text(content, "language"), fields.text(message, "recipient"))
    return ""


def _code(written: str, language: str, recipient: str) -> str:
    if not written.strip():
        return ""
    if recipient.startswith(_CANVAS):
        return _document(written)
    return fenced(written.strip("\n"), recipient if recipient == "python" else language.replace("unknown", ""))


def _document(call: str) -> str:
    """What the canvas was told: {name, content} for a new document; changes of one stay the JSON that they are."""
    try:
        told = json.loads(call)
    except (ValueError, RecursionError):
        return fenced(call)
    content = fields.text(cast(Json, told), "content") if isinstance(told, dict) else ""
    return f"**{fields.text(cast(Json, told), 'name')}**\n\n{fenced(content)}" if content else fenced(call, "json")


def _parts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield _part(cast(Json, part))


def _part(part: Json) -> str:
    kind = fields.text(part, "content_type")
    if kind == "image_asset_pointer":
        prompt = fields.text(fields.mapping(fields.mapping(part, "metadata"), "dalle"), "prompt")
        name = fields.text(part, "asset_pointer").rpartition("/")[2]
        return f"[image: {name}]\n\n" + (f"{prompt}\n\n" if prompt else "")
    return fields.text(part, "text")  # audio_transcription, and whatever else brings a text


def _attachments(message: Json) -> Iterator[str]:
    for attachment in fields.objects(fields.mapping(message, "metadata"), "attachments"):
        if not fields.text(attachment, "mime_type").startswith("image/"):  # those are among the parts
            yield f"[file: {fields.text(attachment, 'name') or fields.text(attachment, 'id')}]"


def _cited(content: str, message: Json) -> str:
    """Marks of citations become what they stand for, as the export says it in Markdown; others go."""
    if "\ue200" not in content:
        return content
    for reference in fields.objects(fields.mapping(message, "metadata"), "content_references"):
        matched = fields.text(reference, "matched_text")
        if matched.startswith("\ue200"):
            content = content.replace(matched, fields.text(reference, "alt"))
    return _MARKS.sub("", content)
