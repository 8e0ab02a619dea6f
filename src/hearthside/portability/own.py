"""Our own format: the manifest, and conversations as JSON Lines (their head, then one message a line). Pure codecs.

    hearthside.json                     the manifest: format, version, parts
    README.md                           what all this is, for people
    workspaces.jsonl                    a workspace a line
    conversations/000001-title.jsonl    {"type": "conversation", …}, then {"type": "message", …} a line
    conversations/000001-title.md       the same to be read: the branch that is shown
    profile.json                        who the account is

Lines and not one document, so that a conversation of any length is written and read in little memory. Fields are only
ever added; a reader passes over those that it does not know. `version` rises when an old reader would go wrong.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

from hearthside.conversations.model import InlineModel, MessageRole, MessageStatus
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy, WorkspaceCopy
from hearthside.kit.errors import Invalid
from hearthside.portability import fields
from hearthside.portability.fields import Json

MANIFEST: Final = "hearthside.json"
README: Final = "README.md"
WORKSPACES: Final = "workspaces.jsonl"
CONVERSATIONS: Final = "conversations/"
PROFILE: Final = "profile.json"
VERSION: Final = 1

_FORMAT: Final = "hearthside-account"
_LARGEST_COUNT: Final = 2**53
_MOST_COUNTS: Final = 100
_LARGEST_META: Final = 256 * 1024
# What can reply: as the dialects bound it.
_LONGEST_PROVIDER: Final = 64
_LONGEST_MODEL: Final = 500
_LONGEST_PROMPT: Final = 100_000
_LONGEST_NAME: Final = 500
_NOT_IN_NAMES = re.compile(r"[^\w]+")
_NAME_CHARACTERS = 40

README_TEXT: Final = """\
# Your account

This archive holds what is in your Hearthside account. Conversations are in `conversations/`, each twice: as Markdown
(`.md`) to be read, and as JSON Lines (`.jsonl`: the conversation, then one message a line) with all branches, times and
figures, for programs. Import the archive as it is to get all of it back, in this account or in another one.
"""


def to_line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def to_manifest(parts: Sequence[str], *, version: str, exported_at: datetime) -> bytes:
    manifest = {
        "format": _FORMAT,
        "version": VERSION,
        "generator": f"hearthside {version}",
        "exported_at": exported_at.isoformat(),
        "parts": list(parts),
    }
    return json.dumps(manifest, indent=2).encode() + b"\n"


def check_manifest(raw: Any) -> None:
    """Errors: Invalid (archive_invalid, archive_version)."""
    manifest: Json = cast(Json, raw) if isinstance(raw, dict) else {}
    version = manifest.get("version")
    if manifest.get("format") != _FORMAT or not isinstance(version, int):
        raise Invalid(f"The archive's {MANIFEST} is not one of Hearthside's.", code="archive_invalid")
    if version > VERSION:
        raise Invalid(
            "The archive was made by a newer release of Hearthside. Update this server, then import it.",
            code="archive_version",
        )


def to_workspace(workspace: WorkspaceCopy) -> dict[str, Any]:
    return {
        "key": workspace.key,
        "name": workspace.name,
        "default": workspace.is_default,
        "created_at": workspace.created_at.isoformat(),
        "updated_at": workspace.updated_at.isoformat(),
    }


def from_workspace(raw: Json, *, now: datetime) -> WorkspaceCopy:
    """`now` stands in for times that are missing. Errors: Invalid."""
    created_at = fields.moment(raw, "created_at") or now
    return WorkspaceCopy(
        key=_required(raw, "key"),
        name=_required(raw, "name"),
        is_default=raw.get("default") is True,
        created_at=created_at,
        updated_at=fields.moment(raw, "updated_at") or created_at,
    )


def to_conversation(conversation: ConversationCopy) -> dict[str, Any]:
    return {
        "type": "conversation",
        "key": conversation.key,
        "title": conversation.title,
        "workspace": conversation.workspace,
        "leaf": conversation.leaf,
        "model": None if conversation.inline_model is None else asdict(conversation.inline_model),
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
    }


def from_conversation(raw: Json, *, now: datetime) -> ConversationCopy:
    """As `from_workspace`."""
    if raw.get("type") != "conversation":
        raise Invalid("its first line is not a conversation")
    created_at = fields.moment(raw, "created_at") or now
    return ConversationCopy(
        key=_required(raw, "key"),
        title=fields.text(raw, "title"),
        workspace=fields.text_or_none(raw, "workspace"),
        leaf=fields.text_or_none(raw, "leaf"),
        inline_model=_inline_model(raw),
        created_at=created_at,
        updated_at=fields.moment(raw, "updated_at") or created_at,
    )


def to_message(message: MessageCopy) -> dict[str, Any]:
    return {
        "type": "message",
        "key": message.key,
        "parent": message.parent,
        "role": message.role,
        "content": message.content,
        "status": message.status,
        "provider_meta": message.provider_meta,
        "usage": message.usage,
        "metadata": message.metadata,
        "created_at": message.created_at.isoformat(),
    }


def from_message(raw: Json, *, now: datetime) -> MessageCopy:
    """As `from_workspace`."""
    return MessageCopy(
        key=_required(raw, "key"),
        parent=fields.text_or_none(raw, "parent"),
        role=_role(raw),
        content=fields.text(raw, "content"),
        status=_status(raw),
        provider_meta=_meta(raw, "provider_meta"),
        metadata=_meta(raw, "metadata"),
        usage=_usage(raw),
        created_at=fields.moment(raw, "created_at") or now,
    )


def file_name(number: int, title: str) -> str:
    """The name of a conversation's files, less the ending: by number, with as much of the title as any disk takes."""
    plain = unicodedata.normalize("NFKC", title)
    words = _NOT_IN_NAMES.sub("-", plain)[:_NAME_CHARACTERS].strip("-_").lower()
    return f"{CONVERSATIONS}{number:06}-{words}" if words else f"{CONVERSATIONS}{number:06}"


