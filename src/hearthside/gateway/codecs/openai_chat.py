"""OpenAI chat completions: a Request as its JSON, its stream as events.

Compatible servers differ in what they take; a `Flavour` (`gateway/codecs/flavours.py`) says how.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hearthside.gateway.codecs.arguments import to_text
from hearthside.gateway.codecs.flavours import PLAIN, Flavour
from hearthside.gateway.codecs.reader import Ending
from hearthside.gateway.codecs.schemas import is_closed
from hearthside.gateway.model import (
    Event,
    FinishReason,
    Image,
    Message,
    ReasoningDelta,
    Request,
    Role,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Reported, to_problem
from hearthside.wire import openai_chat as wire

_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}


def to_body(request: Request, flavour: Flavour = PLAIN) -> dict[str, Any]:
    """The body of POST /chat/completions, streaming."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [to_message(message) for message in request.messages],
        "stream": True,
    }
    if flavour.include_usage:
        body["stream_options"] = {"include_usage": True}
    body |= _sampling(request, flavour)
    if request.tools:
        body["tools"] = [to_tool(tool) for tool in request.tools]
    if request.json_schema is not None:
        body |= _json_answer(body["messages"], request.json_schema, flavour)
    if request.messages and request.messages[-1].role is Role.ASSISTANT:
        body["messages"][-1] |= flavour.prefill_message
        body |= flavour.prefill_body
    return body


def _sampling(request: Request, flavour: Flavour) -> dict[str, Any]:
    chosen = request.sampling
    limit = {"max_completion_tokens" if flavour.max_completion_tokens else "max_tokens": chosen.max_tokens}
    rest = {
        "temperature": chosen.temperature,
        "top_p": chosen.top_p,
        "frequency_penalty": chosen.frequency_penalty,
        "presence_penalty": chosen.presence_penalty,
        "stop": list(chosen.stop) or None,
    }
    seed = {"random_seed" if flavour.random_seed else "seed": chosen.seed}
    fields = limit | seed | (rest if flavour.sampling else {})
    return {name: value for name, value in fields.items() if value is not None}


def _json_answer(messages: list[dict[str, Any]], schema: Mapping[str, Any], flavour: Flavour) -> dict[str, Any]:
    if flavour.json_schema:
        answer = {"name": "answer", "schema": schema, "strict": is_closed(schema)}
        return {"response_format": {"type": "json_schema", "json_schema": answer}}
    # The server promises JSON but no schema, and wants to hear the word in the prompt.
    instruction = f"Answer with JSON only, valid against this JSON Schema:\n{msgspec.json.encode(schema).decode()}"
    return {
        "messages": [{"role": "system", "content": instruction}, *messages],
        "response_format": {"type": "json_object"},
    }


def to_message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role.value, "content": _content(message)}
    if message.tool_calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
        fields["content"] = fields["content"] or None
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Plain text where there are no pictures: not every compatible server takes parts."""
    if not any(isinstance(part, Image) for part in message.content):
        return message.text
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image_url", "image_url": {"url": part.url}}
        for part in message.content
    ]


def to_tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


class ChatReader:
    """An EventReader of chat completion chunks, or of one whole completion."""

    def __init__(self) -> None:
        self._ending = Ending()
        self._tool_ids: dict[int, str] = {}
        self.is_over = False

    def read(self, data: str) -> Iterable[Event]:
        if data.strip() == wire.DONE:
            self.is_over = True
            # Some servers never give a reason, but this mark they send only at a proper end.
            self._ending.reason = self._ending.reason or FinishReason.STOP
            return ()
        chunk = wire.decode_chunk(data)
        if chunk.error:
            raise Reported(to_problem(chunk.error))
        if chunk.usage is not None:
            self._ending.usage = from_usage(chunk.usage) or self._ending.usage
        return [event for choice in (chunk.choices or ())[:1] for event in self._from_choice(choice)]

    def end(self) -> tuple[Event, ...]:
        if self._tool_ids and self._ending.reason is FinishReason.STOP:
            self._ending.reason = FinishReason.TOOL_CALLS
        return self._ending.events()

    def _from_choice(self, choice: wire.Choice) -> Iterator[Event]:
        if choice.finish_reason:
            self._ending.reason = _REASONS.get(choice.finish_reason, FinishReason.STOP)
        delta = choice.delta or choice.message
        if delta is None:
            return
        if reasoning := delta.reasoning_content or delta.reasoning:
            yield ReasoningDelta(reasoning)
        yield from _from_content(delta.content)
        if delta.refusal:
            yield TextDelta(delta.refusal)
        for position, piece in enumerate(delta.tool_calls or ()):
            yield self._from_piece(position, piece)

    def _from_piece(self, position: int, piece: wire.ToolCallPiece) -> ToolCallDelta:
        index = position if piece.index is None else piece.index
        name = (piece.function.name if piece.function else None) or ""
        arguments = to_text((piece.function.arguments if piece.function else None) or "")
        known = self._tool_ids.get(index)
        if known is not None:
            return ToolCallDelta(index, "", "", arguments)
        self._tool_ids[index] = call_id = piece.id or f"call_{index}"
        return ToolCallDelta(index, call_id, name, arguments)


def _from_content(content: str | list[wire.ContentPart] | None) -> Iterator[Event]:
    if isinstance(content, str):
        if content:
            yield TextDelta(content)
        return
    for part in content or ():
        if part.thinking:
            thought = part.thinking if isinstance(part.thinking, str) else "".join(p.text for p in part.thinking)
            yield ReasoningDelta(thought)
        elif part.text:
            yield TextDelta(part.text)


def from_usage(usage: wire.TokenUsage) -> Usage | None:
    """None where the server sends the object without numbers, as some do until the last chunk."""
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cached_input_tokens=(prompt.cached_tokens if prompt else None) or 0,
        reasoning_tokens=(completion.reasoning_tokens if completion else None) or 0,
    )
