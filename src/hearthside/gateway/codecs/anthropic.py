"""Anthropic's Messages API: a Request as its JSON, its stream as events.

Not in the protocol, and so left out: seed and the two penalties. Temperature ends at 1.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hearthside.gateway.codecs.arguments import to_object
from hearthside.gateway.codecs.images import inline
from hearthside.gateway.codecs.reader import Ending
from hearthside.gateway.codecs.schemas import is_closed, uses
from hearthside.gateway.model import (
    Capabilities,
    Event,
    FinishReason,
    Image,
    Message,
    ModelInfo,
    ReasoningDelta,
    Request,
    Role,
    Text,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Reported, to_problem
from hearthside.wire import anthropic as wire

DEFAULT_MAX_TOKENS = 4096

# The answer as the arguments of a tool that must be called: how models without an output format keep to a schema.
_ANSWER_TOOL = "answer"

# Models from before structured outputs: https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
_WITHOUT_FORMAT = re.compile(r"claude-(2|3|instant|opus-4(-0|-2025\d+)?$|sonnet-4(-0|-2025\d+)?$)")
_UNKNOWN_TO_FORMAT = frozenset(f"{limit}{what}" for limit in ("min", "max") for what in ("imum", "Length", "Items")) | {
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
}

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


def to_body(request: Request, *, sampling: bool = True) -> dict[str, Any]:
    """The body of POST /v1/messages, streaming. `sampling` False leaves temperature and top_p out."""
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.sampling.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": _turns(request.messages),
        "stream": True,
    }
    system = "\n\n".join(m.text for m in request.messages if m.role is Role.SYSTEM and m.text.strip())
    if system:
        body["system"] = system
    stops = [text for text in request.sampling.stop if text.strip()]  # blank ones are refused
    if stops:
        body["stop_sequences"] = stops
    if sampling:
        body |= _sampling(request)
    return body | _tools(request)


def _sampling(request: Request) -> dict[str, Any]:
    """Newer models take one of the two only, and temperature is the one that people set on purpose."""
    if request.sampling.temperature is not None:
        return {"temperature": min(request.sampling.temperature, 1.0)}
    return {} if request.sampling.top_p is None else {"top_p": request.sampling.top_p}


def _tools(request: Request) -> dict[str, Any]:
    tools = [{"name": t.name, "description": t.description, "input_schema": t.parameters} for t in request.tools]
    if request.json_schema is None:
        return {"tools": tools} if tools else {}
    if not answers_with_tool(request):
        format_ = {"format": {"type": "json_schema", "schema": request.json_schema}}
        return {"output_config": format_} | ({"tools": tools} if tools else {})
    answer = {"name": _ANSWER_TOOL, "description": "Gives the answer.", "input_schema": request.json_schema}
    choice = {"type": "any"} if tools else {"type": "tool", "name": _ANSWER_TOOL}
    return {"tools": [*tools, answer], "tool_choice": choice}


def answers_with_tool(request: Request) -> bool:
    """Whether the JSON answer comes as a tool's arguments: from older models, and for what the format refuses."""
    schema = request.json_schema
    if schema is None:
        return False
    return bool(_WITHOUT_FORMAT.match(request.model)) or not is_closed(schema) or uses(schema, _UNKNOWN_TO_FORMAT)


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """User and assistant turns; neighbours of one role are one, so that the results of a turn's calls stand together.

    A trailing assistant turn is continued by the model; it must not end in white space.
    """
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = list(_blocks(message))
        if not blocks:
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1]["type"] == "text":
        turns[-1]["content"][-1]["text"] = turns[-1]["content"][-1]["text"].rstrip()
    return turns


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role is Role.SYSTEM:
        return
    if message.role is Role.TOOL:
        content = list(_parts(message))
        yield {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": content}
        return
    yield from _parts(message)
    for call in message.tool_calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": to_object(call.arguments)}


def _parts(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.content:
        match part:
            case Text(text) if text.strip():  # blank text is refused
                yield {"type": "text", "text": text}
            case Text():
                pass
            case Image():
                yield {"type": "image", "source": _source(part)}


def _source(image: Image) -> dict[str, str]:
    picture = inline(image)
    if picture is None:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": picture.media_type, "data": picture.data}


class MessageReader:
    """An EventReader of the Messages API's stream."""

    def __init__(self, request: Request) -> None:
        self._ending = Ending()
        self._usage = wire.TokenUsage()
        self._calls: dict[int, int] = {}  # content block -> tool call
        self._silent_calls: set[int] = set()
        self._answer_tool = _ANSWER_TOOL if answers_with_tool(request) else None
        self._answer_block: int | None = None
        # A prefill was sent without its trailing white space; the model then begins with some of its own.
        last = request.messages[-1] if request.messages else None
        self._drop_space = last is not None and last.role is Role.ASSISTANT and last.text != last.text.rstrip()
        self.is_over = False

    def read(self, data: str) -> Iterator[Event]:
        event = wire.decode_event(data)
        match event.type:
            case "message_start":
                self._count(event.message.usage if event.message else None)
            case "content_block_start" if event.content_block:
                yield from self._block(event.index, event.content_block)
            case "content_block_delta" if event.delta:
                yield from self._delta(event.index, event.delta)
            case "content_block_stop" if event.index in self._silent_calls:
                yield ToolCallDelta(self._calls[event.index], "", "", "{}")
            case "message_delta":
                self._count(event.usage)
                if event.delta and event.delta.stop_reason:
                    self._ending.reason = _REASONS.get(event.delta.stop_reason, FinishReason.STOP)
            case "message_stop":
                self.is_over = True
                self._ending.reason = self._ending.reason or FinishReason.STOP
            case "error":
                raise Reported(to_problem(event.error))
            case _:
                pass  # ping, and whatever comes to be added

    def end(self) -> tuple[Event, ...]:
        if self._ending.reason is FinishReason.TOOL_CALLS and not self._calls:
            self._ending.reason = FinishReason.STOP  # the one tool that was called is the answer's
        return self._ending.events()

    def _block(self, index: int, block: wire.Block) -> Iterator[Event]:
        match block.type:
            case "tool_use" if block.name == self._answer_tool:
                self._answer_block = index
            case "tool_use":
                self._calls[index] = len(self._calls)
                self._silent_calls.add(index)
                yield ToolCallDelta(self._calls[index], block.id, block.name, "")
            case "text":
                yield from self._text(block.text)
            case "thinking" if block.thinking:
                yield ReasoningDelta(block.thinking)
            case _:
                pass

    def _delta(self, index: int, delta: wire.Delta) -> Iterator[Event]:
        match delta.type:
            case "text_delta":
                yield from self._text(delta.text)
            case "thinking_delta" if delta.thinking:
                yield ReasoningDelta(delta.thinking)
            case "input_json_delta" if index == self._answer_block:
                yield from self._text(delta.partial_json)
            case "input_json_delta" if delta.partial_json and index in self._calls:
                self._silent_calls.discard(index)
                yield ToolCallDelta(self._calls[index], "", "", delta.partial_json)
            case _:
                pass

    def _text(self, text: str) -> Iterator[Event]:
        if self._drop_space:
            text = text.lstrip()
            self._drop_space = not text
        if text:
            yield TextDelta(text)

    def _count(self, usage: wire.TokenUsage | None) -> None:
        """The numbers come in two events; what the later one leaves out stays as the earlier one said."""
        if usage is None:
            return
        for name in wire.TokenUsage.__struct_fields__:
            if getattr(usage, name) is not None:
                setattr(self._usage, name, getattr(usage, name))
        cached = self._usage.cache_read_input_tokens or 0
        written = self._usage.cache_creation_input_tokens or 0
        self._ending.usage = Usage(
            input_tokens=(self._usage.input_tokens or 0) + cached + written,
            output_tokens=self._usage.output_tokens or 0,
            cached_input_tokens=cached,
        )


def to_models(models: Sequence[wire.Model]) -> list[ModelInfo]:
    """All Claude models read pictures and call tools. Where the list says no limits, 200,000 tokens hold for all."""
    return [
        ModelInfo(
            id=model.id,
            label=model.display_name or model.id,
            capabilities=Capabilities(
                vision=True, tools=True, json_mode=True, max_context_tokens=model.max_input_tokens or 200_000
            ),
            max_output_tokens=model.max_tokens,
        )
        for model in models
    ]
