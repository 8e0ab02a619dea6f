"""Ollama's shapes, as its documentation prints them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hearthside.gateway.codecs.ollama import ChatReader, to_body, to_models
from hearthside.gateway.model import (
    Event,
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Reported
from hearthside.kit.errors import Invalid
from hearthside.wire.ollama import Model, Shown, decode_models, decode_shown
from tests.gateway.samples import FULL_SAMPLING, HELLO, PIXEL, SCHEMA, TOOL_TALK, read_all, user


def line(message: dict[str, Any] | None = None, **fields: Any) -> str:
    base = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": False}
    return json.dumps({**base, "message": {"role": "assistant", "content": "", **(message or {})}, **fields})


def read(*messages: str) -> list[Event]:
    return read_all(ChatReader(), messages)


def test_a_plain_request() -> None:
    assert to_body(HELLO) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


def test_sampling_and_schema() -> None:
    body = to_body(replace(HELLO, sampling=FULL_SAMPLING, json_schema=SCHEMA))
    assert body["format"] == SCHEMA
    assert body["options"] == {
        "temperature": 1.5,
        "top_p": 0.9,
        "num_predict": 100,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "seed": 7,
        "stop": ["END"],
    }


def test_pictures_are_bytes_only() -> None:
    body = to_body(Request("m", (user("What?", Image(PIXEL)),)))
    assert body["messages"][0] == {"role": "user", "content": "What?", "images": ["iVBORw0KGgo="]}
    with pytest.raises(Invalid):
        to_body(Request("m", (user(Image("https://example.com/a.png")),)))


def test_tools_and_their_results() -> None:
    body = to_body(TOOL_TALK)
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["messages"][2]["tool_calls"][0] == {"function": {"name": "weather", "arguments": {"city": "Bern"}}}
    assert body["messages"][4] == {"role": "tool", "content": "rain", "tool_name": "weather"}


def test_a_reply() -> None:
    events = read(
        line({"thinking": "Hm."}),
        line({"content": "Hel"}),
        line({"content": "lo"}),
        line(done=True, done_reason="stop", prompt_eval_count=26, eval_count=2, total_duration=1),
    )
    assert events == [
        ReasoningDelta("Hm."),
        TextDelta("Hel"),
        TextDelta("lo"),
        Usage(26, 2),
        Finished(FinishReason.STOP),
    ]


def test_tool_calls_come_whole() -> None:
    call = {"function": {"name": "weather", "arguments": {"city": "Bern"}}}
    events = read(line({"tool_calls": [call, call]}), line(done=True, done_reason="stop"))
    assert events == [
        ToolCallDelta(0, "call_0", "weather", '{"city":"Bern"}'),
        ToolCallDelta(1, "call_1", "weather", '{"city":"Bern"}'),
        Finished(FinishReason.TOOL_CALLS),
    ]


def test_length() -> None:
    assert read(line(done=True, done_reason="length")) == [Finished(FinishReason.LENGTH)]


def test_no_end_is_no_end() -> None:
    assert read(line({"content": "Hel"})) == [TextDelta("Hel")]


def test_an_error_inside_the_stream() -> None:
    with pytest.raises(Reported, match="model runner has unexpectedly stopped"):
        read(line({"content": "a"}), '{"error":"model runner has unexpectedly stopped"}')


def test_the_catalogue() -> None:
    tags = {
        "models": [
            {
                "name": "llama3.2:latest",
                "model": "llama3.2:latest",
                "size": 2019393189,
                "details": {"family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"},
            },
            {"name": "nomic-embed-text:latest", "model": "nomic-embed-text:latest"},
            {"name": "old:7b", "model": "old:7b"},
        ]
    }
    shown = {
        "capabilities": ["completion", "tools", "vision"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
    }
    models = decode_models(json.dumps(tags).encode())
    details: list[Shown | None] = [decode_shown(json.dumps(shown).encode()), Shown(capabilities=["embedding"]), None]
    llama, old = to_models(list(zip(models, details, strict=True)))
    assert (llama.id, llama.label, llama.description) == ("llama3.2:latest", "llama3.2", "3.2B, Q4_K_M")
    assert llama.capabilities.tools
    assert llama.capabilities.vision
    assert llama.capabilities.max_context_tokens == 131072
    assert (old.id, old.capabilities.tools, old.capabilities.max_context_tokens) == ("old:7b", False, None)


def test_a_server_without_models() -> None:
    assert decode_models(b'{"models":null}') == []
    assert Model(name="x").details is None
