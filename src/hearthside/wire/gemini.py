"""The shapes of Google's Gemini API as a client reads them.

Source: https://ai.google.dev/api/generate-content. Field names are its own (camelCase).
"""

from typing import Any

import msgspec


class FunctionCall(msgspec.Struct):
    name: str = ""
    args: dict[str, Any] | None = None
    id: str | None = None


class Part(msgspec.Struct, rename="camel"):
    text: str = ""
    thought: bool = False
    function_call: FunctionCall | None = None


class Content(msgspec.Struct):
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    content: Content | None = None
    finish_reason: str | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class UsageMetadata(msgspec.Struct, rename="camel"):
    """The numbers so far; `candidates_token_count` leaves the thoughts out."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class Chunk(msgspec.Struct, rename="camel"):
    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    error: Any = None


class Model(msgspec.Struct, rename="camel"):
    """`name` is models/…"""

    name: str
    display_name: str = ""
    description: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None


class ModelList(msgspec.Struct, rename="camel"):
    models: list[Model] = []
    next_page_token: str | None = None


def decode_chunk(data: str) -> Chunk:
    """Raises msgspec.DecodeError."""
    return _CHUNK.decode(data)


def decode_models(data: bytes) -> list[Model]:
    """Raises msgspec.DecodeError."""
    return _MODELS.decode(data).models


_CHUNK = msgspec.json.Decoder(Chunk)
_MODELS = msgspec.json.Decoder(ModelList)
