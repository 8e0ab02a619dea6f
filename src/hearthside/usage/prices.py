"""What models cost at which provider, from the table that the package genai-prices brings along.

Nothing is asked over the network: the table is as old as the installed package. A price belongs to an address, not to
a name that somebody gave to a provider: a server of one's own that calls itself OpenAI has no prices.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from hearthside.kit.clock import Clock
from hearthside.usage.model import ModelFacts, TokenPrices

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider


class PriceList(Protocol):
    """Who knows what models cost and how much they can read."""

    async def facts(self, base_url: str, models: Sequence[str]) -> Mapping[str, ModelFacts]:
        """By model id, for those that are known of the provider at `base_url`."""
        ...


class BundledPrices:
    """The table of the package, loaded (0.3 s, 23 MB) when somebody first asks, in a thread: the server goes on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def facts(self, base_url: str, models: Sequence[str]) -> Mapping[str, ModelFacts]:
        if not base_url.startswith("https://"):
            return {}  # nobody sells in the clear: a server at home need not load the table
        return await asyncio.to_thread(_look_up, base_url, tuple(models), self._clock.now())


def _look_up(base_url: str, models: Sequence[str], now: datetime) -> Mapping[str, ModelFacts]:
    # Slow and large: see BundledPrices. The package keeps the table, so that it is loaded once.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    providers = get_snapshot().providers
    # Not the package's own search: it remembers every address and model that it was ever asked for.
    provider = next((one for one in providers if re.match(one.api_pattern, base_url)), None)
    if provider is None:
        return {}
    found = ((model, _match(provider, model, providers)) for model in models)
    return {model: _to_facts(match, now) for model, match in found if match is not None}


def _match(provider: "Provider", model: str, providers: "list[Provider]") -> "ModelInfo | None":
    return provider.find_model(model, all_providers=providers)


def _to_facts(model: "ModelInfo", now: datetime) -> ModelFacts:
    listed = model.get_prices(now)
    prices = TokenPrices(
        input_usd=_base(listed.input_mtok),
        output_usd=_base(listed.output_mtok),
        cached_input_usd=_base(listed.cache_read_mtok),
    )
    return ModelFacts(context_tokens=model.context_window, prices=None if prices == TokenPrices() else prices)


def _base(price: Any) -> Decimal | None:
    """Of a price in tiers, the one that begins at no tokens."""
    return getattr(price, "base", price)
