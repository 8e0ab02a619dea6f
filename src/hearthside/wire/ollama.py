"""The shapes of Ollama's own API as a client reads them: newline-delimited JSON.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from typing import Any

import msgspec


class Function(msgspec.Struct):
    name: str = ""
    arguments: Any = None


class ToolCall(msgspec.Struct):
    function: Function


class Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class Chunk(msgspec.Struct):
    """A line of POST /api/chat. The last has `done` and the numbers."""

    message: Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


class Details(msgspec.Struct):
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class Model(msgspec.Struct):
    """An entry of GET /api/tags. `model` is the name to use; newer versions tell `capabilities` here too."""

    name: str
    model: str = ""
    details: Details | None = None
    capabilities: list[str] | None = None


class ModelList(msgspec.Struct):
    models: list[Model] | None = None


class Shown(msgspec.Struct):
    """POST /api/show. `model_info` has <architecture>.context_length."""

    capabilities: list[str] | None = None
    model_info: dict[str, Any] | None = None


def decode_chunk(data: str) -> Chunk:
    """Raises msgspec.DecodeError."""
    return _CHUNK.decode(data)


def decode_models(data: bytes) -> list[Model]:
    """Raises msgspec.DecodeError."""
    return _MODELS.decode(data).models or []


def decode_shown(data: bytes) -> Shown:
    """Raises msgspec.DecodeError."""
    return _SHOWN.decode(data)


_CHUNK = msgspec.json.Decoder(Chunk)
_MODELS = msgspec.json.Decoder(ModelList)
_SHOWN = msgspec.json.Decoder(Shown)
