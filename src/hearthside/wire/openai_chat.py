"""The shapes of OpenAI's chat completions as its many compatible servers really send them.

Source: https://platform.openai.com/docs/api-reference/chat-streaming. Where servers differ, a field takes every type
that was seen: null for absent lists, parts for content (Mistral), objects for arguments, texts for errors. Fields that
nobody reads are not declared and so are skipped. What they mean to the core, `gateway/codecs/openai_chat.py` says.
"""

from typing import Any

import msgspec

DONE = "[DONE]"


class ContentPart(msgspec.Struct):
    """Mistral's reasoning models send parts: {type: text, text} and {type: thinking, thinking: [parts]}."""

    type: str = ""
    text: str = ""
    thinking: "list[ContentPart] | str | None" = None


class FunctionPiece(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallPiece(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Delta(msgspec.Struct):
    """A piece of the message, or the whole of it where a server does not stream."""

    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPiece] | None = None


class Choice(msgspec.Struct):
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class TokenDetails(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class TokenUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None


class Chunk(msgspec.Struct):
    """One event of a stream, or a whole answer. `error` is kept raw: its shape differs most."""

    choices: list[Choice] | None = None
    usage: TokenUsage | None = None
    error: Any = None


class Model(msgspec.Struct):
    """An entry of GET /models. Beyond `id` every server says other things, so that nothing is taken on trust."""

    id: str
    name: Any = None
    description: Any = None
    type: Any = None
    context_length: Any = None
    context_window: Any = None
    max_context_length: Any = None
    max_model_len: Any = None
    max_completion_tokens: Any = None
    top_provider: Any = None
    architecture: Any = None
    supported_parameters: Any = None
    pricing: Any = None
    capabilities: Any = None
    meta: Any = None


class ModelList(msgspec.Struct):
    data: list[Model] = []


def decode_chunk(data: str | bytes) -> Chunk:
    """Raises msgspec.DecodeError for anything that is not a chunk."""
    return _CHUNK.decode(data)


def decode_models(data: bytes) -> list[Model]:
    """{data: [...]}; Together sends the bare list. Raises msgspec.DecodeError."""
    found = _MODELS.decode(data)
    return found if isinstance(found, list) else found.data


_CHUNK = msgspec.json.Decoder(Chunk)
_MODELS: msgspec.json.Decoder[ModelList | list[Model]] = msgspec.json.Decoder(ModelList | list[Model])
