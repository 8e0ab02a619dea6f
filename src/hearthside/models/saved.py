"""Saved models: what a user has imported from the lists of their providers, with settings of their own, and which of
them is the default.

Whoever changes a user's saved models holds that user's lock (`store.lock_user`) for the whole transaction: of many who
set a default at once each one wins for a moment, the last one for good, and there is one default all the time.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.gateway.model import ModelInfo
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import HearthsideError, Invalid, NotFound
from hearthside.models import store
from hearthside.models.catalogue import Catalogue
from hearthside.models.changes import LONGEST_NAME, distinct, merged, prose, short
from hearthside.models.model import ModelSettings, SavedModel, Selection
from hearthside.providers.changes import address_of
from hearthside.providers.model import Endpoint, ProviderConfig
from hearthside.providers.service import ProviderDirectory

MOST_SAVED_PER_USER = 5000

OnDelete = Callable[[AsyncConnection, int, str], Awaitable[None]]
"""Told in the transaction in which the saved model with this uid of the user with this id goes."""


class SavedModels:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        directory: ProviderDirectory,
        catalogue: Catalogue,
        *,
        on_delete: OnDelete | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._directory = directory
        self._catalogue = catalogue
        self._on_delete = on_delete

    async def list(self, actor: Actor) -> Sequence[SavedModel]:
        """The user's own, in the order in which they were saved."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            saved = await store.of_user(connection, actor.user_id)
        return await self._completed(actor.user_id, saved)

    async def get(self, actor: Actor, uid: str) -> SavedModel:
        """Errors: NotFound (saved_model_not_found)."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            saved = await _own(connection, actor.user_id, uid)
        return (await self._completed(actor.user_id, [saved]))[0]

    async def find(self, user_id: int, uid: str) -> SavedModel | None:
        """As `get`, for the server itself, which replies with it. None: there is no such one."""
        async with self._database.read() as connection:
            return await store.find(connection, user_id, uid)

    async def default_of(self, user_id: int) -> SavedModel | None:
        """The user's default; None where they have set none."""
        async with self._database.read() as connection:
            saved = await store.default_of(connection, user_id)
        return None if saved is None else (await self._completed(user_id, [saved]))[0]

    async def import_(
        self,
        actor: Actor,
        provider_id: str,
        *,
        selections: Sequence[Selection] | None = None,
        settings: Mapping[str, Any] | None = None,
        sync: bool = True,
    ) -> Sequence[SavedModel]:
        """Saves models of a provider, in the order of `selections`; None: all that the provider lists.

        One that is saved already keeps its id, its name and its settings, but for what is said here. `settings` (by the
        fields of ModelSettings) are laid over those of every model imported. `sync` asks the provider now; without it,
        its last list is taken. A model that is named is saved even if it is not on the list, or if there is none:
        providers serve more than they list.
        Errors: Invalid (provider_not_found, provider_inactive, validation_error); where all are wanted and the provider
        has never listed any, those of `gateway/failures.py`.
        """
        actor.require(Scope.WRITE)
        change = settings or {}
        fresh = merged(ModelSettings(), change)
        wanted = None if selections is None else distinct(selections)
        endpoint = await self._endpoint(actor.user_id, provider_id)
        listed = {info.id: info for info in await self._listed(endpoint, sync=sync, needed=wanted is None)}
        chosen = [Selection(model) for model in listed if len(model) <= LONGEST_NAME] if wanted is None else wanted
        async with self._database.write() as connection:
            await store.lock_user(connection, actor.user_id)
            models = [one.model for one in chosen]
            there = await store.of_provider(connection, actor.user_id, provider_id, models)
            rows = [_row(one, listed.get(one.model), there.get(one.model), fresh, change) for one in chosen]
            await store.put(connection, actor.user_id, provider_id, rows, now=self._clock.now())
            await self._refuse_too_many(connection, actor.user_id)
            saved = await store.of_provider(connection, actor.user_id, provider_id, models)
        return await self._completed(actor.user_id, [saved[model] for model in models])

    async def set_default(self, actor: Actor, uid: str) -> SavedModel:
        """Makes it the user's default in the place of any other. Errors: NotFound (saved_model_not_found); the old one
        stays then."""
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            await store.lock_user(connection, actor.user_id)
            chosen = await _own(connection, actor.user_id, uid)
            await store.set_default(connection, actor.user_id, chosen.id)
            # To choose it is to use it.
            await store.touch(connection, actor.user_id, chosen.provider_id, chosen.model, now=self._clock.now())
            saved = await _own(connection, actor.user_id, uid)
        return (await self._completed(actor.user_id, [saved]))[0]

    async def delete(self, actor: Actor, uid: str) -> None:
        """Where it was the default, the most recently used other one is it now. Errors: NotFound."""
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            await store.lock_user(connection, actor.user_id)
            saved = await _own(connection, actor.user_id, uid)
            await store.delete(connection, saved.id)
            if self._on_delete is not None:
                await self._on_delete(connection, actor.user_id, uid)
            if saved.is_default:
                successor = await store.last_used(connection, actor.user_id)
                await store.set_default(connection, actor.user_id, successor)

    async def touch(self, user_id: int, provider_id: str, model: str) -> None:
        """Notes that the user has just used this model, if it is one of their saved ones."""
        async with self._database.write(durable=False) as connection:
            await store.touch(connection, user_id, provider_id, model, now=self._clock.now())

    async def erase(self, connection: AsyncConnection, user_id: int) -> None:
        """Removes a user's saved models, in the caller's transaction."""
        await store.erase(connection, user_id)

    async def _endpoint(self, user_id: int, provider_id: str) -> Endpoint:
        try:
            return await self._directory.endpoint(user_id, provider_id)
        except Invalid:
            config = (await self._configs(user_id)).get(provider_id)
            if config is None or config.is_active:
                raise
            raise Invalid(
                f"The provider {provider_id!r} is switched off. Activate it before you import its models.",
                code="provider_inactive",
            ) from None

    async def _listed(self, endpoint: Endpoint, *, sync: bool, needed: bool) -> Sequence[ModelInfo]:
        try:
            return await self._catalogue.listed(endpoint, anew=sync)
        except HearthsideError:
            if needed:
                raise
            return ()

    async def _refuse_too_many(self, connection: AsyncConnection, user_id: int) -> None:
        if await store.count(connection, user_id) > MOST_SAVED_PER_USER:
            raise Invalid(f"A user may save {MOST_SAVED_PER_USER} models. Delete some, or name those that you need.")

    async def _configs(self, user_id: int) -> Mapping[str, ProviderConfig]:
        return {config.provider_id: config for config in await self._directory.configs(user_id)}

    async def _completed(self, user_id: int, saved: Sequence[SavedModel]) -> Sequence[SavedModel]:
        """With what the user's own providers say now."""
        if not saved:
            return []
        configs = await self._configs(user_id)
        return [_completed(one, configs.get(one.provider_id)) for one in saved]


async def _own(connection: AsyncConnection, user_id: int, uid: str) -> SavedModel:
    saved = await store.find(connection, user_id, uid)
    if saved is None:
        raise NotFound("There is no such saved model.", code="saved_model_not_found")
    return saved


def _row(
    selection: Selection,
    listed: ModelInfo | None,
    there: SavedModel | None,
    fresh: ModelSettings,
    change: Mapping[str, Any],
) -> Mapping[str, Any]:
    """What is said now, then what the user has, then what the provider says; but display names and descriptions are the
    provider's first: users cannot have given them but by an import."""
    label = short(listed.label) if listed else None
    about = prose(listed.description) if listed else None
    return {
        "model": selection.model,
        "name": selection.name or (there.name if there else None) or label or selection.model,
        "display_name": label or (there.display_name if there else None),
        "description": selection.description or about or (there.description if there else None),
        "settings": merged(there.settings, change) if there else fresh,
    }


def _completed(saved: SavedModel, config: ProviderConfig | None) -> SavedModel:
    if config is None:
        return saved
    base_url = address_of(config.provider_id, config.base_url) or None
    return replace(saved, provider_uid=config.uid, base_url=base_url, is_active=config.is_active)
