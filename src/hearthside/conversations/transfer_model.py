"""Conversations as they travel between accounts and servers: keyed by names of their own instead of row ids.

A key is unique among its kind within one archive, and stays the same when the same thing is exported again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hearthside.conversations.model import InlineModel, MessageRole, MessageStatus


@dataclass(frozen=True, slots=True)
class WorkspaceCopy:
    key: str
    name: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ConversationCopy:
    """`workspace` None: the default one. `leaf`: the last message of the branch that is shown; None: there is none.

    Of the models that reply, only the one that belongs to it alone travels along, without its key.
    """

    key: str
    title: str
    workspace: str | None
    leaf: str | None
    created_at: datetime
    updated_at: datetime
    inline_model: InlineModel | None = None


@dataclass(frozen=True, slots=True)
class MessageCopy:
    """`parent` None: a first message. Parents come before their children, siblings in the order they were made."""

    key: str
    parent: str | None
    role: MessageRole
    content: str
    status: MessageStatus
    provider_meta: Mapping[str, Any] | None
    usage: Mapping[str, int] | None
    created_at: datetime
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a conversation that came in: whether it is new here, and how many messages were added."""

    is_new: bool
    messages: int
