"""The catalogue: which models every provider has, what they cost, and which one to use where nobody says.

Nobody waits on a provider that is slow or dead: models/shelves.py.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from hearthside.gateway.model import Capabilities, ModelInfo
from hearthside.gateway.service import Gateway
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Invalid
from hearthside.models.model import ListedModel, Offer, ProviderListing
from hearthside.models.preference import best, preferred
from hearthside.models.shelves import Shelf, Shelves
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.usage.model import ModelFacts
from hearthside.usage.prices import PriceList

# Whoever serves from their own machine sells nothing by the token.
_UNPRICED = frozenset({WireProtocol.LOCAL, WireProtocol.OLLAMA})


class Defaults(Protocol):
    """Who knows a user's default model: models/defaults.py."""

    async def default_of(self, user_id: int) -> tuple[str, str] | None:
        """(provider id, model)."""
        ...


class Catalogue:
    """Aggregates the models of every provider a user can use. `default` is the server's `provider/model`."""

    def __init__(
        self,
        directory: ProviderDirectory,
        gateway: Gateway,
        clock: Clock,
        *,
        default: str | None,
        defaults: Defaults,
        prices: PriceList,
    ) -> None:
        self._directory = directory
        self._shelves = Shelves(gateway, clock)
        self._default = default
        self._defaults = defaults
        self._prices = prices

    async def close(self) -> None:
        """Ends the questions that are still open."""
        await self._shelves.close()

    async def providers(self, user_id: int) -> list[ProviderListing]:
        """Every provider that the user can use, the server's and their own; never waits longer than two seconds."""
        endpoints = await self._directory.endpoints(user_id)
        shelves = await asyncio.gather(*map(self._shelves.of, endpoints))
        return [_listing(endpoint, shelf) for endpoint, shelf in zip(endpoints, shelves, strict=True)]

    async def offer(self, user_id: int, *, query: str | None = None) -> Offer:
        """The models of all providers, with prices and limits as far as they are known.

        `query` is looked for in names, ids and descriptions, whatever the case. A provider that does not answer is left
        out and named; nobody waits for it longer than two seconds.
        """
        return await self._offer(await self._directory.endpoints(user_id), query)

    async def offer_of(self, user_id: int, provider_id: str, *, query: str | None = None) -> Offer:
        """The same of one provider; empty for one that the user cannot use."""
        endpoints = await self._directory.endpoints(user_id)
        return await self._offer([one for one in endpoints if one.provider_id == provider_id], query)

    async def listed(self, endpoint: Endpoint, *, anew: bool) -> Sequence[ModelInfo]:
        """What one provider lists: `Shelves.listed`."""
        return await self._shelves.listed(endpoint, anew=anew)

    async def choose(self, user_id: int, provider_id: str | None, model: str | None) -> tuple[str, str]:
        """The provider and model to use, with defaults for what is not said.

        Nothing said: the user's default, else the server's, else what `models/preference.py` finds best. A model name
        is not checked against the catalogue when its provider is named: providers serve more than they list.
        Errors: Invalid provider_not_found, model_not_found.
        """
        if provider_id is not None:
            endpoint = await self._directory.endpoint(user_id, provider_id)
            return provider_id, model or await self._model_of(user_id, endpoint)
        if model is not None:
            return await self._find(user_id, model)
        chosen = await self._defaults.default_of(user_id)
        if chosen is not None:
            return await self._usable(user_id, *chosen)
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

    async def _usable(self, user_id: int, provider_id: str, model: str) -> tuple[str, str]:
        """Never another one in its place: what is said to a model must not go to somebody else unasked."""
        try:
            await self._directory.endpoint(user_id, provider_id)
        except Invalid:
            raise Invalid(
                f"Your default model {model!r} is at the provider {provider_id!r}, which you cannot use just now. "
                "Activate the provider or choose another model.",
                code="provider_not_found",
            ) from None
        return provider_id, model

    async def _model_of(self, user_id: int, endpoint: Endpoint) -> str:
        chosen = await self._defaults.default_of(user_id)
        if chosen is not None and chosen[0] == endpoint.provider_id:
            return chosen[1]
        model = preferred(_listing(endpoint, await self._shelves.of(endpoint)))
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

    async def _offer(self, endpoints: Sequence[Endpoint], query: str | None) -> Offer:
        shelves = await asyncio.gather(*map(self._shelves.of, endpoints))
        found: list[ListedModel] = []
        incomplete: list[str] = []
        for endpoint, shelf in zip(endpoints, shelves, strict=True):
            if shelf.reachable:
                models = await self._priced(endpoint, shelf)
                found += [ListedModel(endpoint.provider_id, model) for model in models if _matches(model, query)]
            else:
                incomplete.append(endpoint.provider_id)
        return Offer(tuple(found), tuple(incomplete))

    async def _priced(self, endpoint: Endpoint, shelf: Shelf) -> Sequence[ModelInfo]:
        """Looked up once for each listing, by the first who wants to see it."""
        if shelf.priced is not None:
            return shelf.priced
        listed = shelf.models
        if not listed or endpoint.protocol in _UNPRICED:
            return listed
        facts = await self._prices.facts(endpoint.base_url, [model.id for model in listed])
        priced = tuple(_with_facts(model, facts.get(model.id)) for model in listed)
        if shelf.models is listed:  # the provider may have listed others meanwhile
            shelf.priced = priced
        return priced


def _matches(model: ModelInfo, query: str | None) -> bool:
    wanted = (query or "").strip().casefold()
    return any(wanted in text.casefold() for text in (model.id, model.label, model.description or ""))


def _with_facts(model: ModelInfo, facts: ModelFacts | None) -> ModelInfo:
    """What the provider says itself is the truth; the list fills in the rest."""
    if facts is None:
        return model
    capabilities = model.capabilities
    if capabilities.max_context_tokens is None:
        capabilities = replace(capabilities, max_context_tokens=facts.context_tokens)
    return replace(model, capabilities=capabilities, prices=model.prices or facts.prices)


def _listing(endpoint: Endpoint, shelf: Shelf) -> ProviderListing:
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
