"""A branch of the tree as what a model is asked: pure functions."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from hearthside.conversations.model import Message, MessageRole, MessageStatus, ReplyChoice
from hearthside.gateway import model as gateway

# A failed reply is left out (what there is of it may be anything), and one that is being written has no text yet.
_TOLD = frozenset({MessageStatus.COMPLETE, MessageStatus.CANCELLED, MessageStatus.INTERRUPTED})

_ROLES = {
    MessageRole.SYSTEM: gateway.Role.SYSTEM,
    MessageRole.USER: gateway.Role.USER,
    MessageRole.ASSISTANT: gateway.Role.ASSISTANT,
}


def request(branch: Sequence[Message], choice: ReplyChoice, *, beginning: str, user_uid: str) -> gateway.Request:
    """Asks `choice` to answer the branch. `beginning`: what it has said already and is to go on from ("": nothing).

    The choice's system prompt stands first, then system messages. Neighbours of one role become one message: many chat
    templates insist that user and assistant take turns.
    """
    told = [message for message in branch if message.status in _TOLD and message.content]
    told.sort(key=lambda message: message.role is not MessageRole.SYSTEM)  # stable
    prompt = [(gateway.Role.SYSTEM, choice.system_prompt)] if choice.system_prompt else []
    messages = _merged([*prompt, *((_ROLES[message.role], message.content) for message in told)])
    if beginning:
        messages += (_message(gateway.Role.ASSISTANT, beginning),)
    return gateway.Request(model=choice.model, messages=messages, sampling=choice.sampling, user=user_uid)


def _merged(turns: Iterable[tuple[gateway.Role, str]]) -> tuple[gateway.Message, ...]:
    return tuple(
        _message(role, "\n\n".join(text for _, text in group))
        for role, group in groupby(turns, key=lambda turn: turn[0])
    )


def _message(role: gateway.Role, text: str) -> gateway.Message:
    return gateway.Message(role, (gateway.Text(text),))
