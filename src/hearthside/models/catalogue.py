"""The catalogue: which models every provider has, remembered so that nobody waits on a provider that is slow or dead.

A listing is fresh for five minutes, a failure for half a minute. A stale one is served as it is while one background
task asks the provider again; a provider never seen before is given two seconds to answer and is listed without models
if it does not.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hearthside.gateway.model import Capabilities, ModelInfo
from hearthside.gateway.service import Gateway
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError, Invalid
from hearthside.models.model import ProviderListing
from hearthside.models.preference import best, preferred
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0
PATIENCE_SECONDS = 2.0
REMEMBERED_ENDPOINTS = 1000


@dataclass(slots=True)
class _Shelf:
    """What one endpoint last listed. `at` is monotonic; `refresh` the task that is asking now."""

    models: tuple[ModelInfo, ...] = ()
    at: float | None = None
    reachable: bool = False
    refresh: asyncio.Task[None] | None = None


class Catalogue:
    """Aggregates the models of every provider a user can use."""

    def __init__(self, directory: ProviderDirectory, gateway: Gateway, clock: Clock, *, default: str | None) -> None:
        self._directory = directory
        self._gateway = gateway
        self._clock = clock
        self._default = default
        self._shelves: dict[Endpoint, _Shelf] = {}

    async def close(self) -> None:
        """Ends the questions that are still open."""
        tasks = [shelf.refresh for shelf in self._shelves.values() if shelf.refresh is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def providers(self, user_id: int) -> list[ProviderListing]:
        """Every provider that the user can use, the server's and their own; never waits longer than two seconds."""
        endpoints = await self._directory.endpoints(user_id)
        shelves = await asyncio.gather(*(self._shelf(endpoint) for endpoint in endpoints))
        return [_listing(endpoint, shelf) for endpoint, shelf in zip(endpoints, shelves, strict=True)]

    async def choose(self, user_id: int, provider_id: str | None, model: str | None) -> tuple[str, str]:
        """The provider and model to use, with defaults for what is not said.

        Nothing said: the configured default, else what `models/preference.py` finds best. A model name is not checked
        against the catalogue when its provider is named: providers serve more than they list.
        Errors: Invalid provider_not_found, model_not_found.
        """
        if provider_id is not None:
            endpoint = await self._directory.endpoint(user_id, provider_id)
            return provider_id, model or await self._first_model(endpoint)
        if model is not None:
            return await self._find(user_id, model)
        if self._default is not None:
            provider_id, _, model = self._default.partition("/")
            return provider_id, model
        choice = best(await self.providers(user_id))
        if choice is None:
            raise Invalid(
                "No model is there yet. Add a provider or put a GGUF file into the models folder.",
                code="model_not_found",
            )
        return choice

    async def _first_model(self, endpoint: Endpoint) -> str:
        model = preferred(_listing(endpoint, await self._shelf(endpoint)))
        if model is None:
            raise Invalid(
                f"{endpoint.name} lists no models just now. Name the model in the request.", code="model_not_found"
            )
        return model.id

    async def _find(self, user_id: int, model: str) -> tuple[str, str]:
        for listing in await self.providers(user_id):
            if any(known.id == model for known in listing.models):
                return listing.provider_id, model
        raise Invalid(
            f"No provider lists a model named {model!r}. GET /providers shows what there is.", code="model_not_found"
        )

    async def _shelf(self, endpoint: Endpoint) -> _Shelf:
        shelf = self._shelves.get(endpoint)
        if shelf is None:
            self._make_room()
            shelf = self._shelves[endpoint] = _Shelf()
        if self._is_stale(endpoint, shelf) and shelf.refresh is None:
            shelf.refresh = asyncio.create_task(self._ask(endpoint, shelf), name=f"catalogue:{endpoint.provider_id}")
        if shelf.refresh is not None and (shelf.at is None or endpoint.protocol is WireProtocol.LOCAL):
            await asyncio.wait({shelf.refresh}, timeout=PATIENCE_SECONDS)
        return shelf

    def _is_stale(self, endpoint: Endpoint, shelf: _Shelf) -> bool:
        if shelf.at is None or endpoint.protocol is WireProtocol.LOCAL:
            return True  # listing local files is cheap, and a file that was just put there should show at once
        fresh_seconds = FRESH_SECONDS if shelf.reachable else RETRY_SECONDS
        return self._clock.monotonic() - shelf.at >= fresh_seconds

    async def _ask(self, endpoint: Endpoint, shelf: _Shelf) -> None:
        try:
            shelf.models = tuple(await self._gateway.models(endpoint))
            shelf.reachable = True
        except HearthsideError as error:
            shelf.reachable = False
            logger.info("provider lists no models", extra={"provider": endpoint.provider_id, "reason": error.code})
        finally:
            shelf.at = self._clock.monotonic()
            shelf.refresh = None

    def _make_room(self) -> None:
        # Users' keys come and go; the oldest idle shelf is the first to be forgotten.
        if len(self._shelves) >= REMEMBERED_ENDPOINTS:
            oldest = next((key for key, shelf in self._shelves.items() if shelf.refresh is None), None)
            if oldest is not None:
                del self._shelves[oldest]


def _listing(endpoint: Endpoint, shelf: _Shelf) -> ProviderListing:
    return ProviderListing(
        provider_id=endpoint.provider_id,
        name=endpoint.name,
        capabilities=_together(model.capabilities for model in shelf.models),
        models=shelf.models,
        reachable=shelf.reachable,
    )


def _together(capabilities: Iterable[Capabilities]) -> Capabilities:
    every: Sequence[Capabilities] = tuple(capabilities)
    contexts = [one.max_context_tokens for one in every if one.max_context_tokens is not None]
    return Capabilities(
        streaming=True,
        vision=any(one.vision for one in every),
        tools=any(one.tools for one in every),
        json_mode=any(one.json_mode for one in every),
        max_context_tokens=max(contexts, default=None),
    )
