"""OpenAI's shapes, and those of the servers that are nearly compatible."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hearthside.gateway.codecs.flavours import PLAIN, adapted, flavour_of
from hearthside.gateway.codecs.openai_chat import ChatReader, to_body
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
from hearthside.kit.addresses import parse_url
from tests.gateway.samples import FULL_SAMPLING, HELLO, PIXEL, SCHEMA, TOOL_TALK, assistant, read_all, user

STOP = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


def piece(**delta: Any) -> str:
    return json.dumps({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None})


def read(*messages: str) -> list[Event]:
    return read_all(ChatReader(), messages)


def test_a_plain_request() -> None:
    assert to_body(HELLO) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_sampling() -> None:
    body = to_body(replace(HELLO, sampling=FULL_SAMPLING))
    assert {name: body[name] for name in body.keys() - {"model", "messages", "stream", "stream_options"}} == {
        "temperature": 1.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "seed": 7,
        "stop": ["END"],
    }


def test_pictures_are_parts() -> None:
    body = to_body(Request("m", (user("What is this?", Image(PIXEL)),)))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]


def test_tools_and_their_results() -> None:
    body = to_body(TOOL_TALK)
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["messages"][2]["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
    }
    assert body["messages"][3] == {"role": "tool", "content": '{"sky":"clear"}', "tool_call_id": "c1"}


@pytest.mark.parametrize(("schema", "strict"), [(SCHEMA, True), ({**SCHEMA, "required": []}, False)])
def test_a_schema_is_strict_where_openai_can_hold_to_it(schema: dict[str, Any], strict: bool) -> None:
    body = to_body(replace(HELLO, json_schema=schema))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


def flavoured(url: str, model: str, provider_id: str = "x", **request: Any) -> dict[str, Any]:
    return to_body(Request(model, (user("Hi"),), **request), flavour_of(parse_url(url), provider_id, model))


@pytest.mark.parametrize("model", ["o3-mini", "gpt-5", "gpt-5.1-codex", "gpt-6-mini"])
def test_openai_reasoning_models_take_other_fields(model: str) -> None:
    body = flavoured("https://api.openai.com/v1", model, sampling=FULL_SAMPLING)
    assert body["max_completion_tokens"] == 100
    assert not {"max_tokens", "temperature", "top_p", "stop"} & body.keys()


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://api.openai.com/v1", "gpt-4o"),
        ("https://api.openai.com/v1", "gpt-5-chat-latest"),
        ("https://openrouter.ai/api/v1", "gpt-5"),
    ],
)
def test_others_take_the_usual_ones(url: str, model: str) -> None:
    body = flavoured(url, model, sampling=FULL_SAMPLING)
    assert (body["max_tokens"], body["temperature"]) == (100, 1.5)


def test_a_beginning_is_marked_where_the_server_wants_it_marked() -> None:
    begun = Request("m", (user("Hi"), assistant("Once upon")))
    mistral = to_body(begun, flavour_of(parse_url("https://api.mistral.ai/v1"), "mistral", "m"))
    assert mistral["messages"][-1] == {"role": "assistant", "content": "Once upon", "prefix": True}
    assert "stream_options" not in mistral
    vllm = to_body(begun, flavour_of(parse_url("http://gpu:8000/v1"), "vllm", "m"))
    assert (vllm["continue_final_message"], vllm["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in to_body(HELLO, flavour_of(parse_url("http://gpu:8000/v1"), "vllm", "m"))
    assert to_body(begun)["messages"][-1] == {"role": "assistant", "content": "Once upon"}


def test_deepseek_is_told_the_schema_in_words() -> None:
    body = flavoured("https://api.deepseek.com/v1", "deepseek-chat", json_schema=SCHEMA)
    assert body["response_format"] == {"type": "json_object"}
    assert '"answer"' in body["messages"][0]["content"]
    assert body["messages"][1]["content"] == "Hi"


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("Unknown field: stream_options", replace(PLAIN, include_usage=False)),
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            replace(PLAIN, max_completion_tokens=True),
        ),
        ("'temperature' is not supported with this model.", replace(PLAIN, sampling=False)),
        ("temperature must be between 0 and 1", None),
        ("messages is missing", None),
    ],
)
def test_refusals_teach(refusal: str, expected: object) -> None:
    assert adapted(PLAIN, refusal) == expected


def test_a_reply() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 0},
    }
    events = read(
        piece(role="assistant", content=""),
        piece(content="Hel"),
        piece(content="lo"),
        STOP,
        json.dumps({"choices": [], "usage": usage}),
        "[DONE]",
        piece(content="never read"),
    )
    assert events == [TextDelta("Hel"), TextDelta("lo"), Usage(9, 4, 5, 2), Finished(FinishReason.STOP)]


@pytest.mark.parametrize(
    ("delta", "event"),
    [
        ({"reasoning_content": "hm"}, ReasoningDelta("hm")),
        ({"reasoning": "hm", "content": ""}, ReasoningDelta("hm")),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, ReasoningDelta("hm")),
        ({"content": [{"type": "text", "text": "a"}]}, TextDelta("a")),
        ({"refusal": "No."}, TextDelta("No.")),
    ],
)
def test_reasoning_and_other_contents(delta: dict[str, Any], event: Event) -> None:
    assert read(piece(**delta), STOP)[0] == event


def test_tool_calls() -> None:
    events = read(
        piece(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        piece(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{}"}}]),
        '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
        "[DONE]",
    )
    assert events == [
        ToolCallDelta(0, "c1", "f", ""),
        ToolCallDelta(0, "", "", '{"a"'),
        ToolCallDelta(0, "", "", ":1}"),
        ToolCallDelta(1, "c2", "g", "{}"),
        Finished(FinishReason.TOOL_CALLS),
    ]


def test_tool_calls_of_careless_servers() -> None:
    """No index, no id, an object for arguments, and "stop" for a reason."""
    events = read(piece(tool_calls=[{"function": {"name": "f", "arguments": {"a": 1}}}]), STOP)
    assert events == [ToolCallDelta(0, "call_0", "f", '{"a":1}'), Finished(FinishReason.TOOL_CALLS)]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("eos", FinishReason.STOP),
    ],
)
def test_reasons(reason: str, expected: FinishReason) -> None:
    assert read(json.dumps({"choices": [{"delta": {}, "finish_reason": reason}]})) == [Finished(expected)]


def test_an_answer_that_was_not_streamed() -> None:
    whole = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert read(json.dumps(whole)) == [TextDelta("Hello"), Usage(1, 2), Finished(FinishReason.STOP)]


def test_done_without_a_reason_is_an_end() -> None:
    assert read(piece(content="a"), "[DONE]") == [TextDelta("a"), Finished(FinishReason.STOP)]


def test_no_end_is_no_end() -> None:
    assert read(piece(content="a")) == [TextDelta("a")]


@pytest.mark.parametrize(
    "odd",
    ["{}", '{"choices":null}', '{"choices":[{}]}', '{"choices":[{"delta":null}],"usage":{}}', '{"prompt_progress":{}}'],
)
def test_odd_chunks_say_nothing(odd: str) -> None:
    assert read(odd, STOP) == [Finished(FinishReason.STOP)]


@pytest.mark.parametrize("garbage", ["<html>", "[1,2]", '{"choices":"x"}', '{"choices":[{"delta":{"content":'])
def test_garbage_is_an_error(garbage: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(garbage)


@pytest.mark.parametrize(
    ("error", "message", "status"),
    [
        ({"message": "Overloaded", "type": "server_error", "code": None}, "Overloaded", 0),
        ({"message": "Provider returned error", "code": 502}, "Provider returned error", 502),
        ("boom", "boom", 0),
    ],
)
def test_an_error_inside_the_stream(error: Any, message: str, status: int) -> None:
    with pytest.raises(Reported) as raised:
        read(piece(content="a"), json.dumps({"error": error, "choices": []}))
    assert (raised.value.problem.message, raised.value.problem.status) == (message, status)


def test_max_tokens_alone() -> None:
    assert to_body(replace(HELLO, sampling=Sampling(max_tokens=5)))["max_tokens"] == 5
