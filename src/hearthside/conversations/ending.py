"""The end of a reply, whatever it was: one transaction that writes the message, the generation, the usage and the last
events of the stream, so that all of them say the same."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import generation_store, message_store, store
from hearthside.conversations.model import Generation, GenerationState, Message, MessageStatus
from hearthside.gateway.model import FinishReason, Usage
from hearthside.kit.clock import Clock
from hearthside.kit.events import StreamLostError, StreamWriter
from hearthside.usage.service import Usage as UsageService

# What a token is roughly, in characters, where a reply broke off before its provider counted.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a reply is not whole."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a generation ended. `message` is as it was before, `text` what was added to it.

    `prompt_characters` is the size of what the model was asked; `usage` None: the provider did not say.
    """

    generation: Generation
    message: Message
    state: GenerationState
    text: str
    prompt_characters: int
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    problem: Problem | None = None


class Endings:
    def __init__(self, usage: UsageService, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    async def write(self, connection: AsyncConnection, ending: Ending, writer: StreamWriter) -> None:
        """May be repeated when it is not known whether the transaction was committed. Announce the writer afterwards.

        Errors: StreamLostError, where the generation has another owner, or is gone with its conversation.
        """
        generation, now = ending.generation, self._clock.now()
        # The conversation is locked first, as everywhere: two who lock in different orders may wait for each other.
        if not await store.touch(connection, generation.conversation_id, now=now):
            raise StreamLostError(generation.uid)
        problem = ending.problem and (ending.problem.code, ending.problem.message)
        if not await generation_store.end(connection, generation, state=ending.state, error=problem, now=now):
            if await self._is_written(connection, ending):
                return
            raise StreamLostError(generation.uid)
        await message_store.end(
            connection,
            ending.message.id,
            content=ending.message.content + ending.text,
            status=_status(ending.state),
            provider_meta=_provider_meta(ending),
            usage=_added(ending.message.usage, ending.usage),
        )
        usage = ending.usage or _estimate(ending)
        await self._usage.count_reply(
            connection, generation.user_id, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens
        )
        await writer.finish(connection, _last_events(ending))

    async def _is_written(self, connection: AsyncConnection, ending: Ending) -> bool:
        """Our own transaction was committed, and only the answer was lost."""
        wanted = ending.generation
        stored = await generation_store.get(connection, wanted.id)
        return stored is not None and (stored.owner, stored.epoch, stored.state) == (
            wanted.owner,
            wanted.epoch,
            ending.state,
        )


def _status(state: GenerationState) -> MessageStatus:
    match state:
        case GenerationState.RUNNING:
            return MessageStatus.STREAMING
        case GenerationState.COMPLETE:
            return MessageStatus.COMPLETE
        case GenerationState.CANCELLED:
            return MessageStatus.CANCELLED
        case GenerationState.FAILED:
            return MessageStatus.FAILED
        case GenerationState.INTERRUPTED:
            return MessageStatus.INTERRUPTED
        case _:
            assert_never(state)


def _provider_meta(ending: Ending) -> Mapping[str, Any]:
    meta: dict[str, Any] = {
        "provider": ending.generation.provider_id,
        "model": ending.generation.model,
        "finish_reason": ending.finish_reason,
    }
    return meta if ending.problem is None else {**meta, "error": asdict(ending.problem)}


def _last_events(ending: Ending) -> list[tuple[str, Mapping[str, Any]]]:
    events: list[tuple[str, Mapping[str, Any]]] = []
    if ending.usage is not None:
        events.append(("usage", _counts(ending.usage)))
    if ending.problem is not None:
        events.append(("error", asdict(ending.problem)))
    status = {GenerationState.COMPLETE: "ok", GenerationState.CANCELLED: "canceled"}.get(ending.state, "error")
    return [*events, ("done", {"status": status, "message_id": ending.message.id})]


def _counts(usage: Usage) -> dict[str, int]:
    return {**asdict(usage), "total_tokens": usage.total_tokens}


def _added(before: Mapping[str, int] | None, usage: Usage | None) -> Mapping[str, int] | None:
    """What a message cost: more than one generation's, where it was gone on with."""
    if usage is None:
        return before
    return {name: count + (before or {}).get(name, 0) for name, count in _counts(usage).items()}


def _estimate(ending: Ending) -> Usage:
    return Usage(
        input_tokens=ending.prompt_characters // CHARACTERS_PER_TOKEN,
        output_tokens=len(ending.text) // CHARACTERS_PER_TOKEN,
    )
