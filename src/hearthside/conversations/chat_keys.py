"""The API keys that people gave for one conversation alone: stored encrypted, bound to a place, never given back."""

import logging

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import chat_key_store
from hearthside.conversations.chat_key_store import StoredChatKey
from hearthside.conversations.model import Conversation
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.secret import Secret
from hearthside.providers.keys import ProviderKeys, UnreadableKey
from hearthside.providers.model import BoundKey

_log = logging.getLogger(__name__)

_RENEWED_AT_ONCE = 50


class ChatKeys:
    def __init__(self, database: Database, clock: Clock, keys: ProviderKeys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys

    async def get(self, connection: AsyncConnection, conversation_id: int, *, provider_id: str) -> BoundKey | None:
        """The conversation's key for this provider. None also for one that does not open: the log says so."""
        stored = await chat_key_store.get(connection, conversation_id)
        if stored is None or stored.provider_id != provider_id:
            return None
        secret = self._opened(stored)
        return None if secret is None else BoundKey(secret, stored.origin)

    async def put(
        self, connection: AsyncConnection, conversation: Conversation, secret: Secret, *, provider_id: str, origin: str
    ) -> None:
        """In the place of the one that is there."""
        sealed = self._sealed(secret, conversation.id, conversation.user_id, provider_id, origin)
        key = StoredChatKey(conversation.id, conversation.user_id, provider_id, origin, sealed)
        await chat_key_store.put(connection, key, now=self._clock.now())

    async def keep(
        self, connection: AsyncConnection, conversation_id: int, *, provider_id: str, origin: str | None
    ) -> None:
        """The key stays where it was given for just this; else it goes."""
        stored = await chat_key_store.get(connection, conversation_id)
        if stored is not None and (stored.provider_id, stored.origin) != (provider_id, origin):
            await chat_key_store.delete(connection, conversation_id)

    async def remove(self, connection: AsyncConnection, conversation_id: int) -> None:
        await chat_key_store.delete(connection, conversation_id)

    async def renew(self) -> int:
        """Encrypts every stored key with the present master key; how many were renewed.

        As `KeyRenewal.run` of providers: small transactions, and what an interrupted run did stays done.
        """
        renewed, last = 0, 0
        while True:
            async with self._database.write() as connection:
                batch = await chat_key_store.after(connection, last, limit=_RENEWED_AT_ONCE)
                for stored in batch:
                    renewed += await self._renew(connection, stored)
            if not batch:
                return renewed
            last = batch[-1].conversation_id

    async def _renew(self, connection: AsyncConnection, stored: StoredChatKey) -> bool:
        secret = None if self._keys.is_current(stored.sealed) else self._opened(stored)
        if secret is None:
            return False
        sealed = self._sealed(secret, stored.conversation_id, stored.user_id, stored.provider_id, stored.origin)
        return await chat_key_store.reseal(connection, stored, sealed)

    def _sealed(self, secret: Secret, conversation_id: int, user_id: int, provider_id: str, origin: str) -> str:
        table = _row(conversation_id, origin)
        return self._keys.encrypt(secret, user_id=user_id, provider_id=provider_id, table=table)

    def _opened(self, stored: StoredChatKey) -> Secret | None:
        table = _row(stored.conversation_id, stored.origin)
        try:
            return self._keys.decrypt(
                stored.sealed, user_id=stored.user_id, provider_id=stored.provider_id, table=table
            )
        except UnreadableKey as error:
            extra = {"conversation": stored.conversation_id, "reason": str(error)}
            _log.warning("the key of a conversation does not open", extra=extra)
            return None


def _row(conversation_id: int, origin: str) -> str:
    """What a key is sealed together with: moved to another conversation or another address, it does not open."""
    return f"chat_key|{conversation_id}|{origin}"