def _required(raw: Json, name: str) -> str:
    value = fields.text(raw, name)
    if not 0 < len(value) <= _LONGEST_NAME:
        raise Invalid(f"it has no {name}, or too long a one")
    return value


def _role(raw: Json) -> MessageRole:
    try:
        return MessageRole(fields.text(raw, "role"))
    except ValueError:
        raise Invalid("it has a role that nobody knows") from None


def _status(raw: Json) -> MessageStatus:
    try:
        return MessageStatus(fields.text(raw, "status"))
    except ValueError:
        raise Invalid("it has a status that nobody knows") from None


def _meta(raw: Json, name: str) -> Json | None:
    if not isinstance(raw.get(name), dict):
        return None
    meta = fields.mapping(raw, name)
    if len(json.dumps(meta)) > _LARGEST_META:
        raise Invalid(f"its {name} is too large")
    return meta


def _inline_model(raw: Json) -> InlineModel | None:
    """None also for one that is not fit to reply."""
    told = fields.mapping(raw, "model")
    provider_id, model = fields.text(told, "provider_id"), fields.text(told, "model")
    prompt = fields.text_or_none(told, "system_prompt")
    if not 0 < len(provider_id) <= _LONGEST_PROVIDER or not 0 < len(model) <= _LONGEST_MODEL:
        return None
    temperature, max_tokens = fields.number(told, "temperature"), fields.number(told, "max_tokens")
    return InlineModel(
        provider_id,
        model,
        system_prompt=None if prompt is None else prompt[:_LONGEST_PROMPT],
        temperature=temperature if temperature is not None and 0 <= temperature <= 2 else None,
        max_tokens=int(max_tokens) if max_tokens is not None and 1 <= max_tokens < 2**31 else None,
    )


def _usage(raw: Json) -> dict[str, int] | None:
    if not isinstance(raw.get("usage"), dict):
        return None
    counts = islice(fields.mapping(raw, "usage").items(), _MOST_COUNTS)
    return {name: count for name, count in counts if type(count) is int and 0 <= count <= _LARGEST_COUNT}
