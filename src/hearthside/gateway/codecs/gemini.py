"""Google's Gemini API: a Request as its JSON, its stream as events."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hearthside.gateway.codecs.arguments import to_object, to_text
from hearthside.gateway.codecs.images import inline
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
    Role,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.gateway.problems import Problem, Reported, to_problem
from hearthside.wire import gemini as wire

# From Gemini 3 on a call that is sent back must carry the signature of the thought behind it. Calls here come from any
# provider and have none; this value says so (https://ai.google.dev/gemini-api/docs/thought-signatures).
_NO_SIGNATURE = "skip_thought_signature_validator"
_WANTS_SIGNATURE = re.compile(r"gemini-([3-9]|\d\d)")

_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
}

_MEDIA_TYPES = {"png": "image/png", "webp": "image/webp", "gif": "image/gif", "heic": "image/heic"}


def to_body(request: Request) -> dict[str, Any]:
    """The body of POST models/{model}:streamGenerateContent."""
    body: dict[str, Any] = {"contents": _contents(request)}
    system = [{"text": m.text} for m in request.messages if m.role is Role.SYSTEM and m.text]
    if system:
        body["systemInstruction"] = {"parts": system}
    config = _generation_config(request)
    if config:
        body["generationConfig"] = config
    if request.tools:
        declarations = [
            {"name": t.name, "description": t.description, "parametersJsonSchema": t.parameters} for t in request.tools
        ]
        body["tools"] = [{"functionDeclarations": declarations}]
    return body


def _generation_config(request: Request) -> dict[str, Any]:
    chosen = request.sampling
    fields: dict[str, Any] = {
        "temperature": chosen.temperature,
        "topP": chosen.top_p,
        "maxOutputTokens": chosen.max_tokens,
        "frequencyPenalty": chosen.frequency_penalty,
        "presencePenalty": chosen.presence_penalty,
        "seed": chosen.seed,
        "stopSequences": list(chosen.stop) or None,
        "responseMimeType": None if request.json_schema is None else "application/json",
        "responseJsonSchema": request.json_schema,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _contents(request: Request) -> list[dict[str, Any]]:
    """Turns of `user` and `model`; neighbours of one role are one turn, so that a turn's results stand together."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    signature = _NO_SIGNATURE if _WANTS_SIGNATURE.match(request.model) else None
    turns: list[dict[str, Any]] = []
    for message in request.messages:
        parts = list(_parts(message, names, signature))
        if not parts:
            continue
        role = "model" if message.role is Role.ASSISTANT else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: Message, names: Mapping[str, str], signature: str | None) -> Iterator[dict[str, Any]]:
    if message.role is Role.SYSTEM:
        return
    if message.role is Role.TOOL:
        name = names.get(message.tool_call_id or "", "tool")
        yield {"functionResponse": {"name": name, "response": _result(message.text)}}
        return
    for part in message.content:
        if isinstance(part, Image):
            yield _image(part)
        elif part.text:
            yield {"text": part.text}
    for position, call in enumerate(message.tool_calls):
        fields: dict[str, Any] = {"functionCall": {"name": call.name, "args": to_object(call.arguments)}}
        if signature and position == 0:  # of calls made together, the first alone carries one
            fields["thoughtSignature"] = signature
        yield fields


def _result(text: str) -> dict[str, Any]:
    """An object is wanted: a tool's own, else its text under the name that the document proposes."""
    return to_object(text) or {"result": text}


def _image(image: Image) -> dict[str, Any]:
    picture = inline(image)
    if picture is not None:
        return {"inlineData": {"mimeType": picture.media_type, "data": picture.data}}
    ending = image.url.partition("?")[0].rpartition(".")[2].lower()
    return {"fileData": {"mimeType": _MEDIA_TYPES.get(ending, "image/jpeg"), "fileUri": image.url}}


class ContentReader:
    """An EventReader of streamGenerateContent. The stream has no end mark: it ends after the reason was given."""

    def __init__(self) -> None:
        self._ending = Ending()
        self._calls = 0
        self.is_over = False

    def read(self, data: str) -> Iterator[Event]:
        chunk = wire.decode_chunk(data)
        if chunk.error:
            raise Reported(to_problem(chunk.error))
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            reason = chunk.prompt_feedback.block_reason.lower().replace("_", " ")
            raise Reported(Problem(f"blocked: {reason}", frozenset({"content_filter"}), status=400))
        if chunk.usage_metadata:
            self._ending.usage = _usage(chunk.usage_metadata)
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content.parts if candidate.content else None) or ():
                yield from self._part(part)
            if candidate.finish_reason:
                self._ending.reason = _REASONS.get(candidate.finish_reason, FinishReason.STOP)

    def end(self) -> tuple[Event, ...]:
        if self._calls and self._ending.reason is FinishReason.STOP:
            self._ending.reason = FinishReason.TOOL_CALLS
        return self._ending.events()

    def _part(self, part: wire.Part) -> Iterator[Event]:
        if part.function_call:
            call = part.function_call
            yield ToolCallDelta(self._calls, call.id or f"call_{self._calls}", call.name, to_text(call.args))
            self._calls += 1
        elif part.text:
            yield ReasoningDelta(part.text) if part.thought else TextDelta(part.text)


def _usage(counts: wire.UsageMetadata) -> Usage:
    thoughts = counts.thoughts_token_count or 0
    return Usage(
        input_tokens=(counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0),
        output_tokens=(counts.candidates_token_count or 0) + thoughts,
        cached_input_tokens=counts.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
    )


_NOT_CHAT = re.compile(
    r"embedding|aqa|imagen|veo|-tts|-image|native-audio|-live|robotics|computer-use|lyria", re.IGNORECASE
)


def to_models(models: Sequence[wire.Model]) -> list[ModelInfo]:
    """The ones that chat. Gemma, on the same list, takes neither tools nor a schema."""
    return [_to_info(model) for model in models if _chats(model)]


def _chats(model: wire.Model) -> bool:
    generates = "generateContent" in (model.supported_generation_methods or ())
    return generates and not _NOT_CHAT.search(model.name)


def _to_info(model: wire.Model) -> ModelInfo:
    name = model.name.removeprefix("models/")
    is_gemini = name.startswith("gemini")
    return ModelInfo(
        id=name,
        label=model.display_name or name,
        capabilities=Capabilities(
            vision=is_gemini, tools=is_gemini, json_mode=is_gemini, max_context_tokens=model.input_token_limit
        ),
        max_output_tokens=model.output_token_limit,
        description=model.description or None,
    )
