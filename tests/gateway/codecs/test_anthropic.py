"""Anthropic's shapes, as its documentation prints them."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hearthside.gateway.codecs.anthropic import MessageReader, to_body, to_models
from hearthside.gateway.model import (
    Event,
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
    Request,
    Sampling,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Reported
from hearthside.kit.errors import Invalid
from hearthside.wire.anthropic import decode_models
from tests.gateway.samples import (
    FULL_SAMPLING,
    HELLO,
    PIXEL,
    SCHEMA,
    TOOL_TALK,
    WEATHER,
    assistant,
    read_all,
    system,
    user,
)


def event(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, **fields})


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "role": "assistant",
        "content": [],
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 5,
            "output_tokens": 1,
        },
    },
)
STOP = event("message_stop")


def text_block(index: int, *texts: str) -> list[str]:
    deltas = [event("content_block_delta", index=index, delta={"type": "text_delta", "text": t}) for t in texts]
    begin = event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    return [begin, *deltas, event("content_block_stop", index=index)]


def tool_block(index: int, name: str, *pieces: str) -> list[str]:
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    deltas = [
        event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": p}) for p in pieces
    ]
    begin = event("content_block_start", index=index, content_block=block)
    return [begin, *deltas, event("content_block_stop", index=index)]


def ended(reason: str, output_tokens: int = 15) -> list[str]:
    delta = event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": output_tokens})
    return [delta, STOP]


def read(*messages: str, request: Request = HELLO) -> list[Event]:
    return read_all(MessageReader(request), messages)


def test_a_plain_request() -> None:
    assert to_body(HELLO) == {
        "model": "m",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stream": True,
    }


def test_system_messages_stand_apart() -> None:
    body = to_body(Request("m", (system("One."), user("Hi"), system("Two."))))
    assert body["system"] == "One.\n\nTwo."
    assert len(body["messages"]) == 1


def test_sampling_goes_as_far_as_the_protocol() -> None:
    body = to_body(replace(HELLO, sampling=FULL_SAMPLING))
    assert (body["temperature"], body["max_tokens"], body["stop_sequences"]) == (1.0, 100, ["END"])
    assert not {"top_p", "seed", "frequency_penalty"} & body.keys()
    assert to_body(replace(HELLO, sampling=Sampling(top_p=0.5)))["top_p"] == 0.5
    assert "temperature" not in to_body(replace(HELLO, sampling=FULL_SAMPLING), sampling=False)


def test_pictures() -> None:
    body = to_body(Request("m", (user(Image(PIXEL), Image("https://example.com/a.png"), "What?"),)))
    assert body["messages"][0]["content"][:2] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]


@pytest.mark.parametrize("url", ["ftp://x/a.png", "data:text/html;base64,AAAA", "data:image/png,raw", "/etc/passwd"])
def test_other_urls_are_no_pictures(url: str) -> None:
    with pytest.raises(Invalid):
        to_body(Request("m", (user(Image(url)),)))


def test_tools_and_their_results_in_one_turn() -> None:
    body = to_body(TOOL_TALK)
    assert body["tools"][0] == {
        "name": "weather",
        "description": "The weather somewhere.",
        "input_schema": WEATHER.parameters,
    }
    _, asked, answered = body["messages"]
    assert [block["type"] for block in asked["content"]] == ["text", "tool_use", "tool_use"]
    assert asked["content"][1]["input"] == {"city": "Bern"}
    assert [block["tool_use_id"] for block in answered["content"]] == ["c1", "c2"]
    assert answered["role"] == "user"


def test_blank_text_is_left_out() -> None:
    body = to_body(Request("m", (user("Hi"), assistant(" "), user("  ", "there"))))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]}
    ]


def test_a_beginning_loses_its_trailing_space_and_gets_no_second_one() -> None:
    request = Request("m", (user("Hi"), assistant("Once upon ")))
    assert to_body(request)["messages"][-1]["content"][0]["text"] == "Once upon"
    events = read(START, *text_block(0, " ", " a", " time"), *ended("end_turn"), request=request)
    assert events[:2] == [TextDelta("a"), TextDelta(" time")]


def test_a_schema_where_the_model_knows_formats() -> None:
    body = to_body(Request("claude-opus-5-5", (user("Hi"),), json_schema=SCHEMA))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "tools" not in body


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        ("claude-3-5-haiku-latest", SCHEMA),
        ("claude-opus-5-5", {"type": "object", "properties": {"answer": {}}}),
        ("claude-opus-5-5", {**SCHEMA, "properties": {"answer": {"type": "integer", "minimum": 1}}}),
    ],
)
def test_a_schema_where_it_takes_a_tool(model: str, schema: dict[str, Any]) -> None:
    request = Request(model, (user("Hi"),), json_schema=schema)
    body = to_body(request)
    assert body["tools"][0]["input_schema"] == schema
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}
    events = read(START, *tool_block(0, "answer", '{"answer"', ':"x"}'), *ended("tool_use"), request=request)
    assert events[:2] == [TextDelta('{"answer"'), TextDelta(':"x"}')]
    assert events[-1] == Finished(FinishReason.STOP)


def test_a_reply_and_its_usage_from_both_ends() -> None:
    events = read(START, event("ping"), *text_block(0, "Hel", "lo"), *ended("end_turn"))
    assert events == [TextDelta("Hel"), TextDelta("lo"), Usage(115, 15, 100), Finished(FinishReason.STOP)]


def test_thinking() -> None:
    events = read(
        START,
        event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm."}),
        event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "abc"}),
        event("content_block_stop", index=0),
        *text_block(1, "Yes."),
        *ended("end_turn"),
    )
    assert events[:2] == [ReasoningDelta("Hm."), TextDelta("Yes.")]


def test_tool_calls_are_counted_apart_from_blocks() -> None:
    events = read(
        START,
        *text_block(0, "Look."),
        *tool_block(1, "weather", "", '{"city":', '"Bern"}'),
        *tool_block(2, "now"),
        *ended("tool_use"),
    )
    assert events[1:5] == [
        ToolCallDelta(0, "toolu_1", "weather", ""),
        ToolCallDelta(0, "", "", '{"city":'),
        ToolCallDelta(0, "", "", '"Bern"}'),
        ToolCallDelta(1, "toolu_2", "now", ""),
    ]
    assert events[5] == ToolCallDelta(1, "", "", "{}")
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("max_tokens", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("stop_sequence", FinishReason.STOP),
        ("something_new", FinishReason.STOP),
    ],
)
def test_reasons(reason: str, expected: FinishReason) -> None:
    assert read(START, *ended(reason))[-1] == Finished(expected)


def test_no_end_is_no_end() -> None:
    assert read(START, *text_block(0, "Hel")) == [TextDelta("Hel")]


def test_an_error_inside_the_stream() -> None:
    with pytest.raises(Reported) as raised:
        read(START, event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    assert raised.value.problem.codes == {"overloaded_error"}


def test_garbage_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        read('{"no": "type"}')


def test_the_catalogue() -> None:
    page = {
        "data": [
            {"type": "model", "id": "claude-x", "display_name": "Claude X", "created_at": "2026-01-01T00:00:00Z"},
            {
                "type": "model",
                "id": "claude-y",
                "display_name": "",
                "max_input_tokens": 1_000_000,
                "max_tokens": 64_000,
            },
        ],
        "has_more": False,
    }
    first, second = to_models(decode_models(json.dumps(page).encode()))
    assert (first.id, first.label, first.capabilities.max_context_tokens) == ("claude-x", "Claude X", 200_000)
    assert (second.label, second.capabilities.max_context_tokens) == ("claude-y", 1_000_000)
    assert second.max_output_tokens == 64_000
