"""Which providers a user can use: the server's, the ones found running, and the user's own, which shadow both."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.addresses import AddressRefused, Target, check_addresses, parse_url
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, NotFound
from hearthside.kit.secret import Secret
from hearthside.kit.text import storable_json
from hearthside.providers import store
from hearthside.providers.changes import (
    UNSET,
    ProviderChange,
    Unset,
    address_of,
    blank_config,
    check_key,
    check_provider_id,
    checked_key,
    checked_target,
    is_same_place,
    origin_of,
    protocol_of,
    shown_name,
    usual_endpoint,
)
from hearthside.providers.keys import ProviderKeys, UnreadableKey
from hearthside.providers.known import KNOWN
from hearthside.providers.model import BoundKey, Endpoint, ProviderConfig
from hearthside.providers.store import StoredConfig

logger = logging.getLogger(__name__)

MOST_CONFIGS_PER_USER = 50


class LocalServers(Protocol):
    """Who knows which model servers may run on this machine, and which do: providers/discovery.py."""

    def candidates(self) -> Sequence[Endpoint]: ...

    def running(self) -> Sequence[Endpoint]: ...


class ProviderDirectory:
    """A user's key is bound to the scheme, host and port that it was given for: a change of those drops it.

    Users' addresses may be public ones only, but for the exact scheme, host and port of a provider that the server has.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keys: ProviderKeys,
        *,
        server: Sequence[Endpoint],
        local_servers: LocalServers,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._server = tuple(server)
        self._local_servers = local_servers

    async def endpoints(self, user_id: int) -> list[Endpoint]:
        """All that the user can use: the server's in their order, then the user's own."""
        found = {endpoint.provider_id: endpoint for endpoint in self._shared()}
        async with self._database.read() as connection:
            stored = await store.configs_of(connection, user_id)
        own = [endpoint for each in stored if (endpoint := self._own_endpoint(each))]
        return list((found | {endpoint.provider_id: endpoint for endpoint in own}).values())

    async def endpoint(self, user_id: int, provider_id: str, *, key: BoundKey | None = None) -> Endpoint:
        """With `key` in the place of the configured one, where there is a `key`. Raises Invalid provider_not_found,
        key_not_for_address."""
        if key is not None:
            place = await self.place(user_id, provider_id)
            if origin_of(place) != key.origin:
                raise Invalid(
                    f"The API key was given for another address of {place.name} than it has now. Give it again.",
                    code="key_not_for_address",
                )
            return replace(place, api_key=key.secret)
        async with self._database.read() as connection:
            stored = await store.find(connection, user_id, provider_id)
        own = self._own_endpoint(stored) if stored else None
        if own is not None:
            return own
        for endpoint in self._shared():
            if endpoint.provider_id == provider_id:
                return endpoint
        raise _unknown(provider_id)

    async def place(self, user_id: int, provider_id: str) -> Endpoint:
        """Where a key that the user brings along would go: their own address, the server's, or the usual one; without
        any key. Raises Invalid provider_not_found."""
        async with self._database.read() as connection:
            stored = await store.find(connection, user_id, provider_id)
        own = self._addressed(stored.config) if stored and stored.config.is_active else None
        shared = (endpoint for endpoint in self._shared() if endpoint.provider_id == provider_id)
        found = own or next(shared, None) or usual_endpoint(provider_id)
        if found is None:
            raise _unknown(provider_id)
        return replace(found, api_key=None)

    async def trial(
        self,
        user_id: int,
        provider_id: str,
        *,
        api_key: Secret | None = None,
        base_url: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Endpoint:
        """What the user's provider would be with these, to try it; nothing is stored. What is not said is as it is.

        The stored key is tried at the place that it was given for, and nowhere else. Raises Invalid.
        """
        async with self._database.read() as connection:
            stored = await store.find(connection, user_id, provider_id)
        if stored is None and api_key is None and base_url is None:
            return await self.endpoint(user_id, provider_id)
        check_provider_id(provider_id)
        config = stored.config if stored else blank_config(user_id, provider_id, now=self._clock.now())
        wanted = replace(config, base_url=base_url or config.base_url, metadata=metadata or config.metadata)
        self._check_address(checked_target(provider_id, wanted.base_url))
        place = self._addressed(wanted)
        if place is None:
            raise _unknown(provider_id)
        if api_key is not None:
            return replace(place, api_key=checked_key(api_key))
        stays = stored is not None and is_same_place(provider_id, config.base_url, wanted.base_url)
        return replace(place, api_key=self._opened(stored) if stored and stays else None)

    async def configs(self, user_id: int) -> list[ProviderConfig]:
        """The user's own, active or not."""
        async with self._database.read() as connection:
            return [stored.config for stored in await store.configs_of(connection, user_id)]

    async def configure(
        self,
        user_id: int,
        provider_id: str,
        *,
        api_key: Secret | None,
        base_url: str | None = None,
        display_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ProviderConfig:
        """Makes the configuration, or replaces it, and activates it; without `api_key` an old key stays if the address
        is the same place.

        A provider that is not known by name needs `base_url`, some that are need a key. Raises Invalid.
        """
        check_provider_id(provider_id)
        change = ProviderChange(api_key or UNSET, base_url, display_name, metadata or {}, is_active=True)
        async with self._database.write() as connection:
            await store.add_blank(connection, user_id, provider_id, now=self._clock.now())
            if await store.count(connection, user_id) > MOST_CONFIGS_PER_USER:
                raise Invalid(f"A user may have {MOST_CONFIGS_PER_USER} providers. Use one of them again.")
            config = await self._change(connection, user_id, provider_id, change)
            check_key(config)
        return config

    async def update(self, user_id: int, provider_id: str, change: ProviderChange) -> ProviderConfig:
        """Raises Invalid, NotFound (provider_not_found) where the user has no such configuration."""
        async with self._database.write() as connection:
            return await self._change(connection, user_id, provider_id, change)

    async def deactivate(self, user_id: int, provider_id: str) -> ProviderConfig:
        """Nothing uses it any more, and its key is gone; the rest stays for the day that it is activated again.

        Raises NotFound (provider_not_found).
        """
        return await self.update(user_id, provider_id, ProviderChange(api_key=None, is_active=False))

    async def erase(self, connection: AsyncConnection, user_id: int) -> None:
        """Removes a user's providers and keys, in the caller's transaction."""
        await store.delete_all(connection, user_id)

    async def _change(
        self, connection: AsyncConnection, user_id: int, provider_id: str, change: ProviderChange
    ) -> ProviderConfig:
        stored = await store.find(connection, user_id, provider_id, to_change=True)
        if stored is None:
            raise NotFound(f"You have no provider {provider_id!r}.", code="provider_not_found")
        config = stored.config
        base_url = config.base_url if isinstance(change.base_url, Unset) else change.base_url or None
        self._check_address(checked_target(provider_id, base_url))
        metadata = config.metadata if isinstance(change.metadata, Unset) else storable_json(dict(change.metadata))
        name = config.display_name if isinstance(change.display_name, Unset) else shown_name(change.display_name)
        protocol_of(provider_id, metadata)
        values = {
            "display_name": name,
            "base_url": base_url,
            "metadata": metadata,
            "is_active": config.is_active if isinstance(change.is_active, Unset) else change.is_active,
            "updated_at": self._clock.now(),
        }
        moved = not is_same_place(provider_id, config.base_url, base_url)
        values |= self._key_columns(config, change.api_key, moved=moved)
        return (await store.change(connection, config.id, values)).config

    def _key_columns(self, config: ProviderConfig, key: Secret | Unset | None, *, moved: bool) -> dict[str, str | None]:
        if isinstance(key, Secret):
            key = checked_key(key)
            sealed = self._keys.encrypt(key, user_id=config.user_id, provider_id=config.provider_id)
            return {"api_key": sealed, "key_last_four": key.last_four}
        return {"api_key": None, "key_last_four": ""} if key is None or moved else {}

    def _check_address(self, target: Target) -> None:
        """What can be said without resolving a name; the rest is checked at every connection. Raises AddressRefused."""
        if target.literal is not None and not self._is_shared_place(target):
            check_addresses([target.literal], trusted=False)

    def _own_endpoint(self, stored: StoredConfig) -> Endpoint | None:
        """None for a configuration that cannot be used: switched off, or without the key that it needs."""
        config = stored.config
        known = KNOWN.get(config.provider_id)
        key = self._opened(stored)
        if not config.is_active or (key is None and known is not None and known.needs_key):
            return None
        place = self._addressed(config)
        return None if place is None else replace(place, api_key=key)

    def _addressed(self, config: ProviderConfig) -> Endpoint | None:
        known = KNOWN.get(config.provider_id)
        base_url = address_of(config.provider_id, config.base_url).rstrip("/")
        try:
            target = parse_url(base_url)
        except AddressRefused:
            return None  # stored by an older, laxer version
        return Endpoint(
            config.provider_id,
            config.display_name or (known.name if known else config.provider_id),
            protocol_of(config.provider_id, config.metadata),
            base_url,
            api_key=None,
            trusted=self._is_shared_place(target),
        )

    def _opened(self, stored: StoredConfig) -> Secret | None:
        config = stored.config
        if stored.sealed_key is None:
            return None
        try:
            return self._keys.decrypt(stored.sealed_key, user_id=config.user_id, provider_id=config.provider_id)
        except UnreadableKey as error:
            logger.warning("a provider key does not open", extra={"config_id": config.id, "reason": str(error)})
            return None

    def _shared(self) -> tuple[Endpoint, ...]:
        return (*self._server, *self._local_servers.running())

    def _is_shared_place(self, target: Target) -> bool:
        places = (*self._server, *self._local_servers.candidates())
        return any(place.base_url and parse_url(place.base_url).origin == target.origin for place in places)


def _unknown(provider_id: str) -> Invalid:
    return Invalid(
        f"There is no provider {provider_id!r} that you can use. GET /providers lists those that there are.",
        code="provider_not_found",
    )
