"""One reply being made: the task that carries what the model says into the event log, and ends it whatever happens."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, assert_never

from hearthside.conversations.ending import Ending, Endings, Problem
from hearthside.conversations.model import GenerationState
from hearthside.conversations.opening import Opened
from hearthside.conversations.text import PieceJoiner, storable
from hearthside.gateway.model import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from hearthside.kit.db import Database
from hearthside.kit.errors import HearthsideError, StorageFull, Unavailable
from hearthside.kit.events import StreamLostError
from hearthside.providers.model import BoundKey

_log = logging.getLogger(__name__)

RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 2.0

SHUTTING_DOWN = Problem("shutting_down", "The server is stopping. Ask again to go on from here.")
_CUT = Problem("stream_cut", "The provider broke off in the middle of its answer.")
_INTERNAL = Problem("internal_error", "Something went wrong on the server. Its log says more.")


class ReplySource(Protocol):
    """Who makes the model speak: the gateway."""

    def stream(
        self, provider_id: str, request: Request, *, user_id: int, key: BoundKey | None = None
    ) -> AsyncGenerator[Event]:
        """The reply, `Finished` last; `key` is used in the place of the provider's own.

        Closing the generator ends the upstream request at once.
        """
        ...


class Reply:
    """`run` it as a task of its own; `stop` it from anywhere in the process."""

    def __init__(self, opened: Opened, *, source: ReplySource, database: Database, endings: Endings) -> None:
        self.generation = opened.generation
        self._message = opened.message
        self._request = opened.request
        self._key = opened.key
        self._writer = opened.writer
        self._source = source
        self._database = database
        self._endings = endings
        self._listener: asyncio.Task[None] | None = None
        self._stopped: GenerationState | None = None
        self._has_ended = asyncio.Event()
        self._texts: list[str] = []
        self._text_joiner, self._reasoning_joiner = PieceJoiner(), PieceJoiner()
        self._usage: Usage | None = None
        self._finish_reason: FinishReason | None = None
        self._problem: Problem | None = None

    async def run(self) -> None:
        """Listens to the end, then writes the ending. When another owner has the generation, it only stops."""
        try:
            async with asyncio.TaskGroup() as group:
                self._listener = group.create_task(self._listen())
                if self._stopped is not None:
                    self._listener.cancel()
            await self._end()
        except* StreamLostError:
            self._writer.abandon()
            _log.warning("a reply was given up: it has another owner", extra={"generation": self.generation.uid})
        finally:
            self._has_ended.set()

    def stop(self, state: GenerationState) -> None:
        """Closes the upstream request at once; what was said until then is kept. CANCELLED or INTERRUPTED."""
        if self._stopped is None:
            self._stopped = state
            if self._listener is not None:
                self._listener.cancel()

    def give_up(self) -> None:
        """Closes the upstream request and writes nothing more: the generation is gone, or another's."""
        self._writer.abandon()
        self.stop(GenerationState.INTERRUPTED)

    async def ended(self) -> None:
        """Returns once the ending is committed (or nothing can be written any more)."""
        await self._has_ended.wait()

    async def _listen(self) -> None:
        generation = self.generation
        try:
            stream = self._source.stream(
                generation.provider_id, self._request, user_id=generation.user_id, key=self._key
            )
            async with aclosing(stream):
                async for event in stream:
                    self._take(event)
                    if self._writer.is_full:
                        await self._writer.flush()
        except HearthsideError as error:
            self._problem = Problem(error.code, storable(error.message))
        except StreamLostError:
            raise
        except Exception:  # noqa: BLE001 - whatever a provider did, the text so far is kept and the reply ends
            _log.exception("a reply failed", extra={"generation": generation.uid})
            self._problem = _INTERNAL

    def _take(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                if piece := self._text_joiner.feed(text):
                    self._texts.append(piece)
                    self._writer.append("delta", {"delta": piece})
            case ReasoningDelta(text):
                if piece := self._reasoning_joiner.feed(text):
                    self._writer.append("reasoning", {"delta": piece})
            case Usage():
                self._usage = event
            case Finished(reason):
                self._finish_reason = reason
            case ToolCallDelta():
                pass  # none are offered in a conversation
            case _:
                assert_never(event)

    def _ending(self) -> Ending:
        state, problem = GenerationState.COMPLETE, self._problem
        if self._stopped is not None:
            state, problem = self._stopped, None
            if state is GenerationState.INTERRUPTED:
                problem = SHUTTING_DOWN
        elif problem is not None or self._finish_reason is None:
            state, problem = GenerationState.FAILED, problem or _CUT
        return Ending(
            generation=self.generation,
            message=self._message,
            state=state,
            text="".join(self._texts),
            prompt_characters=sum(len(message.text) for message in self._request.messages),
            finish_reason=self._finish_reason,
            usage=self._usage,
            problem=problem,
        )

    async def _end(self) -> None:
        """Writes the ending, however long the database is away."""
        ending, pause_seconds = self._ending(), RETRY_SECONDS
        while True:
            try:
                async with self._database.write() as connection:
                    await self._endings.write(connection, ending, self._writer)
            except (Unavailable, StorageFull) as error:
                details = {"generation": self.generation.uid, "code": error.code}
                _log.warning("the end of a reply cannot be written yet", extra=details)
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, MAX_RETRY_SECONDS)
            else:
                self._writer.announce()
                return
