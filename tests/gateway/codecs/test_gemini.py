"""Gemini's shapes, as its documentation prints them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hearthside.gateway.codecs.gemini import ContentReader, to_body, to_models
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
from hearthside.wire.gemini import decode_models
from tests.gateway.samples import FULL_SAMPLING, HELLO, PIXEL, SCHEMA, TOOL_TALK, WEATHER, assistant, read_all, user


def chunk(*parts: dict[str, Any], reason: str | None = None, **fields: Any) -> str:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return json.dumps({"candidates": [candidate], "modelVersion": "m", **fields})


def read(*messages: str) -> list[Event]:
    return read_all(ContentReader(), messages)


def test_a_plain_request() -> None:
    assert to_body(HELLO) == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def test_sampling_and_schema() -> None:
    body = to_body(replace(HELLO, sampling=FULL_SAMPLING, json_schema=SCHEMA))
    assert body["generationConfig"] == {
        "temperature": 1.5,
        "topP": 0.9,
        "maxOutputTokens": 100,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "seed": 7,
        "stopSequences": ["END"],
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


def test_pictures() -> None:
    body = to_body(Request("m", (user(Image(PIXEL), Image("https://example.com/a.webp?x=1")),)))
    assert body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.webp?x=1"}},
    ]


def test_tools_and_their_results_in_one_turn() -> None:
    body = to_body(TOOL_TALK)
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == WEATHER.parameters
    _, asked, answered = body["contents"]
    assert asked["role"] == "model"
    assert asked["parts"][1] == {"functionCall": {"name": "weather", "args": {"city": "Bern"}}}
    assert answered["parts"] == [
        {"functionResponse": {"name": "weather", "response": {"sky": "clear"}}},
        {"functionResponse": {"name": "weather", "response": {"result": "rain"}}},
    ]


def test_newer_models_are_told_that_a_call_has_no_signature() -> None:
    body = to_body(replace(TOOL_TALK, model="gemini-3-pro"))
    first, second = body["contents"][1]["parts"][1:]
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second


def test_a_beginning_is_the_models_last_turn() -> None:
    assert to_body(Request("m", (user("Hi"), assistant("Once"))))["contents"][-1] == {
        "role": "model",
        "parts": [{"text": "Once"}],
    }


def test_a_reply() -> None:
    usage = {
        "promptTokenCount": 8,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 15,
    }
    events = read(
        chunk({"text": "Hm.", "thought": True}, usageMetadata={"promptTokenCount": 8, "totalTokenCount": 8}),
        chunk({"text": "Hel"}),
        chunk({"text": "lo", "thoughtSignature": "abc"}, reason="STOP", usageMetadata=usage),
    )
    assert events == [
        ReasoningDelta("Hm."),
        TextDelta("Hel"),
        TextDelta("lo"),
        Usage(8, 7, 3, 5),
        Finished(FinishReason.STOP),
    ]


def test_tool_calls() -> None:
    events = read(
        chunk({"functionCall": {"name": "weather", "args": {"city": "Bern"}}}),
        chunk({"functionCall": {"id": "abc", "name": "now"}}, reason="STOP"),
    )
    assert events == [
        ToolCallDelta(0, "call_0", "weather", '{"city":"Bern"}'),
        ToolCallDelta(1, "abc", "now", "{}"),
        Finished(FinishReason.TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("SOMETHING_NEW", FinishReason.STOP),
    ],
)
def test_reasons(reason: str, expected: FinishReason) -> None:
    assert read(json.dumps({"candidates": [{"finishReason": reason}]})) == [Finished(expected)]


def test_a_blocked_prompt_is_refused_content() -> None:
    with pytest.raises(Reported) as raised:
        read(json.dumps({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
    assert raised.value.problem.codes == {"content_filter"}


def test_an_error_inside_the_stream() -> None:
    with pytest.raises(Reported) as raised:
        read(json.dumps({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}))
    assert raised.value.problem.status == 503


def test_no_end_is_no_end() -> None:
    assert read(chunk({"text": "Hel"})) == [TextDelta("Hel")]


def test_the_catalogue_lists_what_chats() -> None:
    def model(name: str, **fields: Any) -> dict[str, Any]:
        return {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"], **fields}

    page = {
        "models": [
            model("gemini-x", displayName="Gemini X", inputTokenLimit=1_048_576, outputTokenLimit=65_536),
            model("gemini-embedding-1"),
            model("gemma-3-27b-it"),
            {"name": "models/aqa", "supportedGenerationMethods": ["generateAnswer"]},
        ]
    }
    gemini, gemma = to_models(decode_models(json.dumps(page).encode()))
    assert (gemini.id, gemini.label, gemini.capabilities.max_context_tokens) == ("gemini-x", "Gemini X", 1_048_576)
    assert gemini.capabilities.vision
    assert (gemma.id, gemma.capabilities.tools) == ("gemma-3-27b-it", False)
