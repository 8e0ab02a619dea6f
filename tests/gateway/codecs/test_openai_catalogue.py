"""GET /models of one server after another."""

import json
from typing import Any

import pytest

from hearthside.gateway.codecs.openai_catalogue import to_models
from hearthside.gateway.model import ModelInfo
from hearthside.wire.openai_chat import decode_models


def listed(*models: dict[str, Any]) -> list[ModelInfo]:
    return to_models(decode_models(json.dumps({"object": "list", "data": models}).encode()))


def test_openai_says_names_only_and_lists_what_does_not_chat() -> None:
    names = ["gpt-4o-mini", "text-embedding-3-small", "whisper-1", "tts-1", "dall-e-3", "gpt-4o-realtime-preview", "o3"]
    found = listed(*({"id": name, "object": "model", "owned_by": "openai"} for name in names))
    assert [model.id for model in found] == ["gpt-4o-mini", "o3"]
    assert found[0].capabilities.max_context_tokens == 128_000
    assert found[0].capabilities.vision


def test_openrouter() -> None:
    (model,) = listed(
        {
            "id": "qwen/qwen3-vl",
            "name": "Qwen: Qwen3 VL",
            "description": "Sees.",
            "context_length": 131072,
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "top_provider": {"max_completion_tokens": 8192, "context_length": 131072},
            "supported_parameters": ["tools", "response_format", "temperature"],
            "pricing": {"prompt": "0.0000001"},
        }
    )
    assert (model.label, model.description, model.max_output_tokens) == ("Qwen: Qwen3 VL", "Sees.", 8192)
    capabilities = model.capabilities
    assert (capabilities.vision, capabilities.tools, capabilities.json_mode) == (True, True, True)
    assert capabilities.max_context_tokens == 131072


@pytest.mark.parametrize(
    ("entry", "context", "tools", "vision"),
    [
        (
            {"max_context_length": 32768, "capabilities": {"completion_chat": True, "function_calling": True}},
            *(32768, True, False),
        ),  # Mistral
        ({"type": "vlm", "max_context_length": 8192, "capabilities": ["tool_use"]}, 8192, True, True),  # LM Studio
        ({"max_model_len": 4096}, 4096, False, False),  # vLLM
        ({"meta": {"n_ctx_train": 2048, "n_params": 1}}, 2048, False, False),  # llama.cpp
        ({"context_window": 131072, "active": True}, 131072, False, False),  # Groq
        ({"context_length": "many", "name": {"en": "x"}, "architecture": "transformer"}, None, False, False),
    ],
)
def test_what_others_say(entry: dict[str, Any], context: int | None, tools: bool, vision: bool) -> None:
    (model,) = listed({"id": "some-model", **entry})
    assert model.label == "some-model"
    assert (model.capabilities.max_context_tokens, model.capabilities.tools) == (context, tools)
    assert model.capabilities.vision == vision


def test_kinds_that_do_not_chat_are_left_out() -> None:
    image = {"id": "flux", "type": "image"}
    painter = {"id": "painter", "architecture": {"output_modalities": ["image"]}}
    assert listed(image, painter, {"id": "fim", "capabilities": {"completion_chat": False}}) == []


def test_together_sends_a_bare_list() -> None:
    body = json.dumps([{"id": "meta-llama/Llama", "type": "chat", "context_length": 8192}]).encode()
    assert [model.id for model in to_models(decode_models(body))] == ["meta-llama/Llama"]
