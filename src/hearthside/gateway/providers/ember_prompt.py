"""What the built-in model can be told: Ember reads 1,024 tokens and was trained on one turn or two.

Its skill is named by a system prompt of one word; its template takes any other system prompt for ordinary chat, so that
long ones are left out rather than paid for. Control tokens are parsed wherever they stand, so they are taken out of
what people wrote. Greedy decoding is how it was measured and is what it gets where nothing else is asked for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hearthside.gateway.model import Message, Request, Role, Text

SKILLS = frozenset({"part", "scene", "title"})

_TURNS = 2
_ANSWER_TOKENS = 320
_MESSAGE_TOKENS = 2
_CONTROL = re.compile(r"<\|[^|<>]*\|>")


def to_ember(request: Request, context_tokens: int) -> Request:
    """The request, cut down to its skill and its last turns; the newest turn stays, whatever its length."""
    limit = request.sampling.max_tokens or _ANSWER_TOKENS
    room = context_tokens - min(limit, context_tokens // 2)
    spoken = [_cleaned(message) for message in request.messages if message.role in (Role.USER, Role.ASSISTANT)]
    skill = skill_of(request.messages)
    messages = (*([_said(Role.SYSTEM, skill)] if skill else []), *_last_turns(spoken, room))
    sampling = request.sampling
    if sampling.temperature is None:
        sampling = replace(sampling, temperature=0)
    return replace(request, messages=messages, sampling=sampling, tools=())


def skill_of(messages: Iterable[Message]) -> str | None:
    """The last system prompt that names one; None: ordinary chat."""
    named = [text for message in messages if message.role is Role.SYSTEM and (text := message.text.strip()) in SKILLS]
    return named[-1] if named else None


def without_control_tokens(text: str) -> str:
    """Again and again: taking one out must not put another together."""
    while (cleaned := _CONTROL.sub("", text)) != text:
        text = cleaned
    return text


def estimated_tokens(text: str) -> int:
    """More than the tokenizer makes of ordinary text: half an ASCII character each, a whole byte of any other."""
    characters = sum(character.isascii() for character in text)
    return characters // 2 + len(text.encode(errors="replace")) - characters


def _last_turns(spoken: Sequence[Message], room: int) -> Sequence[Message]:
    """From a user's message on. A turn is that message and all answers to it."""
    starts = [index for index, message in enumerate(spoken) if message.role is Role.USER]
    best = spoken[starts[-1] :] if starts else spoken
    for start in reversed(starts[-_TURNS:]):
        if sum(estimated_tokens(message.text) + _MESSAGE_TOKENS for message in spoken[start:]) > room:
            break
        best = spoken[start:]
    return best


def _cleaned(message: Message) -> Message:
    return _said(message.role, without_control_tokens(message.text))


def _said(role: Role, text: str) -> Message:
    return Message(role, (Text(text),))
