"""What a conversation is.

A workspace holds conversations, a conversation a tree of messages, and a generation makes one reply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hearthside.gateway.model import Sampling
from hearthside.providers.model import BoundKey


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder of conversations. Every user has one by default."""

    id: int
    uid: str
    user_id: int
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class InlineModel:
    """A model chosen for one conversation alone, and how it is to reply; None leaves that to the provider."""

    provider_id: str
    model: str
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def sampling(self) -> Sampling:
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`leaf_id` is the last message of the branch that is shown; None while it is empty.

    `inline_model`, or the user's saved model `model_config_uid`, replies in it; neither: whoever is asked, or the
    default.
    """

    id: int
    uid: str
    user_id: int
    workspace_id: int
    title: str
    leaf_id: int | None
    created_at: datetime
    updated_at: datetime
    model_config_uid: str | None = None
    inline_model: InlineModel | None = None


class MessageRole(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(StrEnum):
    """What became of a message. Only `complete` ones were finished; the others keep what there is."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Message:
    """A node of the tree. `parent_id` None: a first message. Those with one parent are siblings: edits, other answers.

    `provider_meta` (assistant only): provider, model, finish_reason, error. `usage`: input_tokens, output_tokens, ….
    `metadata` is what a client said of its own message.
    """

    id: int
    uid: str
    conversation_id: int
    parent_id: int | None
    role: MessageRole
    content: str
    status: MessageStatus
    provider_meta: Mapping[str, Any] | None
    usage: Mapping[str, int] | None
    created_at: datetime
    metadata: Mapping[str, Any] | None = None


class GenerationState(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Generation:
    """One reply being made, or made. `uid` is its public id and the id of its event stream.

    `owner` is the process that makes it, `epoch` rises with every change of owner: a stale owner cannot write.
    `message_id` is the assistant message that it fills, `prompt_id` the message that it answers.
    """

    id: int
    uid: str
    user_id: int
    conversation_id: int
    prompt_id: int
    message_id: int
    provider_id: str
    model: str
    state: GenerationState
    error_code: str | None
    error_message: str | None
    owner: str
    epoch: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplyChoice:
    """Who is to reply, and how: the provider, its own name for the model, the sampling, and what it is told first.

    `key` None: the key that the provider is configured with.
    """

    provider_id: str
    model: str
    sampling: Sampling = field(default_factory=Sampling)
    system_prompt: str | None = None
    key: BoundKey | None = None
