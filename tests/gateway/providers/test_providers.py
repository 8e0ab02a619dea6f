"""Each provider against a server that speaks its protocol, byte for byte, and against servers that speak nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hearthside.gateway.model import Event, Finished, FinishReason, Provider, TextDelta, Usage
from hearthside.gateway.providers.anthropic import AnthropicProvider
from hearthside.gateway.providers.gemini import GeminiProvider
from hearthside.gateway.providers.ollama import OllamaProvider
from hearthside.gateway.providers.openai_chat import OpenAIChatProvider
from hearthside.gateway.upstream import Upstream
from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import HearthsideError, Invalid, RateLimited, Unavailable, UpstreamFailed
from hearthside.kit.outbound import Outbound
from hearthside.kit.secret import Secret
from hearthside.providers.model import Endpoint, WireProtocol
from tests.gateway.samples import FULL_SAMPLING, HELLO
from tests.scripted_http import HANG, RESET, ScriptedServer, Step, answer, begun, chunk, scripted_http, sse


@dataclass(frozen=True)
class Kind:
    """One protocol: how its provider is made, where it posts, how it shows the key, and the stream of one reply."""

    protocol: WireProtocol
    make: Callable[[Upstream], Provider]
    path: str
    key_header: tuple[str, str]
    stream: bytes
    type_: str = "text/event-stream"


def _openai() -> bytes:
    deltas = [{"role": "assistant", "content": ""}, {"content": "Grüß "}, {"content": "Gott"}]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    chunks += [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}]
    return b": OPENROUTER PROCESSING\n\n" + sse(*_dumped(chunks), "[DONE]")


def _anthropic() -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüß "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Gott"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return "".join(
        f"event: {event['type']}\ndata: {text}\n\n" for event, text in zip(events, _dumped(events), strict=True)
    ).encode()


def _gemini() -> bytes:
    chunks: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": "Grüß "}], "role": "model"}}]},
        {
            "candidates": [{"content": {"parts": [{"text": "Gott"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        },
    ]
    return sse(*_dumped(chunks), ends="\r\n")


def _ollama() -> bytes:
    lines: list[dict[str, Any]] = [
        {"model": "m", "message": {"role": "assistant", "content": "Grüß "}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": "Gott"}, "done": False},
        {
            "model": "m",
            "message": {"content": ""},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
    ]
    return "".join(f"{line}\n" for line in _dumped(lines)).encode()


def _dumped(values: Sequence[dict[str, Any]]) -> list[str]:
    return [json.dumps(value, ensure_ascii=False) for value in values]


BEARER = ("authorization", "Bearer swordfish")
KINDS = [
    Kind(WireProtocol.OPENAI, OpenAIChatProvider, "/v1/chat/completions", BEARER, _openai()),
    Kind(WireProtocol.ANTHROPIC, AnthropicProvider, "/v1/messages", ("x-api-key", "swordfish"), _anthropic()),
    Kind(
        *(WireProtocol.GEMINI, GeminiProvider, "/v1/models/m:streamGenerateContent?alt=sse"),
        *(("x-goog-api-key", "swordfish"), _gemini()),
    ),
    Kind(WireProtocol.OLLAMA, OllamaProvider, "/api/chat", BEARER, _ollama(), "application/x-ndjson"),
]
REPLY = [TextDelta("Grüß "), TextDelta("Gott"), Usage(3, 2), Finished(FinishReason.STOP)]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.protocol.value)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    outbound = Outbound()
    yield Upstream(outbound, ManualClock())
    await outbound.close()


def endpoint(server: ScriptedServer, kind: Kind, provider_id: str = "acme") -> Endpoint:
    return Endpoint(provider_id, "Acme", kind.protocol, f"{server.url}/v1", Secret("swordfish"), trusted=True)


async def read(upstream: Upstream, kind: Kind, server: ScriptedServer) -> list[Event]:
    return [event async for event in kind.make(upstream).stream(endpoint(server, kind), HELLO)]


async def failed(upstream: Upstream, kind: Kind, script: Sequence[Step]) -> HearthsideError:
    async with scripted_http(script) as server:
        with pytest.raises(HearthsideError) as raised:
            await read(upstream, kind, server)
    assert "swordfish" not in raised.value.message
    return raised.value


async def test_a_reply(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http(answer(200, kind.stream, type_=kind.type_)) as server:
        assert await read(upstream, kind, server) == REPLY
    (seen,) = server.requests
    assert (seen.method, seen.target) == ("POST", kind.path)
    assert seen.headers[kind.key_header[0]] == kind.key_header[1]
    assert seen.headers["content-type"] == "application/json"
    assert "swordfish" not in seen.target
    assert "Hello" in json.dumps(seen.json)


async def test_a_reply_byte_by_byte(upstream: Upstream, kind: Kind) -> None:
    pieces = [kind.stream[i : i + 1] for i in range(len(kind.stream))]
    async with scripted_http(answer(200, pieces, type_=kind.type_)) as server:
        assert await read(upstream, kind, server) == REPLY


async def test_no_key_is_no_header(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http(answer(200, kind.stream, type_=kind.type_)) as server:
        keyless = replace(endpoint(server, kind), api_key=None)
        assert [event async for event in kind.make(upstream).stream(keyless, HELLO)] == REPLY
    assert kind.key_header[0] not in server.requests[0].headers


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("whole_lines", [True, False])
async def test_a_cut_stream_is_not_done(upstream: Upstream, kind: Kind, share: float, whole_lines: bool) -> None:
    """Both ways to break off: in the middle of HTTP, and with HTTP ended as if all were well."""
    beginning = kind.stream[: int(len(kind.stream) * share)]
    if whole_lines:
        beginning = beginning.rpartition(b"\n")[0] + b"\n"
    for ending in ([], [b"0\r\n\r\n"]):
        error = await failed(upstream, kind, [*begun(type_=kind.type_), chunk(beginning), *ending])
        assert isinstance(error, UpstreamFailed)
        assert error.code == "stream_cut"


async def test_a_connection_that_breaks_after_the_end_harms_nothing(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http([*begun(type_=kind.type_), chunk(kind.stream), RESET]) as server:
        assert await read(upstream, kind, server) == REPLY


async def test_a_break_between_the_reason_and_the_mark_harms_nothing(upstream: Upstream) -> None:
    without_mark = OPENAI.stream.removesuffix(b"data: [DONE]\n\n")
    async with scripted_http([*begun(), chunk(without_mark)]) as server:
        assert await read(upstream, OPENAI, server) == REPLY


async def test_leaving_ends_the_upstream_request(upstream: Upstream, kind: Kind) -> None:
    half = kind.stream[: kind.stream.index(b"Gott")].rpartition(b"\n")[0] + b"\n"
    async with scripted_http([*begun(type_=kind.type_), chunk(half), HANG]) as server:
        async with aclosing(kind.make(upstream).stream(endpoint(server, kind), HELLO)) as events:
            assert await anext(events) == TextDelta("Grüß ")
        async with asyncio.timeout(0.5):
            await server.left.wait()


async def test_cancelling_before_the_first_byte_ends_it_too(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http([HANG]) as server:
        reading = asyncio.create_task(read(upstream, kind, server))
        while not server.requests:
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        async with asyncio.timeout(0.5):
            await server.left.wait()


@pytest.mark.parametrize(
    ("status", "kind_of_error", "code"),
    [
        (401, UpstreamFailed, "provider_auth"),
        (429, RateLimited, "provider_rate_limited"),
        (500, UpstreamFailed, "provider_error"),
        (503, Unavailable, "provider_overloaded"),
        (529, Unavailable, "provider_overloaded"),
    ],
)
async def test_refusals(
    upstream: Upstream, kind: Kind, status: int, kind_of_error: type[HearthsideError], code: str
) -> None:
    body = json.dumps({"error": {"message": "no (swordfish)"}}).encode()
    error = await failed(upstream, kind, answer(status, body, retry_after="3"))
    assert isinstance(error, kind_of_error)
    assert error.code == code
    assert error.message.startswith(("Acme", "The account at Acme"))
    if code in ("provider_rate_limited", "provider_overloaded"):
        assert error.retry_after_seconds == 3


async def test_an_unknown_model(upstream: Upstream, kind: Kind) -> None:
    body = json.dumps({"error": {"message": "model 'm' not found"}}).encode()
    error = await failed(upstream, kind, answer(404, body))
    assert isinstance(error, Invalid)
    assert error.code == "model_not_found"


async def test_an_error_inside_a_200(upstream: Upstream, kind: Kind) -> None:
    error = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    stream = sse(error) if kind.protocol is not WireProtocol.OLLAMA else f"{error}\n".encode()
    assert (await failed(upstream, kind, answer(200, stream, type_=kind.type_))).code == "provider_overloaded"
    # The same, from a server that answers with JSON where a stream was asked for.
    assert (await failed(upstream, kind, answer(200, error.encode()))).code == "provider_overloaded"


@pytest.mark.parametrize("garbage", ["<html>", '{"a":', "[]", '{"error":' * 3000])
async def test_garbage(upstream: Upstream, kind: Kind, garbage: str) -> None:
    stream = sse(garbage) if kind.protocol is not WireProtocol.OLLAMA else f"{garbage}\n".encode()
    assert (await failed(upstream, kind, answer(200, stream, type_=kind.type_))).code == "provider_error"


async def test_a_line_of_two_mebibytes(upstream: Upstream, kind: Kind) -> None:
    pieces = [b"data: "] + [b"x" * 65_536] * 32
    error = await failed(upstream, kind, answer(200, pieces, type_=kind.type_))
    assert error.code == "provider_error"


async def test_nothing_there(upstream: Upstream, kind: Kind) -> None:
    error = await failed(upstream, kind, [RESET])
    assert isinstance(error, Unavailable)
    assert error.code == "provider_unreachable"
    assert error.message.startswith("Acme cannot be reached")


async def test_a_redirect_is_not_followed(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http(answer(200, kind.stream, type_=kind.type_)) as target:
        error = await failed(upstream, kind, answer(307, b"", location=f"{target.url}/"))
        assert error.code == "provider_error"
        assert not target.requests


async def test_a_users_private_address_is_refused(upstream: Upstream, kind: Kind) -> None:
    async with scripted_http(answer(200, kind.stream, type_=kind.type_)) as server:
        own = replace(endpoint(server, kind), trusted=False)
        with pytest.raises(Invalid) as raised:
            await anext(kind.make(upstream).stream(own, HELLO))
        assert raised.value.code == "address_not_allowed"
        assert server.connections == 0


OPENAI, ANTHROPIC, GEMINI, OLLAMA = KINDS


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_does_not_know_stream_options(upstream: Upstream, status: int) -> None:
    refusal = json.dumps({"error": {"message": "Unknown field: stream_options"}}).encode()
    async with scripted_http(answer(status, refusal), answer(200, OPENAI.stream, type_=OPENAI.type_)) as server:
        assert await read(upstream, OPENAI, server) == REPLY
    first, second = server.requests
    assert first.json["stream_options"] == {"include_usage": True}
    assert "stream_options" not in second.json


@pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC], ids=lambda kind: kind.protocol.value)
async def test_a_model_without_temperature(upstream: Upstream, kind: Kind) -> None:
    refusal = json.dumps({"error": {"message": "`temperature` is deprecated for this model."}}).encode()
    async with scripted_http(answer(400, refusal), answer(200, kind.stream, type_=kind.type_)) as server:
        hot = replace(HELLO, sampling=FULL_SAMPLING)
        assert [event async for event in kind.make(upstream).stream(endpoint(server, kind), hot)] == REPLY
    first, second = server.requests
    assert "temperature" in first.json
    assert "temperature" not in second.json


async def test_a_server_that_goes_on_refusing_is_not_asked_for_ever(upstream: Upstream) -> None:
    refusal = json.dumps({"error": {"message": "stream_options, temperature, max_completion_tokens: unknown"}}).encode()
    async with scripted_http(answer(400, refusal)) as server:
        with pytest.raises(UpstreamFailed):
            await read(upstream, OPENAI, server)
    assert len(server.requests) == 4


async def test_openai_catalogue(upstream: Upstream) -> None:
    body = b'{"object":"list","data":[{"id":"gpt-4o"},{"id":"whisper-1"}]}'
    async with scripted_http(answer(200, body)) as server:
        models = await OPENAI.make(upstream).models(endpoint(server, OPENAI))
    assert [model.id for model in models] == ["gpt-4o"]
    assert (server.requests[0].method, server.requests[0].target) == ("GET", "/v1/models")
    assert server.requests[0].headers["authorization"] == "Bearer swordfish"


async def test_lmstudio_tells_more_in_its_own_catalogue(upstream: Upstream) -> None:
    rich = b'{"data":[{"id":"qwen","type":"llm","max_context_length":4096},{"id":"nomic","type":"embeddings"}]}'
    async with scripted_http(answer(200, rich)) as server:
        (model,) = await OPENAI.make(upstream).models(endpoint(server, OPENAI, "lmstudio"))
    assert (server.requests[0].target, model.capabilities.max_context_tokens) == ("/api/v0/models", 4096)


async def test_an_older_lmstudio(upstream: Upstream) -> None:
    async with scripted_http(answer(404, b"{}"), answer(200, b'{"data":[{"id":"qwen"}]}')) as server:
        (model,) = await OPENAI.make(upstream).models(endpoint(server, OPENAI, "lmstudio"))
    assert ([seen.target for seen in server.requests], model.id) == (["/api/v0/models", "/v1/models"], "qwen")


async def test_anthropic_catalogue(upstream: Upstream) -> None:
    body = b'{"data":[{"type":"model","id":"claude-x","display_name":"Claude X"}],"has_more":false}'
    async with scripted_http(answer(200, body)) as server:
        (model,) = await ANTHROPIC.make(upstream).models(endpoint(server, ANTHROPIC))
    assert (server.requests[0].target, model.label) == ("/v1/models?limit=1000", "Claude X")
    assert server.requests[0].headers["anthropic-version"] == "2023-06-01"


async def test_gemini_catalogue(upstream: Upstream) -> None:
    body = b'{"models":[{"name":"models/gemini-x","supportedGenerationMethods":["generateContent"]}]}'
    async with scripted_http(answer(200, body)) as server:
        (model,) = await GEMINI.make(upstream).models(endpoint(server, GEMINI))
    assert (server.requests[0].target, model.id) == ("/v1/models?pageSize=1000", "gemini-x")


async def test_gemini_without_a_version_in_its_address(upstream: Upstream) -> None:
    async with scripted_http(answer(200, b'{"models":[]}')) as server:
        bare = replace(endpoint(server, GEMINI), base_url=server.url)
        assert await GEMINI.make(upstream).models(bare) == []
    assert server.requests[0].target == "/v1beta/models?pageSize=1000"


async def test_a_models_name_cannot_leave_its_place_in_the_url(upstream: Upstream) -> None:
    async with scripted_http(answer(200, GEMINI.stream, type_=GEMINI.type_)) as server:
        odd = replace(HELLO, model="../../v1/files?x=#")
        assert [event async for event in GEMINI.make(upstream).stream(endpoint(server, GEMINI), odd)] == REPLY
    assert server.requests[0].target == "/v1/models/..%2F..%2Fv1%2Ffiles%3Fx%3D%23:streamGenerateContent?alt=sse"


async def test_ollama_catalogue(upstream: Upstream) -> None:
    tags = b'{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest"}]}'
    shown = b'{"capabilities":["completion","tools"],"model_info":{"general.architecture":"l","l.context_length":8}}'
    async with scripted_http(answer(200, tags), answer(200, shown)) as server:
        (model,) = await OLLAMA.make(upstream).models(endpoint(server, OLLAMA))
    assert (model.label, model.capabilities.tools, model.capabilities.max_context_tokens) == ("llama3.2", True, 8)
    assert [seen.target for seen in server.requests] == ["/api/tags", "/api/show"]
    assert server.requests[1].json == {"model": "llama3.2:latest"}


async def test_an_ollama_that_shows_nothing_still_lists(upstream: Upstream) -> None:
    tags = b'{"models":[{"name":"llama3.2:latest"}]}'
    async with scripted_http(answer(200, tags), answer(404, b"{}")) as server:
        (model,) = await OLLAMA.make(upstream).models(endpoint(server, OLLAMA))
    assert (model.id, model.capabilities.max_context_tokens) == ("llama3.2:latest", None)


@pytest.mark.parametrize("body", [b"<html>", b'{"data":3}', b"[3]"])
async def test_a_catalogue_that_nobody_can_read(upstream: Upstream, body: bytes) -> None:
    async with scripted_http(answer(200, body)) as server:
        with pytest.raises(UpstreamFailed, match="Acme"):
            await OPENAI.make(upstream).models(endpoint(server, OPENAI))
