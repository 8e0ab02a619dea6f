"""Generations: replies that belong to the server and not to who asked for them.

A reply is a task of this process. Clients attach to its event stream, leave, and come back by event number; the reply
goes on. Its row names its owner; processes that share a database renew a lease on theirs, and end what a dead one left.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import generation_store
from hearthside.conversations.ending import Endings
from hearthside.conversations.model import Generation, GenerationState, Message, ReplyChoice
from hearthside.conversations.opening import Opened, Openings
from hearthside.conversations.recovery import Recovery
from hearthside.conversations.reply import Reply, ReplySource
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import NotFound, Unavailable
from hearthside.kit.events import EventLog, LoggedEvent
from hearthside.kit.ids import new_uid
from hearthside.kit.wakeups import Topic, Wakeups
from hearthside.usage.service import Usage

__all__ = ["GenerationPolicy", "Generations", "ReplyChoice"]

_log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 3.0
LEASE_SECONDS = 15.0
# How long a cancellation waits to see the end of what it cancelled, and a shutdown for the last endings to be written.
ENDING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GenerationPolicy:
    max_running_per_user: int = 50


class Generations:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        events: EventLog,
        wakeups: Wakeups,
        source: ReplySource,
        usage: Usage,
        policy: GenerationPolicy | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._source = source
        self._owner = new_uid()
        self._endings = Endings(usage, clock)
        max_running = (policy or GenerationPolicy()).max_running_per_user
        self._openings = Openings(events, usage, clock, owner=self._owner, max_running_per_user=max_running)
        self._recovery = Recovery(database, events, self._endings, owner=self._owner, lease_seconds=LEASE_SECONDS)
        self._replies: dict[str, Reply] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heart: asyncio.Task[None] | None = None
        self._reachable_since = clock.monotonic()
        self._is_closing = False
        wakeups.listen(Topic.CANCEL, self._on_cancel)
        self._wakeups = wakeups

    async def start(self) -> None:
        """Ends what dead processes left running. Start the event log first."""
        await self._recovery.end(await self._recovery.dead())
        self._reachable_since = self._clock.monotonic()
        if not self._database.is_sqlite:  # the only process of its database needs no lease
            self._heart = asyncio.create_task(self._beat_forever(), name="generations' heartbeat")

    async def close(self, drain_seconds: float) -> None:
        """Takes no new replies, lets the running ones finish for so long, then keeps what there is of the rest."""
        self._is_closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        for reply in self._replies.values():
            reply.stop(GenerationState.INTERRUPTED)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ENDING_SECONDS)
        for task in (*self._tasks, *([self._heart] if self._heart else [])):
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._heart] if self._heart else []), return_exceptions=True)

    async def reply(self, actor: Actor, conversation_id: int, choice: ReplyChoice) -> Generation:
        """The reply to the last message of the branch that is shown: begun, or the one that is being made already.

        After a user message: a new assistant message. After an interrupted reply: it goes on, in the same message, and
        its deltas carry the new text only. After any other reply: another answer beside it.

        Errors: NotFound (conversation_not_found), Invalid (no_user_message), QuotaExceeded, RateLimited
        (too_many_replies), Unavailable (shutting_down).
        """
        self._check(actor)
        async with self._database.write() as connection:
            opened = await self._openings.reply(connection, actor, conversation_id, choice=choice)
        return opened if isinstance(opened, Generation) else self._launch(opened)

    async def ask(
        self,
        actor: Actor,
        conversation_id: int,
        content: str,
        choice: ReplyChoice,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[Message, Generation]:
        """Appends a user message to the branch that is shown and begins the reply to it: both, or neither.

        Errors: NotFound (conversation_not_found), Invalid, QuotaExceeded, RateLimited (too_many_replies), Unavailable
        (shutting_down).
        """
        self._check(actor)
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            message, opened = await self._openings.ask(
                connection, actor, conversation_id, content=content, choice=choice, metadata=metadata
            )
        return message, self._launch(opened)

    async def retry(self, actor: Actor, conversation_id: int, choice: ReplyChoice) -> Message:
        """Asks the last user message again, as a copy beside it, which is returned; the reply begins at once.

        The next `reply` is that one, even if it has finished by then. The same errors as `reply`.
        """
        self._check(actor)
        async with self._database.write() as connection:
            message, opened = await self._openings.retry(connection, actor, conversation_id, choice=choice)
        self._launch(opened)
        return message

    async def get(self, actor: Actor, conversation_id: int, generation_uid: str) -> Generation:
        """Errors: NotFound (generation_not_found)."""
        if Scope.GENERATE not in actor.scopes:  # who may ask for a reply may also see it
            actor.require(Scope.READ)
        async with self._database.read() as connection:
            generation = await generation_store.find(connection, actor.user_id, generation_uid)
        if generation is None or generation.conversation_id != conversation_id:
            raise _not_found()
        return generation

    async def events(
        self, actor: Actor, conversation_id: int, generation_uid: str, *, after: int = 0
    ) -> AsyncGenerator[LoggedEvent]:
        """Its events from `after` + 1 on, to the end: delta, reasoning, usage, error, done. Leaving ends nothing.

        Errors, before the first event: NotFound (generation_not_found).
        """
        generation = await self.get(actor, conversation_id, generation_uid)
        async with aclosing(self._events.read(generation.uid, after=after)) as events:
            async for event in events:
                yield event

    async def ended(self, actor: Actor, conversation_id: int, generation_uid: str) -> Generation:
        """Waits for its end, whatever that is. Leaving ends nothing. Errors: NotFound (generation_not_found)."""
        async with aclosing(self.events(actor, conversation_id, generation_uid)) as events:
            async for _ in events:
                pass
        return await self.get(actor, conversation_id, generation_uid)

    async def cancel(self, actor: Actor, generation_uid: str) -> None:
        """Ends it, and its upstream request at once; the text so far is kept.

        Returns when that is written, if this process makes it; else the process that does has been told. Errors:
        NotFound (generation_not_found), also where it has ended.
        """
        actor.require(Scope.GENERATE)
        reply = self._replies.get(generation_uid)
        if reply is None or reply.generation.user_id != actor.user_id:
            await self._cancel_elsewhere(actor, generation_uid)
            return
        reply.stop(GenerationState.CANCELLED)
        try:
            await asyncio.wait_for(reply.ended(), ENDING_SECONDS)
        except TimeoutError:
            _log.warning("a cancelled reply has not ended yet", extra={"generation": generation_uid})

    async def stop_all(self, connection: AsyncConnection, user_id: int) -> Callable[[], None]:
        """Cancels all that is being made for a user, in the caller's transaction; call what it returns after that."""
        uids = await generation_store.request_cancel_all(connection, user_id)
        return lambda: self._wakeups.send(Topic.CANCEL, uids)

    async def beat(self) -> None:
        """One beat of the heart of a process that shares its database: keeps its own alive, and buries the dead.

        Others are dead only after a whole lease during which this process itself could reach the database: when that
        was away for a while, everybody's lease has run out and everybody lives.
        """
        try:
            await self._renew_leases()
            dead = await self._recovery.dead()
            if self._clock.monotonic() - self._reachable_since >= LEASE_SECONDS:
                await self._recovery.end(dead)
        except Exception as error:  # noqa: BLE001 - nothing may stop the heart; the next beat tries again
            self._reachable_since = self._clock.monotonic()
            _log.warning("the leases of replies were not renewed", extra={"error": type(error).__name__})

    async def _renew_leases(self) -> None:
        """… and stops what was cancelled, taken over or deleted elsewhere."""
        replies = dict(self._replies)
        if not replies:
            return
        async with self._database.write(durable=False) as connection:
            leased = await generation_store.beat(connection, self._owner, uids=replies.keys())
        for uid, reply in replies.items():
            if uid not in leased:
                reply.give_up()
            elif leased[uid]:
                reply.stop(GenerationState.CANCELLED)

    async def _cancel_elsewhere(self, actor: Actor, generation_uid: str) -> None:
        async with self._database.write() as connection:
            if not await generation_store.request_cancel(connection, actor.user_id, generation_uid):
                raise _not_found()
        self._wakeups.send(Topic.CANCEL, (generation_uid,))

    def _check(self, actor: Actor) -> None:
        actor.require(Scope.GENERATE)
        if self._is_closing:
            raise Unavailable("The server is stopping. Try again in a moment.", code="shutting_down")

    def _launch(self, opened: Opened) -> Generation:
        reply = Reply(opened, source=self._source, database=self._database, endings=self._endings)
        self._replies[opened.generation.uid] = reply
        task = asyncio.create_task(self._run(reply), name="reply")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return opened.generation

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        except Exception:  # noqa: BLE001 - a task's last words; what was lost is found again at the next start
            _log.exception("the end of a reply was not written", extra={"generation": reply.generation.uid})
        finally:
            del self._replies[reply.generation.uid]

    def _on_cancel(self, generation_uid: str) -> None:
        reply = self._replies.get(generation_uid)
        if reply is not None:
            reply.stop(GenerationState.CANCELLED)

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.beat()


def _not_found() -> NotFound:
    return NotFound("There is no such reply, or it has ended.", code="generation_not_found")
