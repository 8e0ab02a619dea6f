"""The shapes of Anthropic's Messages API as a client reads them.

Source: https://docs.anthropic.com/en/api/messages-streaming. Every event is one JSON object that names its own `type`;
types and fields that are not declared here are skipped, as the document asks of clients.
"""

from typing import Any

import msgspec

VERSION = "2023-06-01"


class TokenUsage(msgspec.Struct):
    """`input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Opening(msgspec.Struct):
    usage: TokenUsage | None = None


class Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    input: Any = None


class Delta(msgspec.Struct):
    """Of a block (`type` text_delta, thinking_delta, input_json_delta, …) or of the message (`stop_reason`)."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class StreamEvent(msgspec.Struct):
    type: str
    index: int = 0
    message: Opening | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: TokenUsage | None = None
    error: Any = None


class Model(msgspec.Struct):
    """https://docs.anthropic.com/en/api/models-list; the token limits are said by newer versions only."""

    id: str
    display_name: str = ""
    max_input_tokens: int | None = None
    max_tokens: int | None = None


class ModelList(msgspec.Struct):
    data: list[Model] = []


def decode_event(data: str) -> StreamEvent:
    """Raises msgspec.DecodeError."""
    return _EVENT.decode(data)


def decode_models(data: bytes) -> list[Model]:
    """Raises msgspec.DecodeError."""
    return _MODELS.decode(data).data


_EVENT = msgspec.json.Decoder(StreamEvent)
_MODELS = msgspec.json.Decoder(ModelList)
