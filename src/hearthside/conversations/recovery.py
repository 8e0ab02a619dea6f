"""What a dead process left: its running generations are ended from what the event log holds of them.

The text goes into the message, which is `interrupted` then: the next reply goes on with it. Readers who waited for the
stream get its last events.
"""

import logging
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import generation_store, message_store, store
from hearthside.conversations.ending import Ending, Endings, Problem
from hearthside.conversations.model import Generation, GenerationState
from hearthside.kit.db import Database
from hearthside.kit.events import EventLog, StreamLostError, StreamWriter

_log = logging.getLogger(__name__)

INTERRUPTED = Problem("interrupted", "The server stopped while it was replying. Ask again to go on from here.")


class Recovery:
    """`owner` is this process. A generation is dead when its owner has not shown itself for `lease_seconds`."""

    def __init__(
        self, database: Database, events: EventLog, endings: Endings, *, owner: str, lease_seconds: float
    ) -> None:
        self._database = database
        self._events = events
        self._endings = endings
        self._owner = owner
        self._lease_seconds = lease_seconds

    async def dead(self) -> Sequence[Generation]:
        async with self._database.read() as connection:
            return await generation_store.dead(connection, owner=self._owner, lease_seconds=self._lease_seconds)

    async def end(self, dead: Sequence[Generation]) -> int:
        """Ends them; the number of those that it did. What another process is quicker with is left to that."""
        count = 0
        for generation in dead:
            try:
                count += await self._end(generation)
            except StreamLostError:
                continue
        if count:
            _log.info("interrupted replies were recovered", extra={"count": count})
        return count

    async def _end(self, generation: Generation) -> bool:
        async with self._database.write() as connection:
            writer = await self._write(connection, generation)
        if writer is not None:
            writer.announce()
        return writer is not None

    async def _write(self, connection: AsyncConnection, dead: Generation) -> StreamWriter | None:
        await store.lock(connection, dead.conversation_id)
        generation = await generation_store.take_over(
            connection, dead, owner=self._owner, lease_seconds=self._lease_seconds
        )
        message = await message_store.get(connection, dead.conversation_id, dead.message_id)
        writer = await self._events.take_over(connection, dead.uid, owner=self._owner)
        if generation is None or message is None or writer is None:
            raise StreamLostError(dead.uid)
        logged = await self._events.logged(connection, dead.uid)
        ending = Ending(
            generation=generation,
            message=message,
            state=GenerationState.INTERRUPTED,
            text="".join(event.data["delta"] for event in logged if event.type == "delta"),
            prompt_characters=0,
            problem=INTERRUPTED,
        )
        await self._endings.write(connection, ending, writer)
        return writer
