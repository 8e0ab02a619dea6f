"""What servers of OpenAI's protocol say about their models, and what is known of OpenAI's own, which say nothing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from hearthside.gateway.codecs.openai_prices import to_prices
from hearthside.gateway.model import Capabilities, ModelInfo
from hearthside.wire.openai_chat import Model

# Models that do not chat, by the names that they go by everywhere.
_NOT_CHAT = re.compile(
    r"embed|whisper|tts|dall-e|moderation|realtime|transcribe|(^|[/-])(sora|imagen|babbage|davinci)|gpt-image|-audio"
    r"|rerank|chatgpt-image|-instruct-\d{4}$|computer-use|-search-api",
    re.IGNORECASE,
)
_CHAT_TYPES = frozenset({"", "chat", "llm", "vlm", "language", "code", "model"})


@dataclass(frozen=True, slots=True)
class _Known:
    """OpenAI's own models whose names begin so. None: it differs from one to the next."""

    name: re.Pattern[str]
    context_tokens: int | None
    output_tokens: int | None
    is_capable: bool


# https://platform.openai.com/docs/models
_OPENAI = (
    _Known(re.compile(r"gpt-(5\.[3-9]|[6-9])"), None, None, True),
    _Known(re.compile(r"gpt-5"), 400_000, 128_000, True),
    _Known(re.compile(r"gpt-4\.1"), 1_047_576, 32_768, True),
    _Known(re.compile(r"gpt-4-turbo"), 128_000, 4_096, True),
    _Known(re.compile(r"gpt-4o|chatgpt-4o"), 128_000, 16_384, True),
    _Known(re.compile(r"o1-(mini|preview)"), 128_000, None, True),
    _Known(re.compile(r"o[134](-|$)"), 200_000, 100_000, True),
    _Known(re.compile(r"gpt-4(-|$)"), 8_192, 8_192, False),
    _Known(re.compile(r"gpt-3\.5"), 16_385, 4_096, False),
)


def to_models(models: Iterable[Model]) -> list[ModelInfo]:
    """The ones that chat, in the server's order."""
    return [_to_info(model) for model in models if _chats(model)]


def _chats(model: Model) -> bool:
    kind = model.type if isinstance(model.type, str) else ""
    modalities = _texts(_field(model.architecture, "output_modalities"))
    writes = not modalities or "text" in modalities
    able = _field(model.capabilities, "completion_chat") is not False
    return kind in _CHAT_TYPES and writes and able and not _NOT_CHAT.search(model.id)


def _to_info(model: Model) -> ModelInfo:
    known = next((entry for entry in _OPENAI if entry.name.match(model.id)), None)
    parameters = _texts(model.supported_parameters)
    abilities = _texts(model.capabilities)
    is_capable = known is not None and known.is_capable
    vision = (
        "image" in _texts(_field(model.architecture, "input_modalities"))
        or _field(model.capabilities, "vision") is True
        or model.type == "vlm"
    )
    tools = "tools" in parameters or _field(model.capabilities, "function_calling") is True or "tool_use" in abilities
    return ModelInfo(
        id=model.id,
        label=model.name if isinstance(model.name, str) and model.name else model.id,
        capabilities=Capabilities(
            vision=vision or is_capable,
            tools=tools or is_capable,
            json_mode=bool({"structured_outputs", "response_format"} & parameters) or is_capable,
            max_context_tokens=_context(model) or (known.context_tokens if known else None),
        ),
        max_output_tokens=_count(model.max_completion_tokens)
        or _count(_field(model.top_provider, "max_completion_tokens"))
        or (known.output_tokens if known else None),
        description=model.description if isinstance(model.description, str) and model.description else None,
        prices=to_prices(model.pricing),
    )


def _context(model: Model) -> int | None:
    said = (
        model.context_length,
        model.context_window,
        model.max_context_length,
        model.max_model_len,
        _field(model.meta, "n_ctx"),
        _field(model.meta, "n_ctx_train"),
    )
    return next((count for value in said if (count := _count(value))), None)


def _field(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _texts(value: Any) -> frozenset[str]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return frozenset(item for item in items if isinstance(item, str))


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
