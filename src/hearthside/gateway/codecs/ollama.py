"""Ollama's own API: a Request as its JSON, its lines as events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hearthside.gateway.codecs.arguments import to_object, to_text
from hearthside.gateway.codecs.images import inline
from hearthside.gateway.codecs.openai_chat import to_tool
from hearthside.gateway.codecs.reader import Ending
from hearthside.gateway.model import (
    Capabilities,
    Event,
    FinishReason,
    Image,
    Message,
    ModelInfo,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Reported, to_problem
from hearthside.kit.errors import Invalid
from hearthside.wire import ollama as wire


def to_body(request: Request) -> dict[str, Any]:
    """The body of POST /api/chat, streaming."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_to_message(message, names) for message in request.messages],
        "stream": True,
    }
    options = _options(request)
    if options:
        body["options"] = options
    if request.tools:
        body["tools"] = [to_tool(tool) for tool in request.tools]
    if request.json_schema is not None:
        body["format"] = request.json_schema
    return body


def _options(request: Request) -> dict[str, Any]:
    chosen = request.sampling
    fields: dict[str, Any] = {
        "temperature": chosen.temperature,
        "top_p": chosen.top_p,
        "num_predict": chosen.max_tokens,
        "frequency_penalty": chosen.frequency_penalty,
        "presence_penalty": chosen.presence_penalty,
        "seed": chosen.seed,
        "stop": list(chosen.stop) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _to_message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role.value, "content": message.text}
    images = [_data(part) for part in message.content if isinstance(part, Image)]
    if images:
        fields["images"] = images
    if message.tool_calls:
        fields["tool_calls"] = [
            {"function": {"name": call.name, "arguments": to_object(call.arguments)}} for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        fields["tool_name"] = names.get(message.tool_call_id, "")
    return fields


def _data(image: Image) -> str:
    picture = inline(image)
    if picture is None:
        raise Invalid("Ollama reads pictures as data: URLs only; it does not fetch them.")
    return picture.data


class ChatReader:
    """An EventReader of /api/chat's lines. Calls come whole, and without ids."""

    def __init__(self) -> None:
        self._ending = Ending()
        self._calls = 0
        self.is_over = False

    def read(self, data: str) -> Iterator[Event]:
        chunk = wire.decode_chunk(data)
        if chunk.error:
            raise Reported(to_problem(chunk.error))
        if chunk.message:
            yield from self._message(chunk.message)
        if chunk.done:
            self.is_over = True
            self._ending.reason = FinishReason.LENGTH if chunk.done_reason == "length" else FinishReason.STOP
            if chunk.prompt_eval_count is not None or chunk.eval_count is not None:
                self._ending.usage = Usage(chunk.prompt_eval_count or 0, chunk.eval_count or 0)

    def end(self) -> tuple[Event, ...]:
        if self._calls and self._ending.reason is FinishReason.STOP:
            self._ending.reason = FinishReason.TOOL_CALLS
        return self._ending.events()

    def _message(self, message: wire.Message) -> Iterator[Event]:
        if message.thinking:
            yield ReasoningDelta(message.thinking)
        if message.content:
            yield TextDelta(message.content)
        for call in message.tool_calls or ():
            arguments = to_text(call.function.arguments)
            yield ToolCallDelta(self._calls, f"call_{self._calls}", call.function.name, arguments)
            self._calls += 1


def to_model(model: wire.Model, shown: wire.Shown | None) -> ModelInfo | None:
    """`shown` None: nothing more is known. None for a model that does not chat."""
    abilities = frozenset((shown.capabilities if shown else None) or model.capabilities or ())
    if abilities and "completion" not in abilities:
        return None
    details = model.details
    size = [text for text in (details.parameter_size, details.quantization_level) if text] if details else []
    return ModelInfo(
        id=model.model or model.name,
        label=model.name.removesuffix(":latest"),
        capabilities=Capabilities(
            vision="vision" in abilities,
            tools="tools" in abilities,
            json_mode=True,  # its grammar works with every model
            max_context_tokens=_context(shown),
        ),
        description=", ".join(size) or None,
    )


def _context(shown: wire.Shown | None) -> int | None:
    facts = (shown.model_info if shown else None) or {}
    found = facts.get(f"{facts.get('general.architecture')}.context_length")
    return found if isinstance(found, int) and found > 0 else None


def to_models(found: Sequence[tuple[wire.Model, wire.Shown | None]]) -> list[ModelInfo]:
    return [info for model, shown in found if (info := to_model(model, shown))]
