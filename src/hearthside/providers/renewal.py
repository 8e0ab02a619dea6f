"""Users' stored provider keys under a new master key."""

import logging

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.providers import store
from hearthside.providers.keys import ProviderKeys, UnreadableKey
from hearthside.providers.store import StoredConfig

logger = logging.getLogger(__name__)

_RENEWED_AT_ONCE = 50


class KeyRenewal:
    def __init__(self, database: Database, clock: Clock, keys: ProviderKeys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys

    async def run(self) -> int:
        """Encrypts every stored key with the present master key; how many were renewed.

        Small transactions: what an interrupted run did stays done, and the next one goes on. A key that does not open
        is left as it is.
        """
        renewed, after_id = 0, 0
        while True:
            async with self._database.write() as connection:
                batch = await store.with_keys(connection, after_id=after_id, limit=_RENEWED_AT_ONCE)
                for stored in batch:
                    renewed += await self._renew(connection, stored)
            if not batch:
                return renewed
            after_id = batch[-1].config.id

    async def _renew(self, connection: AsyncConnection, stored: StoredConfig) -> bool:
        config, old = stored.config, stored.sealed_key
        if old is None or self._keys.is_current(old):
            return False
        try:
            key = self._keys.decrypt(old, user_id=config.user_id, provider_id=config.provider_id)
        except UnreadableKey as error:
            logger.warning("a provider key does not open", extra={"config_id": config.id, "reason": str(error)})
            return False
        new = self._keys.encrypt(key, user_id=config.user_id, provider_id=config.provider_id)
        return await store.replace_key(connection, config.id, old=old, new=new)
