"""The JSON of /chats."""

from typing import Any, Literal

from pydantic import model_validator

from hearthside.dialects.pocketllm.fields import Content, Title, Uid
from hearthside.dialects.pocketllm.schemas import Answer, Body, Metadata, Timestamp


class ChatCreate(Body):
    """`title` left out: "Untitled chat". `initial_message` is stored; nobody replies to it before the next message."""

    title: Title | None = None
    model_config_id: Uid | None = None
    initial_message: Content | None = None


class ChatUpdate(Body):
    """What is not given stays. `model_config_id` null: the chat goes by the user's default model."""

    title: Title | None = None
    model_config_id: Uid | None = None


class MessageCreate(Body):
    """`stream`: the reply is the answer, as server-sent events. `metadata.generate` false: nobody replies."""

    role: Literal["user", "assistant", "system"] = "user"
    content: Content
    metadata: Metadata | None = None
    stream: bool = False

    @property
    def wants_reply(self) -> bool:
        return self.role == "user" and (self.metadata or {}).get("generate") is not False

    @model_validator(mode="after")
    def _streams_a_reply(self) -> "MessageCreate":
        if self.stream and not self.wants_reply:
            raise ValueError("stream: only a user's message has a reply, and metadata.generate must not be false")
        return self


class ChatSummary(Answer):
    id: str
    user_id: str
    title: str
    model_config_id: str | None
    created_at: Timestamp
    updated_at: Timestamp


class Message(Answer):
    """`metadata` is what the client gave; of a reply: status, provider, model, finish_reason, usage, error."""

    id: str
    chat_id: str
    role: Literal["user", "assistant", "system"]
    content: str
    metadata: dict[str, Any] | None
    created_at: Timestamp


class ChatWithMessages(Answer):
    chat: ChatSummary
    messages: list[Message]
