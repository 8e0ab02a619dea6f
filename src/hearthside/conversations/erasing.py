"""The end of an account, for conversations: everything of a user goes, with its search entries and event streams."""

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import erasing_store, search_store
from hearthside.kit.events import EventLog

# So much goes in one transaction: a few tens of milliseconds of it.
CONVERSATIONS_AT_ONCE = 50
MESSAGES_AT_ONCE = 500


class Erasing:
    def __init__(self, events: EventLog, *, messages_at_once: int = MESSAGES_AT_ONCE) -> None:
        self._events = events
        self._messages_at_once = messages_at_once

    async def erase(self, connection: AsyncConnection, user_id: int) -> bool:
        """A part of what the user has here; True: there is more."""
        ids = await erasing_store.some_conversations(connection, user_id, limit=CONVERSATIONS_AT_ONCE)
        if not ids:
            await erasing_store.delete_workspaces(connection, user_id)
            return False
        if await erasing_store.delete_messages(connection, ids, limit=self._messages_at_once) < self._messages_at_once:
            await self._events.discard(connection, await erasing_store.generation_uids(connection, ids))
            await erasing_store.delete_conversations(connection, ids)
        return True

    async def compact(self, connection: AsyncConnection) -> bool:
        """A part of freeing the search index from the words of deleted texts; True: there is more."""
        return await search_store.compact(connection)
